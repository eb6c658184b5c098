-- The figures that somebody could know on the first day of each span: that of the year judged and of the three before
-- it, and whether each may stand in the series that the target is set in.
with spans as (

    select * from {{ ref('int_indicator_spans') }}

),

figures as (

    select * from {{ ref('int_indicator_values') }}
    where dimension = '全市'

),

final as (

    select
        spans.status_id,
        figures.value_id,
        figures.record_id,
        cast(spans.indicator_year - figures.indicator_year as integer) as years_back,
        figures.indicator_year < spans.base_year as is_before_baseline,
        figures.indicator_value,
        figures.definition,
        figures.value_kind,
        figures.is_lower_bound,
        figures.comparability,
        figures.comparability_note,
        figures.is_usable and figures.definition_code = spans.definition_code as is_accepted,
        -- a span whose target follows another definition refuses the plan's own, too
        case
            when figures.is_usable and figures.definition_code = spans.definition_code then null
            else
                coalesce(figures.indicator_year || '年', '')
                || coalesce({{ plain_number('figures.indicator_value') }} || figures.measure_unit, '')
                || '（' || coalesce(figures.refusal_reason, '口径不同：' || figures.definition) || '）'
        end as refusal
    from spans
    inner join figures
        on
            spans.indicator_code = figures.indicator_code
            and (
                figures.indicator_year is null
                or (
                    spans.indicator_year >= figures.indicator_year
                    and least(spans.base_year, spans.indicator_year - 3) <= figures.indicator_year
                    and spans.valid_from >= figures.known_from
                    and (spans.valid_from < figures.known_to or figures.known_to is null)
                )
            )

)

select * from final
