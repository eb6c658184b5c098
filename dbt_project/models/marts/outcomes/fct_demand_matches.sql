-- The achievements that fit an open demand best, and what each part of the score says.
with candidates as (

    select * from {{ ref('int_match_candidates') }}
    where rank <= top_count

),

demands as (

    select * from {{ ref('fct_demands') }}

),

achievements as (

    select * from {{ ref('fct_achievements') }}

),

final as (

    select
        c.demand_no || '#' || c.achievement_no as match_id,
        c.demand_no,
        d.title as demand_title,
        d.owner_id as demand_owner_id,
        d.owner_name as demand_owner_name,
        d.district_name as demand_district_name,
        c.achievement_no,
        a.title as achievement_title,
        a.owner_id as achievement_owner_id,
        a.owner_name as achievement_owner_name,
        a.district_name as achievement_district_name,
        c.industry,
        c.rank,
        c.score,
        c.industry_points,
        c.node_points,
        round(c.trl_points, 4) as trl_points,
        round(c.budget_points, 4) as budget_points,
        c.region_points,
        '产业相同；技术方向' || case when c.node_points > 0 then '相同' else '不同' end
        || case
            when c.trl_short > 0 then '；成熟度 ' || c.trl || ' 级，低于要求 ' || c.trl_short || ' 级'
            else '；成熟度 ' || c.trl || ' 级，达到要求'
        end
        || case
            when c.budget_cny is null then '；需求未写预算'
            when c.price_cny is null then '；成果面议'
            when c.price_cny <= c.budget_cny then '；报价在预算内'
            else '；报价超出预算 ' || {{ number_text('(c.price_cny - c.budget_cny) / 10000') }} || ' 万元'
        end
        || case when c.region_points > 0 then '；同一区县' else '' end as explanation,
        c.rule_version,
        c.source_document,
        {{ json_list(list_of(['c.demand_record_id', 'c.achievement_record_id'])) }} as record_ids
    from candidates as c
    inner join demands as d on c.demand_no = d.demand_no
    inner join achievements as a on c.achievement_no = a.achievement_no

)

select * from final
