-- Which record belongs to which entity, and why: one row per mention, and one per entity that a steward's decision
-- shaped.
with links as (

    select * from {{ ref('int_entity_links') }}

),

decisions as (

    select * from {{ ref('int_entity_decision_links') }}
    where is_applied

),

mentions as (

    select
        links.entity_id || '|' || links.mention_id as link_id,
        links.entity_id,
        links.entity_type,
        links.record_id,
        links.role,
        links.rule,
        links.probability,
        links.evidence,
        linked.record_id as linked_record_id,
        linked.role as linked_role_name,
        case
            when linked.record_id is null then {{ json_list(list_of(['links.record_id'])) }}
            else {{ json_list(list_of(['links.record_id', 'linked.record_id'])) }}
        end as record_ids
    from links
    left join links as linked
        on links.entity_type = linked.entity_type and links.linked_mention_id = linked.mention_id

),

final as (

    select * from mentions
    union all
    select
        entity_decision_id as link_id,
        entity_id,
        entity_type,
        record_id,
        'decision' as decision_role,
        'steward' as decision_rule,
        cast(1 as double) as probability,
        decision_no as evidence,
        cast(null as varchar) as linked_record_id,
        cast(null as varchar) as linked_role_name,
        {{ json_list(list_of(['record_id'])) }} as record_ids
    from decisions

)

select
    link_id,
    entity_id,
    entity_type,
    {{ entity_type_label('entity_type') }} as entity_type_label,
    record_id,
    role,
    rule,
    probability,
    evidence,
    linked_record_id,
    linked_role_name as linked_role,
    record_ids
from final
