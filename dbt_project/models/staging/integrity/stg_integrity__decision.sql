with source as (

    select * from {{ source('raw', 'integrity__decision') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('case_no') }} as case_no,
        status,
        {{ document_number('decision_no') }} as decision_no,
        decision_date,
        {{ clean_text('authority') }} as authority,
        subject_type,
        {{ clean_text('subject_name') }} as subject_name,
        subject_id_number,
        subject_id_number_pseudonym,
        {{ clean_code('subject_credit_code') }} as subject_credit_code,
        {{ clean_text('employer_name') }} as employer_name,
        {{ clean_code('employer_credit_code') }} as employer_credit_code,
        behaviour_code,
        culpability,
        severity,
        {{ clean_code('report_no') }} as report_no,
        {{ clean_code('project_no') }} as project_no,
        rule_version,
        is_published,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
