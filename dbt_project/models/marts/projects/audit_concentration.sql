-- Rule 4 of the plan, first half (超限项、超投入): on the day of an approval its leader leads more open projects than the
-- guides allow, or somebody of its team has promised more than all of the working time to open projects.
with rules as (

    select * from {{ ref('concentration_rules') }}

),

projects as (

    select
        record_id,
        project_no,
        title,
        approval_date,
        {{ closing_date('stages') }} as closed_date,
        {{ json_items('efforts') }} as efforts
    from {{ ref('stg_pds__project') }}

),

leaders as (

    select
        links.record_id,
        links.entity_id as person_id
    from {{ ref('int_person_links') }} as links
    inner join projects on links.record_id = projects.record_id
    where links.role = 'leader'

),

efforts as (

    select
        projects.record_id,
        people.entity_id as person_id,
        sum(cast({{ json_text('u.item', '$.percent') }} as double)) as effort_percent
    from projects
    cross join {{ explode_numbered('projects.efforts', 'u', 'place', 'item') }}
    inner join {{ ref('int_person_links') }} as people
        on projects.record_id = people.record_id and 'effort ' || u.place = people.role
    group by projects.record_id, people.entity_id

),

parts as (

    select
        record_id,
        person_id,
        'leader_limit' as kind,
        1.0 as amount
    from leaders
    union all
    select
        record_id,
        person_id,
        'effort' as kind,
        effort_percent as amount
    from efforts

),

dated as (

    select
        parts.*,
        projects.project_no,
        projects.approval_date,
        projects.closed_date
    from parts
    inner join projects on parts.record_id = projects.record_id

),

-- all that is open on the day of an approval, the approved project itself included
counted as (

    select
        newest.kind,
        newest.person_id,
        newest.record_id,
        newest.project_no,
        newest.approval_date,
        sum(beside.amount) as amount,
        count(*) as project_count,
        array_agg(beside.record_id) as record_ids
    from dated as newest
    inner join dated as beside
        on
            newest.person_id = beside.person_id
            and newest.kind = beside.kind
            and newest.approval_date >= beside.approval_date
            and coalesce(newest.approval_date < beside.closed_date, true)
    where newest.approval_date <= {{ as_of() }}
    group by newest.kind, newest.person_id, newest.record_id, newest.project_no, newest.approval_date

),

final as (

    select
        {{ entity_id('conc', "c.kind || '|' || c.person_id || '|' || c.record_id") }} as concentration_id,
        c.kind as concentration_kind,
        {{ concentration_kind_label('c.kind') }} as concentration_kind_label,
        c.person_id,
        c.record_id as project_record_id,
        c.project_no,
        c.approval_date,
        {{ year_of('c.approval_date') }} as approval_year,
        round(cast(c.amount as double), 4) as amount,
        cast(case c.kind when 'effort' then r.most_percent else r.most_led end as double) as most_allowed,
        cast(c.project_count as integer) as project_count,
        r.rule_version,
        r.source_document as rule_source,
        {{ json_list('c.record_ids') }} as record_ids
    from counted as c
    inner join rules as r on {{ in_force('r', 'c.approval_date') }}
    where c.amount > case c.kind when 'effort' then r.most_percent else r.most_led end

)

select * from final
