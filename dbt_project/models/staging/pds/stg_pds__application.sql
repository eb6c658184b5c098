with source as (

    select * from {{ source('raw', 'pds__application') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('application_no') }} as application_no,
        {{ clean_text('title') }} as title,
        {{ clean_text('abstract') }} as abstract,
        programme,
        cast(year as integer) as budget_year,
        {{ clean_code('guide_no') }} as guide_no,
        {{ clean_code('call_no') }} as call_no,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('discipline') }} as discipline,
        {{ clean_text('leader_name') }} as leader_name,
        {{ clean_code('leader_talent_no') }} as leader_talent_no,
        member_talent_nos,
        {{ clean_text('host_name') }} as host_name,
        {{ clean_code('host_credit_code') }} as host_credit_code,
        {{ clean_code('district_code') }} as district_code,
        {{ wan_cny('requested_total_wan_cny') }} as requested_total_cny,
        {{ wan_cny('requested_fiscal_wan_cny') }} as requested_fiscal_cny,
        application_date,
        state,
        decision_date,
        {{ clean_code('project_no') }} as project_no,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
