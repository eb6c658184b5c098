with source as (

    select * from {{ source('raw', 'integrity__appeal') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('appeal_no') }} as appeal_no,
        status,
        {{ clean_code('case_no') }} as case_no,
        filed_date,
        decided_date,
        result,
        {{ clean_text('authority') }} as authority,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
