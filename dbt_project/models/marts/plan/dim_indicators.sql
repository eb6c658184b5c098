-- The plan's indicators in its words, then whatever else the sources publish under a code of their own.
with planned as (

    select * from {{ ref('plan_indicators') }}

),

figures as (

    select
        indicator_code,
        max(indicator_name) as indicator_name,
        max(measure_unit) as measure_unit,
        max(definition) as definition,
        max(denominator) as denominator,
        {{ json_list_agg('record_id') }} as record_ids
    from {{ ref('int_indicator_values') }}
    where indicator_code is not null
    group by indicator_code

),

targets as (

    select
        indicator_code,
        max(lead_department) as lead_department,
        max(case when valid_to is null then target_value end) as target_value,
        cast(count(*) as integer) as target_versions
    from {{ ref('int_plan_targets') }}
    where dimension = '全市' and target_year = 2025
    group by indicator_code

),

final as (

    select
        coalesce(planned.indicator_code, figures.indicator_code) as indicator_code,
        coalesce(planned.indicator_name, figures.indicator_name) as indicator_name,
        case left(coalesce(planned.indicator_code, figures.indicator_code), 1)
            when 'I' then '规划指标'
            when 'S' then '“十三五”末存量'
            when 'K' then '项目常数'
            else '分子或分母'
        end as indicator_group,
        coalesce(planned.measure_unit, figures.measure_unit) as measure_unit,
        planned.target_mode,
        coalesce(planned.is_decomposed, false) as is_decomposed,
        coalesce(planned.definition, figures.definition) as definition,
        coalesce(planned.denominator, figures.denominator) as denominator,
        planned.document_section,
        own_counts.is_counted as is_counted_here,
        own_counts.note as own_count_note,
        targets.lead_department,
        targets.target_value as target_2025,
        coalesce(targets.target_versions, 0) as target_versions,
        coalesce(planned.plan_order, 1000) as plan_order,
        coalesce(figures.record_ids, '[]') as record_ids
    from planned
    full outer join figures on planned.indicator_code = figures.indicator_code
    left join targets on planned.indicator_code = targets.indicator_code
    left join {{ ref('own_count_rules') }} as own_counts on planned.indicator_code = own_counts.indicator_code

)

select * from final
