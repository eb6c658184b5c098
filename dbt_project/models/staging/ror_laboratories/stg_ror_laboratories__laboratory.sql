with source as (

    select * from {{ source('raw', 'ror_laboratories__laboratory') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ ror_code('ror_id') }} as ror_id,
        {{ clean_text('name_en') }} as name_en,
        {{ split_list('names_zh', ' | ') }} as names_zh,
        {{ clean_text('city_name') }} as city_name,
        {{ split_list('hosts', ' | ') }} as relations,
        status,
        release
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
