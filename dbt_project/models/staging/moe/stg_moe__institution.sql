with source as (

    select * from {{ source('raw', 'moe__institution') }}

),

renamed as (

    select
        _record_id as record_id,
        school_code,
        substr(school_code, 3, 2) as province_code,
        {{ join_lines('name') }} as institution_name,
        {{ clean_text('department') }} as department,
        replace({{ clean_text('city_name') }}, ' ', '') as city_name,
        level,
        remark
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
