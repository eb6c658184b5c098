-- One row per target and document: what an indicator shall reach by a year, and from when to when that held.
with delivered as (

    select
        record_id || '/' || record_version as target_id,
        indicator_code,
        target_mode,
        target_year,
        dimension,
        unit_code,
        unit_name,
        baseline_year,
        baseline_value,
        target_value,
        'A' as definition_code,
        lead_department,
        source_document,
        document_no,
        document_section,
        issued_date,
        revision,
        {{ json_list(list_of(['record_id'])) }} as record_ids
    from {{ ref('stg_statistics__target') }}

),

indicators as (

    select * from {{ ref('plan_indicators') }}

),

printed as (

    select * from {{ ref('plan_targets') }}

),

-- the plan's own targets, where no source delivers them
own as (

    select
        'plan:' || printed.indicator_code || '|' || printed.target_year as target_id,
        printed.indicator_code,
        indicators.target_mode,
        printed.target_year,
        '全市' as dimension,
        '610100' as unit_code,
        '西安市' as unit_name,
        printed.baseline_year,
        printed.baseline_value,
        printed.target_value,
        printed.definition_code,
        cast(null as varchar) as lead_department,
        printed.source_document,
        printed.document_no,
        printed.document_section,
        printed.issued_date,
        1 as revision,
        {{ json_list(empty_list()) }} as record_ids
    from printed
    inner join indicators on printed.indicator_code = indicators.indicator_code
    left join delivered
        on
            printed.indicator_code = delivered.indicator_code
            and printed.target_year = delivered.target_year
            and delivered.dimension = '全市'
            and printed.document_no = delivered.document_no
    where delivered.target_id is null

),

-- targets of later documents as read on public pages; their baseline is the plan's where the definition is
published as (

    select
        published.record_id as target_id,
        series.indicator_code,
        indicators.target_mode,
        published.indicator_year as target_year,
        '全市' as dimension,
        '610100' as unit_code,
        '西安市' as unit_name,
        printed.baseline_year,
        printed.baseline_value,
        published.indicator_value as target_value,
        series.definition_code,
        cast(null as varchar) as lead_department,
        series.source_document,
        series.document_no,
        published.source_url as document_section,
        series.issued_date,
        1 as revision,
        {{ json_list(list_of(['published.record_id'])) }} as record_ids
    from {{ ref('stg_statistics__published_value') }} as published
    inner join {{ ref('published_series') }} as series
        on
            published.indicator_text = series.indicator_text
            and published.indicator_year between series.year_from and series.year_to
    inner join indicators on series.indicator_code = indicators.indicator_code
    left join printed
        on
            series.indicator_code = printed.indicator_code
            and series.definition_code = printed.definition_code
    where published.value_kind = 'target' and series.issued_date is not null

),

unioned as (

    select * from delivered
    union all
    select * from own
    union all
    select * from published

),

-- who answers for an indicator stands in some documents only
leads as (

    select
        indicator_code,
        max(lead_department) as lead_department
    from unioned
    group by indicator_code

),

final as (

    select
        unioned.target_id,
        unioned.indicator_code,
        unioned.target_mode,
        unioned.target_year,
        unioned.dimension,
        unioned.unit_code,
        unioned.unit_name,
        coalesce(unioned.baseline_year, indicators.base_year) as base_year,
        unioned.baseline_value,
        unioned.target_value,
        unioned.definition_code,
        coalesce(indicators.is_annual_minimum, false) as is_annual_minimum,
        leads.lead_department,
        unioned.source_document,
        unioned.document_no,
        unioned.document_section,
        unioned.issued_date as valid_from,
        lead(unioned.issued_date) over versions as valid_to,
        cast(row_number() over versions as integer) as target_version,
        unioned.record_ids
    from unioned
    left join indicators on unioned.indicator_code = indicators.indicator_code
    left join leads on unioned.indicator_code = leads.indicator_code
    window
        versions as (
            partition by unioned.indicator_code, unioned.target_year, unioned.dimension, unioned.unit_code
            order by unioned.issued_date, unioned.revision, unioned.target_id
        )

)

select * from final
