with source as (

    select * from {{ source('raw', 'nssfc__project') }}

),

renamed as (

    select
        _record_id as record_id,
        _content_hash as content_hash,
        {{ clean_code('approval_number') }} as project_number,
        category,
        {{ join_lines('discipline') }} as discipline_text,
        {{ clean_text('title') }} as title,
        {{ try_date('start_text') }} as start_date,
        cast(substr(start_text, 1, 4) as integer) as start_year,
        {{ clean_text('leader_name') }} as leader_name,
        {{ clean_text('leader_rank') }} as leader_rank,
        {{ clean_text('institution_name') }} as institution_name,
        {{ clean_text('region_text') }} as region_text,
        {{ clean_text('system_text') }} as system_text,
        grade,
        {{ try_date('completion_text') }} as completion_date,
        {{ clean_text('certificate_number') }} as certificate_number,
        _as_of as as_of_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
