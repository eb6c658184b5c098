-- One row per published figure and revision, with the series it belongs to and, where it may not stand in the plan's
-- series, why.
with delivered as (

    select
        record_id || '/' || record_version as value_id,
        record_id,
        indicator_code,
        indicator_name,
        indicator_year,
        dimension,
        unit_code,
        unit_name,
        indicator_value,
        measure_unit,
        denominator_code as definition_code,
        definition,
        cast(null as varchar) as definition_note,
        denominator,
        publisher,
        source_document,
        value_kind,
        revision,
        published_date,
        lead(published_date) over (partition by record_id order by record_version) as replaced_date,
        case when denominator_code = 'A' then 'consistent' else 'different' end as comparability,
        case when denominator_code != 'A' then '分母为' || denominator end as comparability_note
    from {{ ref('stg_statistics__indicator_value') }}

),

published as (

    select
        published.record_id as value_id,
        published.record_id,
        series.indicator_code,
        published.indicator_text as indicator_name,
        published.indicator_year,
        '全市' as dimension,
        '610100' as unit_code,
        '西安市' as unit_name,
        published.indicator_value,
        published.measure_unit,
        series.definition_code,
        series.definition,
        published.definition_note,
        series.denominator,
        cast(null as varchar) as publisher,
        published.source_url as source_document,
        {{ label_of('published.value_kind', {
            'actual': '公布值', 'actual (lower bound)': '下限', 'actual (rounded)': '约数', 'derived': '推算值',
            'doubtful': '存疑', 'NOT FOUND': '未找到',
        }) }} as value_kind,
        1 as revision,
        cast(null as date) as published_date,
        cast(null as date) as replaced_date,
        coalesce(series.comparability, 'different') as comparability,
        coalesce(series.comparability_note, case when series.indicator_code is null then '未对应规划指标' end)
            as comparability_note
    from {{ ref('stg_statistics__published_value') }} as published
    left join {{ ref('published_series') }} as series
        on
            published.indicator_text = series.indicator_text
            and coalesce(published.indicator_year, 0)
            between coalesce(series.year_from, 0) and coalesce(series.year_to, 9999)
    where published.value_kind != 'target'

),

unioned as (

    select * from delivered
    union all
    select * from published

),

leads as (

    select distinct
        indicator_code,
        lead_department
    from {{ ref('int_plan_targets') }}
    where lead_department is not null

),

-- where no document names who answers for an indicator, whoever publishes the city's figure
city_publishers as (

    select distinct
        indicator_code,
        publisher
    from delivered
    where dimension = '全市'

),

judged as (

    select
        unioned.*,
        leads.lead_department,
        unioned.publisher is null
        or unioned.publisher = '市政府'
        or coalesce(unioned.publisher = leads.lead_department, city_publishers.publisher is not null) as is_responsible
    from unioned
    left join leads on unioned.indicator_code = leads.indicator_code
    left join city_publishers
        on unioned.indicator_code = city_publishers.indicator_code and unioned.publisher = city_publishers.publisher

),

-- two publishers who both may speak: the one who spoke first keeps the series
spoken as (

    select
        *,
        dense_rank() over (
            partition by indicator_code, indicator_year, dimension, unit_code, definition_code, is_responsible
            order by case when is_responsible then publisher = lead_department end desc nulls last, publisher
        ) as publisher_order
    from judged

),

final as (

    select
        value_id,
        record_id,
        indicator_code,
        indicator_name,
        indicator_year,
        dimension,
        unit_code,
        unit_name,
        indicator_value,
        measure_unit,
        definition_code,
        definition,
        definition_note,
        denominator,
        publisher,
        source_document,
        value_kind,
        value_kind = '下限' as is_lower_bound,
        revision,
        coalesce(published_date, {{ day_after_year('indicator_year') }}) as known_from,
        published_date is not null as is_published_date_known,
        replaced_date as known_to,
        comparability,
        comparability_note,
        indicator_value is not null and value_kind != '存疑' and is_responsible and publisher_order = 1 as is_usable,
        case
            when indicator_value is null then '未找到公开值'
            when value_kind = '存疑' then '来源存疑，不采用'
            when not is_responsible then '发布单位不是牵头部门：' || publisher
            when publisher_order > 1 then '同年另有发布值：' || publisher
            when comparability = 'different' then '口径不同：' || comparability_note
        end as refusal_reason
    from spoken

)

select * from final
