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
        {{ clean_text('name_v1') }} as name_v1,
        labels_v1,
        aliases_v1,
        names,
        addresses_v1,
        locations,
        relationships
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
