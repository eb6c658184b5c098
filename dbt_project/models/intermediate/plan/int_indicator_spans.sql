-- What an indicator is judged by: one row per version of a target, year judged and span of days in which neither the
-- figures, nor the rule, nor whether the target is in force changed. A replaced target is judged on, so that both
-- states can be compared.
with targets as (

    select * from {{ ref('int_plan_targets') }}
    where dimension = '全市'

),

figures as (

    select * from {{ ref('int_indicator_values') }}
    where dimension = '全市'

),

rules as (

    select * from {{ ref('indicator_state_rules') }}

),

goals as (

    select
        *,
        min(valid_from) over (partition by indicator_code, target_year) as first_issued
    from targets

),

years as (

    -- from the year before the first document on, and no year that is not over
    select
        goals.*,
        cast(u.indicator_year as integer) as indicator_year
    from goals
    cross join {{ explode(year_list(
        'goals.base_year + 1', 'least(goals.target_year, ' ~ year_of(as_of()) ~ ' - 1)'
    ), 'u', 'indicator_year') }}
    where u.indicator_year >= {{ year_of('goals.first_issued') }} - 1

),

changes as (

    select
        target_id,
        indicator_year,
        valid_from as changed_date
    from years
    union
    select
        target_id,
        indicator_year,
        valid_to as changed_date
    from years
    union
    select
        years.target_id,
        years.indicator_year,
        rules.valid_from as changed_date
    from years
    inner join rules on years.target_mode = rules.target_mode
    union
    select
        years.target_id,
        years.indicator_year,
        figures.known_from as changed_date
    from years
    inner join figures
        on
            years.indicator_code = figures.indicator_code
            and figures.indicator_year between years.indicator_year - 3 and years.indicator_year

),

days as (

    select distinct
        years.target_id,
        years.indicator_year,
        greatest(changes.changed_date, years.valid_from, {{ day_after_year('years.indicator_year') }}) as valid_from
    from changes
    inner join years on changes.target_id = years.target_id and changes.indicator_year = years.indicator_year
    where changes.changed_date is not null

),

spans as (

    select
        *,
        lead(valid_from) over (partition by target_id, indicator_year order by valid_from) as valid_to
    from days
    where valid_from <= {{ as_of() }}

),

final as (

    select
        targets.indicator_code || '|' || spans.indicator_year || '|' || targets.target_year || '|'
        || targets.target_version || '|' || spans.valid_from as status_id,
        targets.indicator_code,
        spans.indicator_year,
        targets.target_year,
        targets.target_mode,
        spans.valid_from,
        spans.valid_to,
        spans.valid_from < targets.valid_to or targets.valid_to is null as is_in_force,
        targets.target_id,
        targets.target_version,
        targets.base_year,
        targets.baseline_value,
        targets.target_value,
        targets.definition_code,
        targets.is_annual_minimum,
        targets.lead_department,
        targets.source_document,
        targets.document_no,
        targets.record_ids as target_record_ids,
        rules.rule_version,
        rules.on_track_min,
        rules.warning_min,
        rules.can_exceed
    from spans
    inner join targets on spans.target_id = targets.target_id
    inner join rules
        on
            targets.target_mode = rules.target_mode
            and spans.valid_from >= rules.valid_from
            and (spans.valid_from < rules.valid_to or rules.valid_to is null)

)

select * from final
