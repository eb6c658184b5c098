-- A city figure in parts: per dimension every unit that answers for a part, and 未分配. The line 未分配 is the one that
-- was published; where units are missing or none was published it takes what is left, and says so. What was published
-- has to sum to the city (test assert_parts_sum_to_the_city).
with city as (

    select * from {{ ref('int_indicator_values') }}
    where dimension = '全市' and is_usable and definition_code = 'A' and known_to is null

),

parts as (

    select * from {{ ref('int_indicator_values') }}
    where dimension != '全市' and is_usable and definition_code = 'A' and known_to is null

),

targets as (

    select * from {{ ref('int_plan_targets') }}
    where valid_from <= {{ as_of() }} and (valid_to is null or valid_to > {{ as_of() }})

),

indicators as (

    select * from {{ ref('dim_indicators') }}

),

regions as (

    select * from {{ ref('dim_regions') }}

),

rules as (

    select * from {{ ref('indicator_state_rules') }}
    where valid_from <= {{ as_of() }} and (valid_to is null or valid_to > {{ as_of() }})

),

tasks as (

    select
        *,
        case when zone_code is null then '区县' else '开发区' end as dimension,
        coalesce(zone_code, district_code) as unit_code
    from {{ ref('stg_statistics__plan_task') }}
    where indicator_code is not null

),

places as (

    select
        case dimension when 'district' then '区县' else '开发区' end as dimension,
        region_code as unit_code,
        coalesce(short_name, region_name) as unit_name
    from regions
    where dimension in ('district', 'zone') and is_current and region_code != 'unassigned'

),

-- which units share an indicator: all districts and zones of one that the plan hands down, else whoever reported
sharing as (

    select
        indicators.indicator_code,
        places.dimension,
        places.unit_code,
        places.unit_name
    from indicators
    cross join places
    where indicators.is_decomposed
    union
    select
        indicator_code,
        dimension,
        unit_code,
        cast(null as varchar) as unit_name
    from parts
    where unit_code != '000000'
    union
    select
        indicator_code,
        dimension,
        unit_code,
        cast(null as varchar) as unit_name
    from targets
    where dimension != '全市' and unit_code != '000000'

),

units as (

    select
        indicator_code,
        dimension,
        unit_code,
        false as is_unassigned
    from sharing
    group by indicator_code, dimension, unit_code
    union all
    select
        indicator_code,
        dimension,
        '000000' as unit_code,
        true as is_unassigned
    from sharing
    group by indicator_code, dimension

),

names as (

    select
        dimension,
        unit_code,
        unit_name
    from places
    union
    select
        dimension,
        unit_code,
        max(unit_name) as unit_name
    from parts
    where dimension = '部门'
    group by dimension, unit_code

),

lines as (

    select
        city.indicator_code,
        city.indicator_year,
        units.dimension,
        units.unit_code,
        units.is_unassigned,
        city.value_id as city_value_id,
        city.record_id as city_record_id,
        city.indicator_value as city_value,
        parts.indicator_value as published_value,
        parts.record_id
    from city
    inner join units on city.indicator_code = units.indicator_code
    left join parts
        on
            city.indicator_code = parts.indicator_code
            and city.indicator_year = parts.indicator_year
            and units.dimension = parts.dimension
            and units.unit_code = parts.unit_code

),

summed as (

    select
        *,
        -- rounded: the order in which parts are added must not show
        round(coalesce(
            sum(published_value) over (partition by indicator_code, indicator_year, dimension), 0
        ), 6) as published_sum,
        count(*) over (partition by indicator_code, indicator_year, dimension)
        = count(published_value) over (partition by indicator_code, indicator_year, dimension) as is_complete
    from lines

),

valued as (

    select
        *,
        case
            when is_unassigned and not is_complete
                then round(coalesce(published_value, 0) + city_value - published_sum, 4)
            else published_value
        end as unit_value,
        is_unassigned and not is_complete as is_remainder
    from summed

),

-- the target that a year leads to: the nearest one handed down that is not behind it
aims as (

    select
        valued.indicator_code,
        valued.indicator_year,
        valued.dimension,
        min(targets.target_year) as target_year
    from valued
    inner join targets
        on
            valued.indicator_code = targets.indicator_code
            and valued.dimension = targets.dimension
            and valued.indicator_year <= targets.target_year
    group by valued.indicator_code, valued.indicator_year, valued.dimension

),

