with source as (

    select * from {{ source('raw', 'pds__activity') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('activity_no') }} as activity_no,
        activity_kind,
        {{ clean_code('base_no') }} as base_no,
        {{ clean_code('envoy_no') }} as envoy_no,
        held_date,
        filed_date,
        cast(participant_count as integer) as participant_count,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
