with source as (

    select * from {{ source('raw', 'statistics__indicator_value') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('indicator_code') }} as indicator_code,
        {{ clean_text('indicator_name') }} as indicator_name,
        cast(year as integer) as indicator_year,
        dimension,
        {{ clean_code('unit_code') }} as unit_code,
        {{ clean_text('unit_name') }} as unit_name,
        value as indicator_value,
        measure_unit,
        {{ clean_code('denominator_code') }} as denominator_code,
        {{ clean_text('definition') }} as definition,
        {{ clean_text('denominator') }} as denominator,
        {{ clean_text('publisher') }} as publisher,
        {{ clean_text('document') }} as source_document,
        value_kind,
        cast(revision as integer) as revision,
        published_date,
        _version as record_version,
        _is_current as is_current,
        _received_at as received_at
    from source
    where not _is_withdrawn

)

select * from renamed
