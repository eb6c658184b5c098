with spans as (

    select * from {{ ref('int_indicator_spans') }}

),

known as (

    select * from {{ ref('int_indicator_figures_known') }}

),

indicators as (

    select * from {{ ref('plan_indicators') }}

),

series as (

    select
        status_id,
        max(case when years_back = 0 then indicator_value end) as actual_value,
        max(case when years_back = 1 then indicator_value end) as value_1,
        max(case when years_back = 2 then indicator_value end) as value_2,
        max(case when years_back = 3 then indicator_value end) as value_3,
        max(case when years_back = 0 then definition end) as definition,
        max(case when years_back = 0 then value_kind end) as value_kind,
        max(case when years_back = 0 then comparability end) as comparability,
        max(case when years_back = 0 then comparability_note end) as comparability_note,
        {{ json_list_agg('case when years_back <= 3 then record_id end') }} as value_record_ids
    from known
    where is_accepted
    group by status_id

),

judged as (

    select
        spans.*,
        series.actual_value,
        series.definition,
        series.value_kind,
        series.comparability,
        series.comparability_note,
        series.value_record_ids,
        -- the baseline stands in for a figure of its year that nobody published
        coalesce(
            series.value_1, case when spans.indicator_year - 1 = spans.base_year then spans.baseline_value end
        ) as value_1,
        coalesce(
            series.value_2, case when spans.indicator_year - 2 = spans.base_year then spans.baseline_value end
        ) as value_2,
        coalesce(
            series.value_3, case when spans.indicator_year - 3 = spans.base_year then spans.baseline_value end
        ) as value_3,
        {{ required_value(
            'spans.target_mode', 'spans.baseline_value', 'spans.target_value', 'spans.base_year', 'spans.indicator_year',
            'spans.target_year', 'spans.is_annual_minimum'
        ) }} as required_value
    from spans
    left join series on spans.status_id = series.status_id

),

measured as (

    select
        *,
        {{ progress_of('target_mode', 'actual_value', 'baseline_value', 'required_value') }} as progress,
        target_year - indicator_year as years_left,
        actual_value - value_1 as step_1,
        value_1 - value_2 as step_2,
        value_2 - value_3 as step_3
    from judged

),

stepped as (

    select
        *,
        cast(
            case when step_1 is null then 0 else 1 end
            + case when step_1 is null or step_2 is null then 0 else 1 end
            + case when step_1 is null or step_2 is null or step_3 is null then 0 else 1 end as integer
        ) as projection_steps
    from measured

),

projected as (

    -- the mean, the smallest and the largest of the last steps without a gap, three at most
    select
        *,
        round(actual_value + years_left * case projection_steps
            when 3 then (step_1 + step_2 + step_3) / 3
            when 2 then (step_1 + step_2) / 2
            when 1 then step_1
        end, 4) as projected_value,
        round(actual_value + years_left * case projection_steps
            when 3 then least(step_1, step_2, step_3)
            when 2 then least(step_1, step_2)
            when 1 then step_1
        end, 4) as projected_low,
        round(actual_value + years_left * case projection_steps
            when 3 then greatest(step_1, step_2, step_3)
            when 2 then greatest(step_1, step_2)
            when 1 then step_1
        end, 4) as projected_high
    from stepped

),

refused as (

    -- what somebody may hold against the state: refused figures of the year, and older ones where the year has none
    select
        known.status_id,
        {{ string_agg_ordered('known.refusal', 'known.years_back, known.value_id', '；') }} as refused_values,
        {{ json_list_agg('known.record_id') }} as refused_record_ids
    from known
    inner join projected on known.status_id = projected.status_id
    where
        not known.is_accepted
        and not coalesce(known.is_before_baseline, false)
        and (known.years_back = 0 or projected.actual_value is null)
    group by known.status_id

),

final as (

    select
        p.status_id,
        p.indicator_code,
        indicators.indicator_name,
        p.indicator_year,
        p.target_year,
        p.target_version,
        p.target_mode,
        indicators.measure_unit,
        p.base_year,
        p.baseline_value,
        p.target_value,
        p.required_value,
        p.actual_value,
        p.value_kind,
        coalesce(p.value_kind = '下限', false) as is_lower_bound,
        p.progress,
        round(p.actual_value / nullif(p.target_value, 0), 6) as share_of_target,
        coalesce(p.actual_value >= p.target_value, false) as is_target_reached,
        {{ indicator_state(
            'p.actual_value', 'p.required_value', 'p.target_value', 'p.progress', 'p.indicator_year', 'p.target_year', 'p'
        ) }} as state,
        nullif(concat_ws(
            '；',
            case when p.value_kind = '下限' then '下限值：实际不低于此' end,
            case when p.value_kind = '约数' then '约数' end,
            case when p.value_kind = '推算值' then '推算值，非公布值' end,
            case when p.comparability = 'unverified' then '口径待核：' || p.comparability_note end,
            case when p.actual_value is null then '无可用数值' end
        ), '') as state_note,
        case
            when p.actual_value is null then '无数据'
            when p.comparability = 'unverified' then '口径待核'
            else '口径一致'
        end as definition_state,
        p.definition,
        round(p.required_value - p.actual_value, 4) as gap_value,
        p.years_left,
        case
            when p.years_left > 0 and p.actual_value > 0 and p.actual_value < p.target_value
                then round(power(p.target_value / p.actual_value, 1.0 / p.years_left) - 1, 6)
            when p.actual_value >= p.target_value then 0
        end as required_growth,
        p.projected_value,
        p.projected_low,
        p.projected_high,
        p.projection_steps,
        case
            when p.projected_value is null then null
            when p.projected_low >= p.target_value then '各情形均可达到'
            when p.projected_value >= p.target_value then '按均值可达到'
            when p.projected_high >= p.target_value then '按最快可达到'
            else '各情形均达不到'
        end as projection_outlook,
        refused.refused_values,
        p.lead_department,
        p.source_document,
        p.document_no,
        p.rule_version,
        p.valid_from,
        p.valid_to,
        p.is_in_force,
        p.is_in_force and p.valid_to is null as is_current,
        {{ json_list(
            json_texts("coalesce(p.value_record_ids, '[]')") ~ ' || ' ~ json_texts('p.target_record_ids')
            ~ ' || ' ~ json_texts("coalesce(refused.refused_record_ids, '[]')")
        ) }} as record_ids
    from projected as p
    left join indicators on p.indicator_code = indicators.indicator_code
    left join refused on p.status_id = refused.status_id

)

select * from final
