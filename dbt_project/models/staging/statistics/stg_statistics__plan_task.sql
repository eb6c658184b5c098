with source as (

    select * from {{ source('raw', 'statistics__plan_task') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('task_no') }} as task_no,
        {{ clean_text('title') }} as task_title,
        {{ clean_text('section') }} as document_section,
        {{ clean_text('lead_department') }} as lead_department,
        {{ clean_text('helping_departments') }} as helping_departments,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('owner') }} as task_owner,
        {{ clean_code('indicator_code') }} as indicator_code,
        start_date,
        due_date,
        state as task_state,
        cast(progress_percent as integer) as progress_percent,
        completed_date,
        value_kind,
        _as_of as as_of_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
