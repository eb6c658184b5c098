-- What somebody has to look at today, one row per rule and subject, there while its condition holds. That it began and
-- that it ended is told by `brain alerts`, which remembers what it has told.
with statuses as (

    select
        *,
        max(indicator_year) filter (where actual_value is not null) over (
            partition by indicator_code, target_year
        ) as newest_year,
        -- the year after the last in which the state was another one: there the present state began
        max(target_year) over (partition by indicator_code) as last_target_year
    from {{ ref('fct_indicator_status') }}
    where is_current

),

state_changes as (

    select
        newest.status_id,
        max(earlier.indicator_year) as changed_year
    from statuses as newest
    inner join statuses as earlier
        on
            newest.indicator_code = earlier.indicator_code
            and newest.target_year = earlier.target_year
            and newest.indicator_year > earlier.indicator_year
            and newest.state != earlier.state
    where newest.indicator_year = newest.newest_year
    group by newest.status_id

),

first_years as (

    select
        indicator_code,
        target_year,
        min(indicator_year) as first_year
    from statuses
    group by indicator_code, target_year

),

indicators as (

    select
        case s.state when '滞后' then 'indicator_behind' else 'indicator_watch' end as rule_code,
        s.indicator_code || '|' || s.target_year as subject,
        s.indicator_name || '（' || s.indicator_year || ' 年）' as subject_label,
        case when s.lead_department is not null then 'department' end as owner_kind,
        s.lead_department as owner_name,
        {{ year_end('coalesce(c.changed_year + 1, f.first_year)') }} as since_date,
        cast(null as date) as due_date,
        s.indicator_year || ' 年实际 ' || {{ number_text('s.actual_value') }} || ' ' || s.measure_unit || '，应达 '
        || {{ number_text('s.required_value') }} || '，' || s.target_year || ' 年目标 '
        || {{ number_text('s.target_value') }}
        || coalesce('；预计' || s.projection_outlook, '') as detail,
        s.status_id as trace_key,
        s.record_ids
    from statuses as s
    inner join first_years as f on s.indicator_code = f.indicator_code and s.target_year = f.target_year
    left join state_changes as c on s.status_id = c.status_id
    where
        s.indicator_year = s.newest_year
        and s.target_year = s.last_target_year
        and s.state in ('滞后', '预警')

),

part_states as (

    select
        *,
        max(indicator_year) over (partition by indicator_code, dimension) as newest_year,
        max(case when state is distinct from '滞后' then indicator_year end) over (
            partition by indicator_code, dimension, unit_code
        ) as changed_year,
        min(indicator_year) over (partition by indicator_code, dimension, unit_code) as first_year
    from {{ ref('fct_indicator_breakdown') }}

),

parts as (

    select
        'indicator_part_behind' as rule_code,
        p.indicator_code || '|' || p.dimension || '|' || p.unit_code as subject,
        coalesce(g.region_name, p.unit_name) || ' ' || p.indicator_name || '（' || p.indicator_year || ' 年）'
            as subject_label,
        case p.dimension when '区县' then 'district' when '开发区' then 'zone' else 'department' end as owner_kind,
        coalesce(g.region_name, p.unit_name) as owner_name,
        {{ year_end('coalesce(p.changed_year + 1, p.first_year)') }} as since_date,
        cast(null as date) as due_date,
        p.indicator_year || ' 年实际 ' || {{ number_text('p.unit_value') }} || ' ' || p.measure_unit || '，应达 '
        || {{ number_text('p.required_value') }} || '，欠 ' || {{ number_text('p.gap_value') }}
        || coalesce('，占全市缺口的 ' || cast(round(100 * p.share_of_gaps) as integer) || '%', '') as detail,
        p.breakdown_id as trace_key,
        p.record_ids
    from part_states as p
    left join {{ ref('regions') }} as g
        on
            g.dimension = case p.dimension when '区县' then 'district' when '开发区' then 'zone' end
            and p.unit_code = g.region_code
    where p.indicator_year = p.newest_year and p.state = '滞后' and p.owes_gap and not p.is_unassigned

),

tasks as (

    select
        'task_overdue' as rule_code,
        task_no as subject,
        task_title as subject_label,
        coalesce({{ place_owner_kind('zone_name', 'district_name') }}, 'department') as owner_kind,
        coalesce({{ place_owner('zone_name', 'district_name') }}, lead_department) as owner_name,
        {{ days_after('due_date', 1) }} as since_date,
        due_date,
        '应于 ' || due_date || ' 前完成，已逾期 ' || days_late || ' 天，进度 '
        || coalesce(progress_percent || '%', '未报') || '；牵头部门：' || coalesce(lead_department, '未列') as detail,
        task_no as trace_key,
        record_ids
    from {{ ref('fct_plan_tasks') }}
    where is_overdue

),

held as (

    select
        *,
        nullif(zone_name, '未分配') as zone_label,
        nullif(district_name, '未分配') as district_label
    from {{ ref('fct_enterprise_qualifications') }}
    where is_in_register and is_held

),

small_firm_rules as (

    select * from {{ ref('alert_rules') }} as r
    where r.rule_code = 'small_firm_lapsing' and {{ in_force('r', as_of()) }}

),

