with source as (

    select * from {{ source('raw', 'listed_companies__company') }}

),

renamed as (

    select
        _record_id as record_id,
        _version as version_number,
        _change as change_kind,
        _is_current as is_current,
        _is_withdrawn as is_withdrawn,
        stock_code,
        symbol,
        {{ clean_text('name') }} as short_name,
        {{ clean_text('area') }} as area,
        {{ clean_text('industry') }} as industry,
        list_date,
        _as_of as as_of_date,
        _received_at as received_at
    from source

)

select * from renamed
