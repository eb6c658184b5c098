-- 揭榜挂帅: one row per call from the need (需求征集) over its publication (发榜) and the winner (定帅) to the appraisal.
with calls as (

    select * from {{ ref('stg_pds__call') }}

),

stages as (

    select
        calls.record_id,
        {{ json_text('u.item', '$.stage') }} as stage,
        cast({{ json_text('u.item', '$.date') }} as date) as entered_date
    from calls
    cross join {{ explode(json_items('calls.stages'), 'u', 'item') }}

),

dated as (

    select
        record_id,
        min(entered_date) filter (where stage = '需求征集') as collected_date,
        min(entered_date) filter (where stage = '发榜') as published_date,
        min(entered_date) filter (where stage = '定帅') as awarded_date,
        min(entered_date) filter (where stage = '绩效评价') as appraised_date,
        max(entered_date) as last_date
    from stages
    where entered_date <= {{ as_of() }}
    group by record_id

),

final as (

    select
        c.record_id as call_id,
        c.call_no,
        c.title,
        c.owner_name,
        c.industry,
        c.discipline,
        c.bounty_cny,
        c.call_year,
        c.stage,
        d.collected_date,
        d.published_date,
        d.awarded_date,
        d.appraised_date,
        {{ days_between('d.published_date', 'd.awarded_date') }} as days_to_award,
        case
            when d.awarded_date is null then {{ days_between('d.last_date', as_of()) }}
        end as days_waiting,
        c.winner_name,
        case when c.project_no is not null then 'pds:' || c.project_no end as project_id,
        {{ json_list(list_of(['c.record_id'])) }} as record_ids
    from calls as c
    left join dated as d on c.record_id = d.record_id

)

select * from final
