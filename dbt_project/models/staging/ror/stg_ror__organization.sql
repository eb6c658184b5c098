with source as (

    select * from {{ source('raw', 'ror__organization') }}

),

renamed as (

    select
        _record_id as record_id,
        _version as version_number,
        _is_current as is_current,
        {{ ror_code('ror_id') }} as ror_id,
        release,
        cast(floor(schema_version) as integer) as schema_version,
        status,
        lower(types) as types,
        cast(established as integer) as established_year,
        {{ clean_text('name_v1') }} as name_v1,
        labels_v1,
        aliases_v1,
        acronyms_v1,
        names,
        coalesce(
            {{ json_text('locations', '$[0].geonames_id') }},
            {{ json_text('addresses_v1', '$[0].geonames_city.id') }}
        ) as geonames_id,
        coalesce(
            {{ json_text('locations', '$[0].geonames_details.name') }},
            {{ json_text('addresses_v1', '$[0].city') }}
        ) as geonames_name,
        cast(coalesce(
            {{ json_text('locations', '$[0].geonames_details.lat') }},
            {{ json_text('addresses_v1', '$[0].lat') }}
        ) as double) as latitude,
        cast(coalesce(
            {{ json_text('locations', '$[0].geonames_details.lng') }},
            {{ json_text('addresses_v1', '$[0].lng') }}
        ) as double) as longitude,
        coalesce({{ json_text('links', '$[0].value') }}, {{ json_text('links', '$[0]') }}) as website,
        relationships
    from source

)

select * from renamed
