-- Rule 6: shortage = (need - supply) / need, by chain, level and year. Supply is who works in the city on the day of
-- the list, everybody once.
with needs as (

    select
        n.*,
        rules.rule_version,
        rules.source_document,
        rules.top_categories,
        rules.least_shown
    from {{ ref('stg_pds__talent_need') }} as n
    inner join {{ ref('talent_rules') }} as rules on {{ in_force('rules', 'n.published_date') }}
    where n.published_date <= {{ as_of() }}

),

talents as (

    select * from {{ ref('int_talents_known') }}

),

working as (

    select
        needs.need_no,
        talents.person_id,
        talents.record_id
    from needs
    inner join talents
        on
            needs.industry = talents.industry
            and needs.level = case
                when {{ is_in_words('talents.category', 'needs.top_categories') }} then '领军人才'
                else '骨干人才'
            end
    inner join {{ ref('int_talent_jobs') }} as jobs
        on
            talents.person_id = jobs.person_id
            and needs.published_date >= jobs.from_date
            and coalesce(needs.published_date < jobs.to_date, true)

),

supply as (

    select
        need_no,
        cast(count(distinct person_id) as integer) as supply_count,
        {{ json_list_agg('record_id') }} as supply_record_ids
    from working
    group by need_no

),

final as (

    select
        needs.need_no,
        needs.need_year,
        needs.published_date,
        needs.industry,
        needs.level as talent_level,
        needs.need_count,
        coalesce(supply.supply_count, 0) as supply_count,
        needs.need_count - coalesce(supply.supply_count, 0) as short_count,
        {{ round_half_even(
            '(needs.need_count - coalesce(supply.supply_count, 0)) / nullif(cast(needs.need_count as double), 0)', 4
        ) }} as shortage_share,
        coalesce(supply.supply_count, 0) < needs.need_count as is_short,
        row_number() over (
            partition by needs.industry, needs.level order by needs.published_date desc
        ) = 1 as is_newest,
        coalesce(supply.supply_count between 1 and needs.least_shown - 1, false) as is_suppressed,
        needs.rule_version,
        needs.source_document,
        needs.record_id,
        coalesce(supply.supply_record_ids, '[]') as supply_record_ids
    from needs
    left join supply on needs.need_no = supply.need_no

)

select * from final
