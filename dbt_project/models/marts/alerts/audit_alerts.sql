-- Decisions against those who receive public money. Who they are is told by entity ids only, and only to auditors.
with parts as (

    select * from {{ ref('int_participations') }}
    where event = 'award'

),

bars as (

    select * from {{ ref('int_bars') }}
    where barred_from_date <= {{ as_of() }} and coalesce({{ as_of() }} < free_date, true)

),

rules as (

    select * from {{ ref('veto_rules') }}

),

projects as (

    select
        record_id,
        project_no,
        coalesce({{ closing_date('stages') }} <= {{ as_of() }}, false)
        or coalesce(acceptance_date <= {{ as_of() }}, false) as is_closed
    from {{ ref('stg_pds__project') }}

),

barred_parts as (

    select
        p.record_id,
        p.entity_id,
        projects.project_no,
        min(greatest(p.event_date, b.barred_from_date)) as since_date,
        max(b.bar_id) as bar_id,
        {{ string_agg_ordered('distinct ' ~ participation_role_label('p.role'), participation_role_label('p.role')) }}
            as role_names,
        {{ string_agg_ordered('distinct b.case_no', 'b.case_no') }} as case_nos,
        {{ json_list_agg('b.decision_record_id') }} as decision_ids,
        {{ json_list_agg('b.measure_record_id') }} as measure_ids
    from parts as p
    inner join projects on p.record_id = projects.record_id
    inner join bars as b on p.entity_id = b.entity_id
    inner join rules as r
        on
            {{ in_force('r', as_of()) }}
            and b.severity = r.severity
            and case p.role
                when 'leader' then r.blocks_leader
                when 'member' then r.blocks_member
                when 'institution' then r.blocks_institution
                when 'legal_representative' then r.blocks_legal_representative
            end
    where not projects.is_closed
    group by p.record_id, p.entity_id, projects.project_no

),

running as (

    select
        'funded_party_barred' as rule_code,
        record_id || '|' || entity_id as subject,
        project_no || ' ' || role_names as subject_label,
        since_date,
        '在研项目 ' || project_no || ' 的' || role_names || '（' || entity_id || '）处于严重失信限制期，案件 ' || case_nos
            as detail,
        bar_id as trace_key,
        {{ json_list(
            json_texts('decision_ids') ~ ' || ' ~ json_texts('measure_ids') ~ ' || ' ~ list_of(['record_id'])
        ) }} as record_ids
    from barred_parts

),

hit_rules as (

    select * from {{ ref('alert_rules') }} as r
    where r.rule_code = 'veto_hit' and {{ in_force('r', as_of()) }}

),

-- known from the day on which both the part and the decision were there
hits as (

    select
        v.*,
        greatest(v.event_date, v.decision_date) as known_date
    from {{ ref('audit_vetoes') }} as v
    cross join hit_rules as r
    where {{ days_after('greatest(v.event_date, v.decision_date)', 'r.threshold_days') }} > {{ as_of() }}

),

grouped as (

    select
        event_record_id,
        entity_id,
        event_label,
        role_label,
        count(*) as part_count,
        min(known_date) as since_date,
        sum(amount_cny) as amount_cny,
        min(veto_id) as veto_id,
        {{ string_agg_ordered('distinct case_no', 'case_no') }} as case_nos,
        {{ json_list_agg('event_record_id') }} as event_ids,
        {{ json_list_agg('bar_id') }} as bar_ids
    from hits
    group by event_record_id, entity_id, event_label, role_label

),

evidence as (

    select
        bar_id,
        decision_record_id,
        measure_record_id
    from {{ ref('int_bars') }}

),

grouped_evidence as (

    select
        h.event_record_id,
        h.entity_id,
        h.event_label,
        h.role_label,
        {{ json_list_agg('e.decision_record_id') }} as decision_ids,
        {{ json_list_agg('e.measure_record_id') }} as measure_ids
    from hits as h
    inner join evidence as e on h.bar_id = e.bar_id
    group by h.event_record_id, h.entity_id, h.event_label, h.role_label

),

hit_alerts as (

    select
        'veto_hit' as rule_code,
        g.event_record_id || '|' || g.event_label || '|' || g.role_label || '|' || g.entity_id as subject,
        g.event_record_id || ' ' || g.event_label || '（' || g.role_label || '）' as subject_label,
        g.since_date,
        g.role_label || '（' || g.entity_id || '）在严重失信限制期内有' || g.event_label || ' ' || g.part_count || ' 次'
        || coalesce('，涉及财政经费 ' || {{ number_text('g.amount_cny / 10000') }} || ' 万元', '')
        || '，案件 ' || g.case_nos as detail,
        g.veto_id as trace_key,
        {{ json_list(
            json_texts('e.decision_ids') ~ ' || ' ~ json_texts('e.measure_ids') ~ ' || ' ~ list_of(['g.event_record_id'])
        ) }} as record_ids
    from grouped as g
    inner join grouped_evidence as e
        on
            g.event_record_id = e.event_record_id
            and g.entity_id = e.entity_id
            and g.event_label = e.event_label
            and g.role_label = e.role_label

),

conditions as (

    select
        *,
        cast(null as varchar) as owner_kind,
        cast(null as varchar) as owner_name,
        cast(null as date) as due_date
    from (
        select * from running
        union all
        select * from hit_alerts
    ) as found

),

alerts as (

    {{ alert_rows('conditions') }}

),

final as (

    select
        {{ alert_columns() }}
    from alerts

)

select * from final
