with source as (

    select * from {{ source('raw', 'integrity__report') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('report_no') }} as report_no,
        status,
        received_date,
        accepted_date,
        closed_date,
        channel,
        is_anonymous,
        reporter_phone,
        reporter_phone_pseudonym,
        subject_type,
        {{ clean_text('subject_name') }} as subject_name,
        {{ clean_text('employer_name') }} as employer_name,
        behaviour_code,
        {{ clean_code('project_no') }} as project_no,
        {{ clean_code('case_no') }} as case_no,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
