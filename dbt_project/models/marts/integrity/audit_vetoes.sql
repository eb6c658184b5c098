-- Rule 2 of the plan (一票否决): blocked(subject, day) when a severe decision bars the subject from a day on or before it
-- up to a day after it. The rule that was in force on the day says which decisions and which parts count. Earlier parts
-- are looked at again with every build, so a decision of today finds the award of last year (is_retro).
with participations as (

    select * from {{ ref('int_participations') }}

),

bars as (

    select * from {{ ref('int_bars') }}

),

rules as (

    select * from {{ ref('veto_rules') }}

),

final as (

    select
        {{ entity_id('veto', "concat_ws('|', p.record_id, p.event, p.event_date, p.role, p.entity_id, b.bar_id)") }}
            as veto_id,
        p.record_id as event_record_id,
        p.event,
        {{ participation_label('p.event') }} as event_label,
        p.event_date,
        {{ year_of('p.event_date') }} as event_year,
        p.role,
        {{ participation_role_label('p.role') }} as role_label,
        p.subject_type,
        p.entity_id,
        p.amount_cny,
        b.bar_id,
        b.case_no,
        b.decision_date,
        b.behaviour_code,
        {{ behaviour_label('b.behaviour_code') }} as behaviour_label,
        b.barred_from_date,
        b.free_date,
        b.decision_date > p.event_date as is_retro,
        r.rule_version,
        r.source_document as rule_source,
        {{ json_list(list_of(['p.record_id', 'b.decision_record_id', 'b.measure_record_id'])) }} as record_ids
    from participations as p
    inner join bars as b
        on
            p.entity_id = b.entity_id
            and p.event_date >= b.barred_from_date
            and coalesce(p.event_date < b.free_date, true)
    inner join rules as r
        on
            {{ in_force('r', 'p.event_date') }}
            and b.severity = r.severity
            and case p.role
                when 'leader' then r.blocks_leader
                when 'member' then r.blocks_member
                when 'expert' then r.blocks_expert
                when 'institution' then r.blocks_institution
                when 'legal_representative' then r.blocks_legal_representative
            end

)

select * from final
