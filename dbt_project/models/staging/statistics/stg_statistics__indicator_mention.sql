with source as (

    select * from {{ source('raw', 'statistics__indicator_mention') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('mention_no') }} as mention_no,
        {{ clean_code('indicator_code') }} as indicator_code,
        {{ clean_text('indicator_name') }} as indicator_name,
        {{ clean_text('section') }} as document_section,
        mention_kind,
        cast(year as integer) as indicator_year,
        value as mentioned_value,
        {{ clean_text('measure_unit') }} as measure_unit,
        {{ clean_text('quote') }} as quoted_text,
        {{ clean_text('document') }} as source_document,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
