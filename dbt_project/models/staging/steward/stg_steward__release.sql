with source as (

    select * from {{ source('raw', 'steward__release') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('release_no') }} as release_no,
        {{ clean_text('source_name') }} as source_name,
        {{ clean_text('record_type') }} as record_type,
        {{ clean_text('record_id') }} as subject_record_id,
        {{ clean_text('refused_for') }} as refused_for,
        verdict,
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