lapsing as (

    select
        'qualification_lapsing' as rule_code,
        q.qualification_no as subject,
        q.firm_name || ' ' || q.kind as subject_label,
        {{ place_owner_kind('q.zone_label', 'q.district_label') }} as owner_kind,
        {{ place_owner('q.zone_label', 'q.district_label') }} as owner_name,
        greatest({{ months_after('q.valid_to', '-r.lapsing_months') }}, q.valid_from) as since_date,
        q.valid_to as due_date,
        q.kind || ' ' || q.valid_to || ' 到期，尚无后续证书' as detail,
        q.qualification_no as trace_key,
        q.record_ids
    from held as q
    inner join {{ ref('qualification_rules') }} as r on q.kind = r.kind and {{ in_force('r', as_of()) }}
    where q.is_lapsing
    union all
    select
        'small_firm_lapsing' as rule_code,
        q.qualification_no as subject,
        q.firm_name || ' ' || q.kind as subject_label,
        {{ place_owner_kind('q.zone_label', 'q.district_label') }} as owner_kind,
        {{ place_owner('q.zone_label', 'q.district_label') }} as owner_name,
        greatest({{ days_after('q.valid_to', '-r.threshold_days') }}, q.valid_from) as since_date,
        q.valid_to as due_date,
        '入库资格 ' || q.valid_to || ' 失效，尚未重新入库' as detail,
        q.qualification_no as trace_key,
        q.record_ids
    from held as q
    cross join small_firm_rules as r
    where q.kind = '科技型中小企业' and not q.is_continued and q.days_left <= r.threshold_days

),

projects as (

    select
        p.project_no,
        p.title,
        p.due_date,
        zones.region_name as zone_label,
        districts.region_name as district_label,
        coalesce({{ closing_date('p.stages') }} <= {{ as_of() }}, false)
        or coalesce(p.acceptance_date <= {{ as_of() }}, false) as is_closed
    from {{ ref('stg_pds__project') }} as p
    left join {{ ref('regions') }} as zones on zones.dimension = 'zone' and p.zone_code = zones.region_code
    left join {{ ref('regions') }} as districts
        on districts.dimension = 'district' and p.district_code = districts.region_code

),

reports as (

    select
        'report_overdue' as rule_code,
        o.obligation_no as subject,
        o.project_no || ' ' || o.report_kind as subject_label,
        {{ place_owner_kind('p.zone_label', 'p.district_label') }} as owner_kind,
        {{ place_owner('p.zone_label', 'p.district_label') }} as owner_name,
        {{ days_after('o.due_date', 1) }} as since_date,
        o.due_date,
        coalesce(o.unit_name || '应', '应') || '于 ' || o.due_date || ' 前呈交' || o.report_kind || '，已逾期 '
        || o.days_late || ' 天' as detail,
        o.obligation_no as trace_key,
        o.record_ids
    from {{ ref('fct_report_obligations') }} as o
    left join projects as p on o.project_no = p.project_no
    where o.is_overdue

),

overdue as (

    select
        'project_overdue' as rule_code,
        l.project_no as subject,
        l.project_no || ' ' || l.title as subject_label,
        {{ place_owner_kind('p.zone_label', 'p.district_label') }} as owner_kind,
        {{ place_owner('p.zone_label', 'p.district_label') }} as owner_name,
        {{ days_after('l.due_date', 1) }} as since_date,
        l.due_date,
        '执行期至 ' || l.due_date || '，已逾期 ' || l.days_late || ' 天，尚未验收或终止' as detail,
        l.lateness_id as trace_key,
        l.record_ids
    from {{ ref('fct_project_lateness') }} as l
    inner join projects as p on l.project_no = p.project_no
    where l.lateness_kind = 'overdue'

),

stalled_rules as (

    select * from {{ ref('alert_rules') }} as r
    where r.rule_code = 'project_stalled' and {{ in_force('r', as_of()) }}

),

missed_steps as (

    select
        m.project_no,
        count(*) as step_count,
        min({{ days_after('m.due_date', 'r.threshold_days') }}) as since_date,
        min(m.due_date) as first_due_date,
        {{ json_list_agg('m.record_id') }} as step_record_ids
    from {{ ref('stg_pds__milestone') }} as m
    cross join stalled_rules as r
    where
        coalesce(m.reached_date > {{ as_of() }}, true)
        and {{ days_after('m.due_date', 'r.threshold_days') }} <= {{ as_of() }}
    group by m.project_no

),

stalled as (

    -- one whose term is over is overdue, which says more
    select
        'project_stalled' as rule_code,
        p.project_no as subject,
        p.project_no || ' ' || p.title as subject_label,
        {{ place_owner_kind('p.zone_label', 'p.district_label') }} as owner_kind,
        {{ place_owner('p.zone_label', 'p.district_label') }} as owner_name,
        m.since_date,
        m.first_due_date as due_date,
        '有 ' || m.step_count || ' 个节点到期满期限仍未完成，最早应于 ' || m.first_due_date || ' 完成' as detail,
        g.project_progress_id as trace_key,
        {{ json_list(json_texts('m.step_record_ids') ~ ' || ' ~ list_of(['g.project_progress_id'])) }} as record_ids
    from missed_steps as m
    inner join projects as p on m.project_no = p.project_no
    inner join {{ ref('fct_project_progress') }} as g on p.project_no = g.project_no
    where not p.is_closed and coalesce(p.due_date >= {{ as_of() }}, true)

),

conditions as (

    select * from indicators
    union all
    select * from parts
    union all
    select * from tasks
    union all
    select * from lapsing
    union all
    select * from reports
    union all
    select * from overdue
    union all
    select * from stalled

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
