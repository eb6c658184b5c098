with source as (

    select * from {{ source('raw', 'pds__milestone') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('project_no') }} as project_no,
        cast(sequence as integer) as step_no,
        {{ clean_text('title') }} as title,
        due_date,
        reached_date,
        status,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
