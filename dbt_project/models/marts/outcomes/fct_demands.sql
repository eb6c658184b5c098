-- Every demand of the market: how long it has been open, how many achievements fit, and how often it was brought to a
-- meeting. One that has been open longer than the rule allows is overdue.
with {{ district_names() }},

demands as (

    select * from {{ ref('stg_market__demand') }}
    where posted_date <= {{ as_of() }}

),

rules as (

    select * from {{ ref('match_rules') }}

),

owners as (

    select
        record_id,
        entity_id
    from {{ ref('int_institution_links') }}
    where role = 'owner'

),

candidates as (

    select
        demand_no,
        cast(count(*) as integer) as candidate_count,
        max(score) as best_score
    from {{ ref('int_match_candidates') }}
    group by demand_no

),

meetings as (

    select
        demand_no,
        cast(count(*) as integer) as meeting_count,
        max(held_date) as last_meeting_date,
        min(contract_no) as contract_no
    from {{ ref('stg_market__match_event') }}
    where held_date <= {{ as_of() }} or contract_no is not null
    group by demand_no

),

aged as (

    select
        *,
        status = '发布中' or coalesce(closed_date > {{ as_of() }}, false) as is_open,
        {{ days_between('posted_date', as_of()) }} as days_since_posted
    from demands

),

final as (

    select
        d.demand_no,
        d.title,
        owners.entity_id as owner_id,
        d.owner_name,
        districts.region_code as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        d.industry,
        d.technology_node,
        d.required_trl,
        d.budget_cny,
        d.posted_date,
        d.status,
        d.closed_date,
        d.is_open,
        d.days_since_posted,
        case when d.is_open then d.days_since_posted else {{ days_between('d.posted_date', 'd.closed_date') }} end
            as days_open,
        d.is_open and d.days_since_posted > rules.unmatched_days as is_unmatched,
        coalesce(candidates.candidate_count, 0) as candidate_count,
        candidates.best_score,
        coalesce(meetings.meeting_count, 0) as meeting_count,
        meetings.last_meeting_date,
        meetings.contract_no,
        rules.rule_version,
        rules.source_document,
        {{ json_list(list_of(['d.record_id'])) }} as record_ids
    from aged as d
    left join rules on {{ in_force('rules', as_of()) }}
    left join owners on d.record_id = owners.record_id
    left join districts on d.district_code = districts.region_code
    left join candidates on d.demand_no = candidates.demand_no
    left join meetings on d.demand_no = meetings.demand_no

)

select * from final
