with source as (

    select * from {{ source('raw', 'pds__outreach_base') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('base_no') }} as base_no,
        {{ clean_text('name') }} as base_name,
        base_kind,
        level,
        {{ clean_text('host_name') }} as host_name,
        {{ clean_code('host_credit_code') }} as host_credit_code,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('partner_place') }} as partner_place,
        approved_date,
        closed_date,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
