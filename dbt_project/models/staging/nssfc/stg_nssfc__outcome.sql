with source as (

    select * from {{ source('raw', 'nssfc__outcome') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('approval_number') }} as project_number,
        {{ clean_text('project_title') }} as project_title,
        {{ clean_text('leader_name') }} as leader_name,
        {{ clean_text('outcome_title') }} as title,
        {{ clean_text('form_text') }} as form_text,
        grade,
        {{ try_date('completion_text') }} as completion_date,
        {{ clean_text('certificate_number') }} as certificate_number,
        {{ clean_text('publisher') }} as publisher,
        {{ try_date('published_text') }} as published_date,
        award_text is not null as is_awarded,
        _as_of as as_of_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
