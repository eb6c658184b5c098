-- One row per project that the treasury paid: what the money bought. Judged once the project has ended and enough was
-- paid; what has not come a year after the end is taken for not coming.
with items as (

    select
        project_no,
        count(*) as item_count,
        sum(planned_cny) as planned_cny,
        sum(paid_cny) as paid_cny,
        max(last_paid_date) as last_paid_date,
        max(performance_score) as performance_score,
        {{ json_list_agg('item_no') }} as item_nos,
        array_agg(record_id) as record_ids
    from {{ ref('stg_finance__fiscal_item') }}
    where project_no is not null
    group by project_no

),

projects as (

    select * from {{ ref('stg_pds__project') }}

),

ends as (

    select
        project_no,
        max(entered_date) as ended_date,
        max_by(stage, stage_order) as ended_by
    from {{ ref('fct_project_stages') }}
    where stage in ('结题', '终止')
    group by project_no

),

acceptances as (

    select
        *,
        row_number() over (partition by project_no order by acceptance_date desc, acceptance_no desc) as age
    from {{ ref('stg_pds__acceptance') }}
    where acceptance_date <= {{ as_of() }}

),

-- a deliverable named twice counts once
outcomes as (

    select
        a.project_no,
        a.record_id,
        a.acceptance_date,
        count(distinct {{ json_text('u.item', '$.number') }}) as outcome_count
    from acceptances as a
    left join {{ explode(json_items('a.deliverables'), 'u', 'item') }} on true
    where a.age = 1
    group by a.project_no, a.record_id, a.acceptance_date

),

joined as (

    select
        i.*,
        p.record_id as project_record_id,
        p.title,
        p.programme,
        p.industry,
        p.host_name,
        p.district_code,
        p.zone_code,
        p.approval_date,
        e.ended_date,
        e.ended_by,
        o.record_id as acceptance_record_id,
        o.acceptance_date,
        coalesce(o.outcome_count, 0) as outcome_count,
        {{ days_between('e.ended_date', as_of()) }} as days_since_end,
        r.rule_version,
        r.source_document,
        r.outcome_days,
        r.min_outcomes_per_million,
        coalesce(e.ended_date <= {{ as_of() }} and i.paid_cny >= r.min_paid_cny, false) as is_judged,
        coalesce(o.outcome_count, 0) * 1000000 < r.min_outcomes_per_million * i.paid_cny as has_few
    from items as i
    inner join projects as p on i.project_no = p.project_no
    left join ends as e on i.project_no = e.project_no
    left join outcomes as o on i.project_no = o.project_no
    left join {{ ref('finance_rules') }} as r on {{ in_force('r', as_of()) }}

),

final as (

    select
        project_no,
        'pds:' || project_no as project_id,
        title,
        programme,
        industry,
        host_name,
        coalesce(district_code, '未分配') as district_code,
        coalesce(zone_code, '未分配') as zone_code,
        item_nos,
        cast(item_count as integer) as item_count,
        cast(planned_cny as decimal(18, 2)) as planned_cny,
        cast(paid_cny as decimal(18, 2)) as paid_cny,
        last_paid_date,
        cast(performance_score as double) as performance_score,
        approval_date,
        acceptance_date,
        ended_date,
        ended_by,
        days_since_end,
        cast(outcome_count as integer) as outcome_count,
        outcome_count * 1000000 / nullif(cast(paid_cny as double), 0) as outcomes_per_million,
        is_judged,
        is_judged and has_few and days_since_end > outcome_days as is_poor_return,
        case
            when not is_judged then '未到评判：未结题或拨付不足'
            when not has_few then '达到要求'
            when days_since_end <= outcome_days then '结题未满一年，成果待计'
            when outcome_count = 0 then '结题满一年，没有成果'
            else '结题满一年，成果不足'
        end as finding,
        rule_version,
        source_document,
        {{ json_list("list_concat(record_ids, [project_record_id, acceptance_record_id])") }} as record_ids
    from joined

)

select * from final
