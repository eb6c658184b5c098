-- One row per project of the city's programmes: money promised, paid and spent, milestones reached and missed, what its
-- acceptance said and what it handed in.
with projects as (

    select * from {{ ref('stg_pds__project') }}

),

budgets as (

    select
        project_no,
        sum(planned_cny) as planned_cny,
        sum(spent_cny) as spent_cny,
        array_agg(record_id) as record_ids
    from {{ ref('stg_pds__budget') }}
    group by project_no

),

milestones as (

    select
        project_no,
        count(*) as milestone_count,
        count(*) filter (where reached_date <= {{ as_of() }}) as reached_count,
        count(*) filter (
            where
            reached_date > due_date
            or (reached_date is null and due_date < {{ as_of() }})
        ) as missed_count,
        array_agg(record_id) as record_ids
    from {{ ref('stg_pds__milestone') }}
    group by project_no

),

acceptances as (

    select
        project_no,
        max_by(conclusion, (acceptance_date, acceptance_no)) as conclusion,
        max_by(grade, (acceptance_date, acceptance_no)) as grade,
        max_by(score, (acceptance_date, acceptance_no)) as score,
        max_by(deliverables, (acceptance_date, acceptance_no)) as deliverables,
        max_by(new_revenue_cny, (acceptance_date, acceptance_no)) as new_revenue_cny,
        max_by(job_count, (acceptance_date, acceptance_no)) as job_count,
        array_agg(record_id) as record_ids
    from {{ ref('stg_pds__acceptance') }}
    where acceptance_date <= {{ as_of() }}
    group by project_no

),

final as (

    select
        p.record_id as project_progress_id,
        'pds:' || p.project_no as project_id,
        p.project_no,
        p.title,
        p.programme,
        p.industry,
        p.district_code,
        p.zone_code,
        p.budget_year,
        p.stage,
        p.is_lump_sum,
        p.fiscal_budget_cny,
        p.paid_cny,
        round(p.paid_cny / nullif(p.fiscal_budget_cny, 0), 4) as paid_share,
        cast(b.planned_cny as decimal(18, 2)) as planned_cny,
        cast(b.spent_cny as decimal(18, 2)) as spent_cny,
        round(b.spent_cny / nullif(b.planned_cny, 0), 4) as spent_share,
        cast(coalesce(m.milestone_count, 0) as integer) as milestone_count,
        cast(coalesce(m.reached_count, 0) as integer) as reached_count,
        cast(coalesce(m.missed_count, 0) as integer) as missed_count,
        a.conclusion as acceptance_conclusion,
        a.grade as acceptance_grade,
        cast(a.score as double) as acceptance_score,
        case when a.project_no is not null then {{ json_list_size("coalesce(a.deliverables, '[]')") }} end
            as deliverable_count,
        -- outcomes for a million of public money: asked only of what was accepted
        round(
            {{ json_list_size("coalesce(a.deliverables, '[]')") }} * 1000000.0 / nullif(p.fiscal_budget_cny, 0), 4
        ) as deliverables_per_million,
        a.new_revenue_cny,
        a.job_count,
        {{ json_list('flatten(' ~ list_of([
            list_of(['p.record_id']),
            'coalesce(b.record_ids, ' ~ empty_list() ~ ')',
            'coalesce(m.record_ids, ' ~ empty_list() ~ ')',
            'coalesce(a.record_ids, ' ~ empty_list() ~ ')',
        ]) ~ ')') }} as record_ids
    from projects as p
    left join budgets as b on p.project_no = b.project_no
    left join milestones as m on p.project_no = m.project_no
    left join acceptances as a on p.project_no = a.project_no

)

select * from final
