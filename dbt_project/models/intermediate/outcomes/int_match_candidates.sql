-- Open demands beside the achievements that are offered today, scored part by part (rule 7: industry, direction of
-- technology, readiness, budget, region). Only pairs of one industry: a direction belongs to one, so the others are
-- left with 40 points at the most.
with {{ rules_in_force('match_rules') }},

places as (

    select
        record_id,
        entity_id
    from {{ ref('int_institution_links') }}
    where role = 'owner'

),

demands as (

    select
        d.*,
        places.entity_id as owner_id
    from {{ ref('stg_market__demand') }} as d
    left join places on d.record_id = places.record_id
    where
        d.status = '发布中'
        and d.posted_date <= {{ as_of() }}
        and coalesce(d.closed_date > {{ as_of() }}, true)

),

offers as (

    select
        a.*,
        places.entity_id as owner_id
    from {{ ref('stg_market__achievement') }} as a
    left join places on a.record_id = places.record_id
    where
        a.status = '在库'
        and a.published_date <= {{ as_of() }}
        and coalesce(a.closed_date > {{ as_of() }}, true)

),

pairs as (

    select
        d.record_id as demand_record_id,
        d.demand_no,
        a.record_id as achievement_record_id,
        a.achievement_no,
        d.industry,
        d.technology_node as demand_node,
        a.technology_node as achievement_node,
        d.required_trl,
        a.trl,
        d.budget_cny,
        a.price_cny,
        r.rule_version,
        r.source_document,
        r.least_score,
        r.top_count,
        greatest(0, d.required_trl - a.trl) as trl_short,
        r.industry_points,
        case when d.technology_node = a.technology_node then r.node_points else 0 end as node_points,
        r.trl_points * greatest(0, 1 - greatest(0, d.required_trl - a.trl) / cast(r.trl_gap as double)) as trl_points,
        r.budget_points * case
            when d.budget_cny is null or a.price_cny is null then r.unknown_budget_share
            when a.price_cny <= d.budget_cny then 1
            else greatest(0, 1 - cast(a.price_cny - d.budget_cny as double) / cast(d.budget_cny as double))
        end as budget_points,
        case when d.district_code = a.district_code then r.region_points else 0 end as region_points
    from demands as d
    -- nobody is offered what is their own
    inner join offers as a on d.industry = a.industry and d.owner_id is distinct from a.owner_id
    cross join rules as r

),

scored as (

    select
        *,
        {{ round_half_even('industry_points + node_points + trl_points + budget_points + region_points', 4) }} as score
    from pairs

),

final as (

    select
        *,
        cast(row_number() over (
            partition by demand_no order by score desc, length(achievement_no) asc, achievement_no asc
        ) as integer) as rank
    from scored
    where score >= least_score

)

select * from final
