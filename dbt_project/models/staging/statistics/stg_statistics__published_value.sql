with source as (

    select * from {{ source('raw', 'statistics__published_value') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_text('indicator') }} as indicator_text,
        cast(year as integer) as indicator_year,
        value as indicator_value,
        {{ clean_text('measure_unit') }} as measure_unit,
        value_kind,
        {{ clean_text('definition_note') }} as definition_note,
        {{ clean_text('source_url') }} as source_url,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
