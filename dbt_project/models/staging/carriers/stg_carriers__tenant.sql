with source as (

    select * from {{ source('raw', 'carriers__tenant') }}

),

renamed as (

    select
        _record_id as record_id,
        tenant_no,
        cast(year as integer) as statistics_year,
        {{ clean_code('district_code') }} as district_code,
        carrier_no,
        {{ clean_text('name') }} as firm_name,
        {{ clean_code('credit_code') }} as credit_code,
        entered_date,
        graduated_date,
        left_date,
        ended_date,
        cast(staff_count as integer) as staff_count,
        {{ thousand_cny('revenue_thousand_cny') }} as revenue_cny,
        status,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
