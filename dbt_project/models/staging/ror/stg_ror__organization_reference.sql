with source as (

    select * from {{ source('raw', 'ror__organization_reference') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ ror_code('ror_id') }} as ror_id,
        release,
        status,
        lower(types) as types,
        coalesce(
            {{ clean_text('name_v1') }},
            {{ json_text('names', '$[0].value') }}
        ) as first_name,
        names,
        coalesce(
            {{ json_text('locations', '$[0].geonames_details.country_code') }},
            left({{ json_text('addresses_v1', '$[0].geonames_city.geonames_admin1.code') }}, 2)
        ) as country_code
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
