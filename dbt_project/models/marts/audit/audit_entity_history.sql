-- What became of ids: everything that builds committed, and what this one found changed, which it commits when it is
-- done. So the build that finds a change and every later one say the same.
with committed as (

    select
        entity_type,
        mention_id,
        entity_id,
        event,
        previous_id,
        event_date
    from {{ ref('stg_resolution__membership') }}

),

changes as (

    select * from committed
    union all
    select
        entity_type,
        mention_id,
        entity_id,
        event,
        previous_id,
        {{ as_of() }} as event_date
    from {{ ref('int_entity_links') }}
    where event is not null

),

-- of a merger the entity that is gone is told, of a split the one that is new
events as (

    select
        entity_type,
        mention_id,
        event_date,
        case when event = 'merged' then previous_id else entity_id end as entity_id,
        case event
            when 'created' then 'created'
            when 'merged' then 'merged_into'
            when 'split' then 'split_from'
            when 'moved' then 'member_moved'
        end as event_name,
        case when event = 'merged' then entity_id else previous_id end as other_entity_id
    from changes
    where event != 'joined'

),

final as (

    select
        entity_id || '|' || event_name || '|' || coalesce(other_entity_id || '|', '') || event_date as history_id,
        entity_id,
        entity_type,
        {{ entity_type_label('entity_type') }} as entity_type_label,
        event_name,
        {{ entity_event_label('event_name') }} as event_label,
        other_entity_id,
        event_date,
        count(*) as mention_count,
        {{ json_list_agg(regex_group('mention_id', '^(.*)#[^#]*$')) }} as record_ids
    from events
    group by entity_id, entity_type, event_name, other_entity_id, event_date

)

select * from final
