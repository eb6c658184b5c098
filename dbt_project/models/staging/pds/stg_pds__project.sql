with source as (

    select * from {{ source('raw', 'pds__project') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('project_no') }} as project_no,
        {{ clean_code('application_no') }} as application_no,
        {{ clean_code('guide_no') }} as guide_no,
        {{ clean_code('call_no') }} as call_no,
        {{ clean_text('title') }} as title,
        programme,
        stage,
        stages,
        cast(year as integer) as budget_year,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('discipline') }} as discipline,
        {{ clean_text('leader_name') }} as leader_name,
        {{ clean_code('leader_talent_no') }} as leader_talent_no,
        member_talent_nos,
        efforts,
        {{ clean_text('host_name') }} as host_name,
        {{ clean_code('host_credit_code') }} as host_credit_code,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('zone_code') }} as zone_code,
        {{ wan_cny('total_budget_wan_cny') }} as total_budget_cny,
        {{ wan_cny('fiscal_budget_wan_cny') }} as fiscal_budget_cny,
        {{ wan_cny('paid_wan_cny') }} as paid_cny,
        payments,
        is_lump_sum,
        application_date,
        approval_date,
        due_date,
        acceptance_date,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
