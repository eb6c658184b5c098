-- All versions: the earlier ones are the history. A mention that is gone keeps its last entity: nothing is withdrawn.
with source as (

    select * from {{ source('raw', 'resolution__membership') }}

),

renamed as (

    select
        _record_id || '@' || _version as membership_id,
        _record_id as record_id,
        _version as version_number,
        entity_type,
        mention_id,
        entity_id,
        event,
        lag(entity_id) over (partition by _record_id order by _version) as previous_id,
        _as_of as event_date,
        _is_current as is_current
    from source

)

select * from renamed
