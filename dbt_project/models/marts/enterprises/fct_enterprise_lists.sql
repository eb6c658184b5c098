-- The named lists of the districts, each firm with its reason: 应评尽评未入库 (meets every condition that figures can tell
-- and is not registered), 差一项达标 (fails exactly one), 12 个月内到期 (a certificate ends and no later one is known).
with {{ rules_in_force('qualification_rules') }},

ladder as (

    select * from {{ ref('fct_enterprise_ladder') }}
    where is_newest and is_in_register

),

qualifications as (

    select * from {{ ref('fct_enterprise_qualifications') }}
    where is_in_register and is_lapsing

),

-- who could enter a rung: all conditions hold, or all but one
candidates as (

    select
        ladder.*,
        case when ladder.qualifies then 'unregistered' else 'one_short' end as list_kind
    from ladder
    left join rules on ladder.rung = rules.kind
    where
        not ladder.is_registered
        and ladder.is_old_enough
        and (
            ladder.qualifies
            or (
                ladder.failed_count = 1
                -- no figure that the firm improves ends a bar
                and ladder.failed_conditions is distinct from '["integrity"]'
                and ladder.missing_figures is null
                and rules.is_listed_one_short
            )
        )

),

by_figures as (

    select
        list_kind || '#' || ladder_id as list_id,
        list_kind,
        case list_kind when 'unregistered' then '应评尽评未入库' else '差一项达标' end as list_label,
        enterprise_id,
        firm_no,
        firm_name,
        district_code,
        district_name,
        zone_code,
        zone_name,
        industry,
        rung,
        year as figures_year,
        cast(null as date) as due_date,
        failed_conditions,
        is_near_miss,
        case
            when list_kind = 'one_short' then year || ' 年数据只差一项：' || failed_reason
            else
                year || ' 年数据符合' || rung || '全部数据条件，未在库'
                || coalesce('，曾持有至 ' || last_held_date, '') || '：' || explanation
        end as reason,
        unchecked_conditions,
        rule_version,
        source_document,
        record_ids
    from candidates

),

lapsing as (

    select
        'lapsing#' || qualification_no as list_id,
        'lapsing' as list_kind,
        '12 个月内到期' as list_label,
        enterprise_id,
        firm_no,
        firm_name,
        district_code,
        district_name,
        zone_code,
        zone_name,
        industry,
        kind as rung,
        cast(null as integer) as figures_year,
        valid_to as due_date,
        '[]' as failed_conditions,
        false as is_near_miss,
        kind || ' ' || valid_to || ' 到期，尚无后续证书' as reason,
        cast(null as varchar) as unchecked_conditions,
        rule_version,
        source_document,
        record_ids
    from qualifications

),

final as (

    select * from by_figures
    union all
    select * from lapsing

)

select * from final
