with source as (

    select * from {{ source('raw', 'pds__talent_need') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('need_no') }} as need_no,
        cast(year as integer) as need_year,
        {{ clean_text('industry') }} as industry,
        level,
        cast(need_count as integer) as need_count,
        published_date,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
