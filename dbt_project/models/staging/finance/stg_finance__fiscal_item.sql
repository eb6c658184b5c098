with source as (

    select * from {{ source('raw', 'finance__fiscal_item') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('item_no') }} as item_no,
        cast(fiscal_year as integer) as fiscal_year,
        government_level,
        {{ clean_text('department') }} as department,
        {{ clean_text('special_fund') }} as special_fund,
        {{ clean_text('item_name') }} as item_name,
        support_mode,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('recipient_name') }} as recipient_name,
        {{ clean_code('recipient_credit_code') }} as recipient_credit_code,
        {{ clean_code('project_no') }} as project_no,
        {{ clean_code('fund_no') }} as fund_no,
        budget_date,
        {{ wan_cny('planned_wan_cny') }} as planned_cny,
        {{ wan_cny('paid_wan_cny') }} as paid_cny,
        last_paid_date,
        score as performance_score,
        grade as performance_grade,
        scored_date,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
