with source as (

    select * from {{ source('raw', 'carriers__platform') }}

),

renamed as (

    select
        _record_id as record_id,
        platform_no,
        cast(year as integer) as statistics_year,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_text('name') }} as platform_name,
        platform_type,
        level,
        {{ clean_text('host_name') }} as host_name,
        {{ clean_code('host_credit_code') }} as host_credit_code,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('discipline') }} as discipline,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('address') }} as address,
        approved_date,
        area_m2,
        cast(staff_count as integer) as staff_count,
        cast(hired_count as integer) as hired_count,
        cast(instrument_count as integer) as instrument_count,
        {{ thousand_cny('equipment_thousand_cny') }} as equipment_cny,
        service_hours,
        external_hours,
        {{ thousand_cny('revenue_thousand_cny') }} as revenue_cny,
        {{ thousand_cny('rd_expense_thousand_cny') }} as rd_expense_cny,
        {{ thousand_cny('subsidy_thousand_cny') }} as subsidy_cny,
        cast(hatched_count as integer) as hatched_count,
        assessment_score,
        status,
        {{ clean_text('remark') }} as remark,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
