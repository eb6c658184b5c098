with source as (

    select * from {{ source('raw', 'pds__review') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('review_no') }} as review_no,
        {{ clean_code('application_no') }} as application_no,
        {{ clean_code('expert_no') }} as expert_no,
        assigned_date,
        review_date,
        score,
        conclusion,
        state,
        is_conflict_declared,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
