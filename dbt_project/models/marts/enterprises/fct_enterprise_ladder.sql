-- One row per firm, year and rung: whether the year's figures meet every condition that figures can tell, by the rule
-- version in force, and which they fail. A 科小 must have no severe decision in force against it either.
with figure_conditions as (

    select * from {{ ref('int_enterprise_conditions') }}

),

-- a severe decision against the firm itself, in force on the day that is judged
breaches as (

    select
        figures.record_id,
        figures.rung,
        count(distinct bars.bar_id) as breach_count,
        {{ string_agg_ordered('distinct bars.case_no', 'bars.case_no') }} as case_nos,
        {{ json_list_agg('bars.decision_record_id') }} as decision_ids,
        {{ json_list_agg('bars.measure_record_id') }} as measure_ids
    from (
        select distinct
            record_id,
            rung,
            rule_version,
            judged_date
        from figure_conditions
    ) as figures
    inner join {{ ref('ladder_small_firm_rules') }} as rules
        on
            figures.rung = '科技型中小企业'
            and figures.rule_version = rules.rule_version
            and rules.excludes_severe_breach
    inner join {{ ref('int_institution_links') }} as links
        on figures.record_id = links.record_id and links.role = 'firm'
    inner join {{ ref('int_bars') }} as bars
        on
            links.entity_id = bars.entity_id
            and bars.subject_type = 'institution'
            and bars.severity = 'severe'
            and figures.judged_date >= bars.barred_from_date
            and coalesce(figures.judged_date < bars.free_date, true)
    group by figures.record_id, figures.rung

),

conditions as (

    select
        record_id,
        firm_no,
        year,
        rung,
        rule_version,
        judged_date,
        is_newest,
        condition_code,
        condition_name,
        condition_order,
        holds,
        is_only_just_missed,
        explanation
    from figure_conditions
    union all
    select distinct
        f.record_id,
        f.firm_no,
        f.year,
        f.rung,
        f.rule_version,
        f.judged_date,
        f.is_newest,
        'integrity' as condition_code,
        '科研诚信' as condition_name,
        9 as condition_order,
        false as holds,
        false as is_only_just_missed,
        '严重失信限制期内（案件 ' || b.case_nos || '）' as explanation
    from figure_conditions as f
    inner join breaches as b on f.record_id = b.record_id and f.rung = b.rung

),

firms as (

    select * from {{ ref('int_enterprise_firms') }}

),

figures as (

    select * from {{ ref('stg_enterprises__firm_year') }}

),

first_years as (

    select
        firm_no,
        min(year) as year
    from figures
    group by firm_no

),

held as (

    select
        firm_no,
        kind,
        max(case when is_held then qualification_no end) as qualification_no,
        max(case when is_held then record_id end) as record_id,
        max(held_until) filter (where not is_held) as held_until
    from {{ ref('fct_enterprise_qualifications') }}
    group by firm_no, kind

),

high_tech_rules as (

    select
        '高新技术企业' as rung,
        *
    from {{ ref('ladder_high_tech_rules') }}

),

judged as (

    select
        record_id,
        firm_no,
        year,
        rung,
        rule_version,
        judged_date,
        is_newest,
        count(*) filter (where holds is null) as missing_count,
        count(*) filter (where not holds) as failed_count,
        count(*) filter (where not holds and is_only_just_missed) as just_missed_count,
        {{ json_list_agg('case when not holds then condition_code end') }} as failed_conditions,
        {{ string_agg_ordered('case when not holds then explanation end', 'condition_order', '；') }} as failed_reason,
        {{ string_agg_ordered('case when holds is null then condition_name end', 'condition_order') }}
            as missing_figures,
        {{ string_agg_ordered('explanation', 'condition_order', '；') }} as explanation
    from conditions
    group by record_id, firm_no, year, rung, rule_version, judged_date, is_newest

),

final as (

    select
        j.firm_no || '|' || j.year || '|' || j.rung as ladder_id,
        'firm:' || j.firm_no as enterprise_id,
        j.firm_no,
        coalesce(f.firm_name, x.firm_name) as firm_name,
        f.firm_no is not null as is_in_register,
        coalesce(f.district_code, '未分配') as district_code,
        coalesce(f.district_name, '未分配') as district_name,
        coalesce(f.zone_code, '未分配') as zone_code,
        coalesce(f.zone_name, '未分配') as zone_name,
        f.industry,
        j.year,
        j.is_newest,
        j.rung,
        j.failed_count = 0 and j.missing_count = 0 as qualifies,
        j.failed_count = 1 and j.missing_count = 0 and j.just_missed_count = 1 as is_near_miss,
        cast(j.failed_count as integer) as failed_count,
        j.failed_conditions,
        j.failed_reason,
        j.missing_figures,
        j.explanation,
        case j.rung
            when '科技型中小企业' then '安全与质量事故、严重环境违法、经营异常名录'
            when '高新技术企业' then '知识产权所有权、科技人员占比、创新能力评价、严重失信（一票否决）'
        end as unchecked_conditions,
        -- a firm younger than the rule asks for cannot apply yet; one whose day of foundation is unknown was there at
        -- the end of the first year that it filed
        coalesce(
            {{ years_after('coalesce(f.established_date, ' ~ year_end('first_years.year') ~ ')', 'h.min_age_years') }}
            <= j.judged_date,
            true
        ) as is_old_enough,
        coalesce(held.qualification_no is not null, false) as is_registered,
        held.qualification_no as held_qualification_no,
        case when held.qualification_no is null then {{ days_after('held.held_until', -1) }} end as last_held_date,
        j.judged_date,
        j.rule_version,
        coalesce(s.source_document, h.source_document, d.source_document) as source_document,
        x.staff_count,
        x.rd_staff_count,
        x.revenue_cny,
        x.rd_expense_cny,
        x.rd_expense_cny / nullif(x.revenue_cny, 0) as rd_share,
        x.high_tech_revenue_cny,
        x.assets_cny,
        x.score,
        x.filed_date,
        {{ json_list(
            '[j.record_id, f.record_id, held.record_id] || ' ~ json_texts("coalesce(b.decision_ids, '[]')")
            ~ ' || ' ~ json_texts("coalesce(b.measure_ids, '[]')")
        ) }} as record_ids
    from judged as j
    inner join figures as x on j.record_id = x.record_id
    inner join first_years on j.firm_no = first_years.firm_no
    left join firms as f on j.firm_no = f.firm_no
    left join held on j.firm_no = held.firm_no and j.rung = held.kind
    left join breaches as b on j.record_id = b.record_id and j.rung = b.rung
    left join {{ ref('ladder_small_firm_rules') }} as s
        on j.rung = '科技型中小企业' and j.rule_version = s.rule_version
    left join high_tech_rules as h on j.rung = h.rung and j.rule_version = h.rule_version
    left join {{ ref('ladder_double_five_rules') }} as d on j.rung = '双五企业' and j.rule_version = d.rule_version

)

select * from final
