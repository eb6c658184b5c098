with source as (

    select * from {{ source('raw', 'steward__entity_decision') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('decision_no') }} as decision_no,
        decision_kind,
        entity_type,
        nullif(replace(replace(record_ids, '；', ';'), ' ', ''), '') as subject_record_ids,
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
