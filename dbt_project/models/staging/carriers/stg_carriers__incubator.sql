with source as (

    select * from {{ source('raw', 'carriers__incubator') }}

),

renamed as (

    select
        _record_id as record_id,
        carrier_no,
        cast(year as integer) as statistics_year,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_text('name') }} as carrier_name,
        carrier_type,
        level,
        {{ clean_text('host_name') }} as host_name,
        {{ clean_code('host_credit_code') }} as host_credit_code,
        {{ clean_text('industry') }} as industry,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('address') }} as address,
        approved_date,
        area_m2,
        incubation_area_m2,
        occupied_area_m2,
        occupied_area_m2 / nullif(incubation_area_m2, 0) as occupancy_share,
        cast(desk_count as integer) as desk_count,
        cast(incubated_count as integer) as incubated_count,
        cast(entered_count as integer) as entered_count,
        cast(graduated_count as integer) as graduated_count,
        cast(graduated_total as integer) as graduated_total,
        cast(staff_count as integer) as staff_count,
        cast(mentor_count as integer) as mentor_count,
        cast(event_count as integer) as event_count,
        {{ thousand_cny('revenue_thousand_cny') }} as revenue_cny,
        {{ thousand_cny('subsidy_thousand_cny') }} as subsidy_cny,
        assessment_score,
        status,
        {{ clean_text('remark') }} as remark,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
