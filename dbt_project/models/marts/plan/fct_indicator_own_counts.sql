-- The platform's own count at the end of a year (for flows: within it) beside the figure that was reported. Where they
-- differ, the difference is the first thing to ask about; nothing here corrects a reported figure.
with own as (

    select * from {{ ref('int_indicator_own_records') }}

),

indicators as (

    select * from {{ ref('dim_indicators') }}

),

reported as (

    select * from {{ ref('int_indicator_values') }}
    where is_usable and definition_code = 'A' and known_to is null

),

regions as (

    select * from {{ ref('dim_regions') }}
    where is_current

),

rules as (

    select * from {{ ref('own_count_rules') }}
    where is_counted

),

-- a register that has delivered nothing says nothing of its indicators; one that has says 0 where it holds none
registers as (

    select register_name from {{ ref('int_registers_delivered') }}
    where record_count > 0

),

counted_codes as (

    select
        rules.indicator_code,
        rules.counting_day,
        rules.note,
        rules.counting_day = '当年' as is_flow
    from rules
    inner join registers on rules.register_name = registers.register_name

),

years as (

    -- from where the plan starts to the last year that is over
    select
        counted_codes.indicator_code,
        counted_codes.counting_day,
        counted_codes.note,
        counted_codes.is_flow,
        cast(u.indicator_year as integer) as indicator_year
    from counted_codes
    cross join {{ explode(year_list('2020', year_of(as_of()) ~ ' - 1'), 'u', 'indicator_year') }}
    -- today's state stands beside the newest figure there can be
    where counted_codes.counting_day != '截至日' or u.indicator_year = {{ year_of(as_of()) }} - 1

),

counting as (

    select
        years.indicator_code,
        years.indicator_year,
        own.entity_key,
        own.district_code,
        own.zone_code,
        own.belt_role,
        own.amount,
        own.record_id,
        -- several certificates of one firm are one firm
        row_number() over (
            partition by years.indicator_code, years.indicator_year, own.entity_key
            order by own.counts_from, own.record_id
        ) as certificate_order
    from years
    inner join own
        on
            years.indicator_code = own.indicator_code
            and (
                (years.counting_day = '截至日' and own.counts_from is null)
                or (years.is_flow and {{ year_of('own.counts_from') }} = years.indicator_year)
                or (
                    not years.is_flow
                    and own.counts_from < {{ day_after_year('years.indicator_year') }}
                    and (own.counts_to is null or own.counts_to >= {{ day_after_year('years.indicator_year') }})
                )
            )

),

things as (

    select * from counting
    where certificate_order = 1

),

placed as (

    select
        indicator_code,
        indicator_year,
        '全市' as dimension,
        '610100' as unit_code,
        amount,
        record_id
    from things
    union all
    select
        indicator_code,
        indicator_year,
        '区县' as dimension,
        district_code as unit_code,
        amount,
        record_id
    from things
    union all
    select
        indicator_code,
        indicator_year,
        '开发区' as dimension,
        zone_code as unit_code,
        amount,
        record_id
    from things
    union all
    select
        indicator_code,
        indicator_year,
        '秦创原' as dimension,
        belt_role as unit_code,
        amount,
        record_id
    from things

),

counted as (

    select
        indicator_code,
        indicator_year,
        dimension,
        unit_code,
        round(cast(sum(amount) as double), 4) as own_value,
        {{ json_list_agg('record_id') }} as record_ids
    from placed
    group by indicator_code, indicator_year, dimension, unit_code

),

units as (

    select
        '全市' as dimension,
        '610100' as unit_code,
        '西安市' as unit_name
    union all
    select
        case dimension when 'district' then '区县' else '开发区' end as dimension,
        case region_code when 'unassigned' then '000000' else region_code end as unit_code,
        case region_code when 'unassigned' then '未分配' else short_name end as unit_name
    from regions
    where dimension in ('district', 'zone')
    union all
    select
        '秦创原' as dimension,
        case region_code when 'unassigned' then '带外或未分配' else belt_role end as unit_code,
        case region_code when 'unassigned' then '带外或未分配' else belt_role end as unit_name
    from regions
    where dimension = 'belt'

),

final as (

    select
        years.indicator_code || '|' || years.indicator_year || '|' || units.dimension || '|' || units.unit_code
            as own_count_id,
        years.indicator_code,
        indicators.indicator_name,
        years.indicator_year,
        units.dimension,
        units.unit_code,
        units.unit_name,
        indicators.measure_unit,
        years.counting_day,
        years.note as counting_note,
        coalesce(counted.own_value, 0) as own_value,
        reported.indicator_value as reported_value,
        round(coalesce(counted.own_value, 0) - reported.indicator_value, 4) as difference,
        round(coalesce(counted.own_value, 0) / nullif(reported.indicator_value, 0), 6) as own_share_of_reported,
        reported.publisher,
        reported.source_document,
        {{ json_list(
            json_texts("coalesce(counted.record_ids, '[]')") ~ ' || ' ~ list_of(['reported.record_id'])
        ) }} as record_ids
    from years
    cross join units
    inner join indicators on years.indicator_code = indicators.indicator_code
    left join counted
        on
            years.indicator_code = counted.indicator_code
            and years.indicator_year = counted.indicator_year
            and units.dimension = counted.dimension
            and units.unit_code = counted.unit_code
    left join reported
        on
            years.indicator_code = reported.indicator_code
            and years.indicator_year = reported.indicator_year
            and units.dimension = reported.dimension
            and units.unit_code = reported.unit_code

)

select * from final
