with source as (

    select * from {{ source('raw', 'market__match_event') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('event_no') }} as event_no,
        {{ clean_code('activity_no') }} as activity_no,
        activity_kind,
        held_date,
        {{ clean_code('demand_no') }} as demand_no,
        {{ clean_code('achievement_no') }} as achievement_no,
        {{ clean_code('institution_no') }} as institution_no,
        result,
        {{ clean_code('contract_no') }} as contract_no,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