aimed as (

    select
        valued.*,
        aims.target_year,
        targets.target_mode,
        targets.baseline_value,
        targets.target_value,
        targets.target_version,
        targets.source_document as target_document,
        targets.record_ids as target_record_ids,
        {{ required_value(
            'targets.target_mode', 'targets.baseline_value', 'targets.target_value', 'targets.base_year',
            'valued.indicator_year', 'targets.target_year', 'targets.is_annual_minimum'
        ) }} as required_value
    from valued
    left join aims
        on
            valued.indicator_code = aims.indicator_code
            and valued.indicator_year = aims.indicator_year
            and valued.dimension = aims.dimension
    left join targets
        on
            valued.indicator_code = targets.indicator_code
            and aims.target_year = targets.target_year
            and valued.dimension = targets.dimension
            and valued.unit_code = targets.unit_code
            -- nothing is required of the year that the pace starts from
            and valued.indicator_year > targets.base_year

),

measured as (

    select
        *,
        {{ progress_of('target_mode', 'unit_value', 'baseline_value', 'required_value') }} as progress,
        round(required_value - unit_value, 4) as gap_value
    from aimed

),

owed as (

    select
        *,
        sum(greatest(gap_value, 0)) over (partition by indicator_code, indicator_year, dimension) as all_gaps
    from measured

),

handed_down as (

    select
        indicator_code,
        dimension,
        unit_code,
        min(task_no) as task_no,
        min(task_owner) as task_owner,
        min(lead_department) as lead_department,
        {{ json_list_agg('record_id') }} as task_record_ids
    from tasks
    where unit_code is not null
    group by indicator_code, dimension, unit_code

),

final as (

    select
        owed.indicator_code || '|' || owed.indicator_year || '|' || owed.dimension || '|' || owed.unit_code
            as breakdown_id,
        owed.indicator_code,
        indicators.indicator_name,
        owed.indicator_year,
        owed.dimension,
        owed.unit_code,
        case when owed.is_unassigned then '未分配' else coalesce(names.unit_name, owed.unit_code) end as unit_name,
        owed.is_unassigned,
        owed.is_remainder,
        -- where the unit lies, each in a dimension of its own
        case when owed.dimension = '区县' and not owed.is_unassigned then owed.unit_code end as district_code,
        case when owed.dimension = '开发区' and not owed.is_unassigned then owed.unit_code end as zone_code,
        regions.belt_role,
        indicators.measure_unit,
        owed.unit_value,
        owed.city_value,
        round(owed.unit_value / nullif(owed.city_value, 0), 6) as share_of_city,
        -- what the published parts lack of the city's figure; 0 where everything was published
        round(owed.city_value - owed.published_sum, 4) as unreported_value,
        owed.target_year,
        owed.target_version,
        owed.baseline_value,
        owed.target_value,
        round(owed.unit_value / nullif(owed.target_value, 0), 6) as share_of_target,
        owed.required_value,
        owed.progress,
        owed.gap_value,
        case
            when owed.gap_value is not null then round(greatest(owed.gap_value, 0) / nullif(owed.all_gaps, 0), 6)
        end as share_of_gaps,
        coalesce(owed.gap_value > 0, false) as owes_gap,
        case
            when owed.target_value is null then '未下达目标'
            else {{ indicator_state(
                'owed.unit_value', 'owed.required_value', 'owed.target_value', 'owed.progress', 'owed.indicator_year',
                'owed.target_year', 'rules'
            ) }}
        end as state,
        rules.rule_version,
        coalesce(handed_down.lead_department, indicators.lead_department) as lead_department,
        handed_down.task_no,
        handed_down.task_owner,
        {{ json_list(
            json_texts("coalesce(owed.target_record_ids, '[]')") ~ ' || '
            ~ json_texts("coalesce(handed_down.task_record_ids, '[]')") ~ ' || '
            ~ list_of(['owed.record_id', 'owed.city_record_id'])
        ) }} as record_ids
    from owed
    left join indicators on owed.indicator_code = indicators.indicator_code
    left join names on owed.dimension = names.dimension and owed.unit_code = names.unit_code
    left join regions
        on
            owed.unit_code = regions.region_code
            and regions.dimension = case owed.dimension when '区县' then 'district' when '开发区' then 'zone' end
    left join rules on owed.target_mode = rules.target_mode
    left join handed_down
        on
            owed.indicator_code = handed_down.indicator_code
            and owed.dimension = handed_down.dimension
            and owed.unit_code = handed_down.unit_code

)

select * from final
