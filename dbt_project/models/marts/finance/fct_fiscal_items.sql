-- One row per line of the science budget: planned, paid and scored, by year, level, department and fund.
with items as (

    select * from {{ ref('stg_finance__fiscal_item') }}

),

{{ district_names() }},

{{ zone_names() }},

links as (

    select * from {{ ref('int_institution_links') }}
    where role = 'recipient'

),

final as (

    select
        i.item_no,
        i.fiscal_year,
        i.government_level,
        i.department,
        i.special_fund,
        i.item_name,
        i.support_mode,
        coalesce(districts.region_code, '未分配') as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        coalesce(zones.region_code, '未分配') as zone_code,
        coalesce(zones.region_name, '未分配') as zone_name,
        i.recipient_name,
        k.entity_id as institution_id,
        i.project_no,
        i.fund_no,
        i.budget_date,
        i.planned_cny,
        i.paid_cny,
        i.paid_cny / nullif(cast(i.planned_cny as double), 0) as paid_share,
        i.last_paid_date,
        cast(i.performance_score as double) as performance_score,
        i.performance_grade,
        {{ json_list('[i.record_id]') }} as record_ids
    from items as i
    left join districts on i.district_code = districts.region_code
    left join zones on i.zone_code = zones.region_code
    left join links as k on i.record_id = k.record_id

)

select * from final
