with source as (

    select * from {{ source('raw', 'carriers__platform') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('platform_no') }} as platform_no,
        {{ clean_text('name') }} as platform_name,
        platform_type,
        level,
        {{ clean_text('host_name') }} as host_name,
        {{ clean_code('host_credit_code') }} as host_credit_code,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('discipline') }} as discipline,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('address') }} as address,
        approved_date,
        cast(statistics_year as integer) as statistics_year,
        area_m2,
        service_hours,
        external_hours,
        {{ thousand_cny('equipment_thousand_cny') }} as equipment_cny,
        {{ thousand_cny('revenue_thousand_cny') }} as revenue_cny,
        {{ thousand_cny('subsidy_thousand_cny') }} as subsidy_cny,
        cast(staff_count as integer) as staff_count,
        cast(incubated_count as integer) as incubated_count,
        assessment_score,
        status,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
