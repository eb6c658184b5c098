with source as (

    select * from {{ source('raw', 'enterprises__firm_year') }}

),

renamed as (

    select
        _record_id as record_id,
        firm_no,
        cast(year as integer) as year,
        {{ clean_text('firm_name') }} as firm_name,
        {{ clean_code('credit_code') }} as credit_code,
        cast(staff_count as integer) as staff_count,
        cast(rd_staff_count as integer) as rd_staff_count,
        {{ wan_cny('revenue_wan_cny') }} as revenue_cny,
        {{ wan_cny('rd_expense_wan_cny') }} as rd_expense_cny,
        {{ wan_cny('high_tech_revenue_wan_cny') }} as high_tech_revenue_cny,
        {{ wan_cny('assets_wan_cny') }} as assets_cny,
        {{ wan_cny('profit_wan_cny') }} as profit_cny,
        staff_score,
        rd_score,
        result_score,
        staff_score + rd_score + result_score as score,
        is_corrected = '是' as is_corrected,
        filed_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
