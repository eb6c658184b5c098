-- Every decision of the stewards on entities: whether it counts, and if not why. Who decided is not shown.
with decisions as (

    select * from {{ ref('int_entity_decisions') }}

),

entities as (

    select
        decision_no,
        min(case when is_applied then 1 else 0 end) = 1 as is_applied,
        {{ json_list_agg('entity_id') }} as entity_ids
    from {{ ref('int_entity_decision_links') }}
    group by decision_no

),

judged as (

    select
        decisions.*,
        coalesce(entities.is_applied, false) as is_applied,
        coalesce(entities.entity_ids, '[]') as entity_ids,
        case
            when decisions.decision_status = 'effective' and not coalesce(entities.is_applied, false) then 'overruled'
            else decisions.decision_status
        end as final_status
    from decisions
    left join entities on decisions.decision_no = entities.decision_no

)

select
    decision_no,
    entity_type,
    {{ entity_type_label('entity_type') }} as entity_type_label,
    decision_kind,
    {{ entity_decision_label('decision_kind') }} as decision_label,
    subject_record_ids,
    final_status as decision_status,
    {{ entity_decision_status_label('final_status') }} as status_label,
    is_applied,
    proposed_date,
    approved_date,
    revoked_date,
    entity_ids,
    {{ json_list(list_of(['record_id'])) }} as record_ids
from judged
