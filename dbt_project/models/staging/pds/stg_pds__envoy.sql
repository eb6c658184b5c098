with source as (

    select * from {{ source('raw', 'pds__envoy') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('envoy_no') }} as envoy_no,
        {{ clean_code('talent_no') }} as talent_no,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_text('served_name') }} as served_name,
        {{ clean_text('service_field') }} as service_field,
        from_date,
        to_date,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
