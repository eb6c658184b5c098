with source as (

    select * from {{ source('raw', 'steward__correction') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('correction_no') }} as correction_no,
        {{ clean_text('record_id') }} as subject_record_id,
        {{ clean_text('field_name') }} as field_name,
        old_value,
        new_value,
        {{ clean_text('proposed_by') }} as proposed_by,
        proposed_date,
        {{ clean_text('approved_by') }} as approved_by,
        approved_date,
        revoked_date,
        {{ clean_text('reason') }} as decision_reason,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
