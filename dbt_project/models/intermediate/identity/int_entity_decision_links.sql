-- The entities that a decision of a steward shaped: its record stands beside theirs.
with decisions as (

    select * from {{ ref('int_entity_decisions') }}
    where decision_status = 'effective'

),

links as (

    select * from {{ ref('int_entity_links') }}

),

shaped as (

    select distinct
        decisions.decision_no,
        decisions.record_id,
        decisions.entity_type,
        decisions.decision_kind,
        links.entity_id,
        u.mention_id
    from decisions
    cross join {{ explode(json_texts('decisions.mention_ids'), 'u', 'mention_id') }}
    inner join links on decisions.entity_type = links.entity_type and u.mention_id = links.mention_id

),

-- a decision that the links do not show was overruled by another one
judged as (

    select
        decision_no,
        case
            when min(decision_kind) = 'merge' then count(distinct entity_id) = 1
            else count(distinct entity_id) = count(distinct mention_id)
        end as is_applied
    from shaped
    group by decision_no

)

select distinct
    shaped.entity_id || '|' || shaped.decision_no as entity_decision_id,
    shaped.entity_id,
    shaped.entity_type,
    shaped.decision_no,
    shaped.decision_kind,
    shaped.record_id,
    judged.is_applied
from shaped
inner join judged on shaped.decision_no = judged.decision_no
