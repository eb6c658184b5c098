-- The named lists of the districts, each firm with its reason: 应评尽评未入库 (meets every condition that figures can tell
-- and is not registered), 差一项达标 (fails exactly one), 12 个月内到期 (a certificate ends and no later one is known).
with ladder as (

    select * from {{ ref('fct_enterprise_ladder') }}
    where is_newest and is_in_register

),

qualifications as (

    select * from {{ ref('fct_enterprise_qualifications') }}
    where is_in_register and is_lapsing

),

rules as (

    select * from {{ ref('qualification_rules') }}

),

unregistered as (

    select
        'unregistered' as list_kind,
        '应评尽评未入库' as list_label,
        ladder_id as about,
        *,
        cast(null as date) as due_date,
        year || ' 年数据符合' || rung || '全部数据条件，未在库'
        || coalesce('，曾持有至 ' || last_held_date, '') || '：' || explanation as reason
    from ladder
    where qualifies and not is_registered and is_old_enough

),

one_short as (

    select
        'one_short' as list_kind,
        '差一项达标' as list_label,
        l.ladder_id as about,
        l.*,
        cast(null as date) as due_date,
        l.year || ' 年数据只差一项：' || l.failed_reason as reason
    from ladder as l
    inner join rules as r on l.rung = r.kind and {{ in_force('r', as_of()) }}
    where
        l.failed_count = 1
        -- no figure that the firm improves ends a bar
        and l.failed_conditions is distinct from '["integrity"]'
        and l.missing_figures is null
        and not l.is_registered
        and l.is_old_enough
        and r.is_listed_one_short

),

lapsing as (

    select
        'lapsing' as list_kind,
        '12 个月内到期' as list_label,
        qualification_no as about,
        kind || ' ' || valid_to || ' 到期，尚无后续证书' as reason,
        valid_to as due_date,
        *
    from qualifications

),

unioned as (

    select
        list_kind,
        list_label,
        about,
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
        due_date,
        failed_conditions,
        is_near_miss,
        reason,
        unchecked_conditions,
        rule_version,
        source_document,
        record_ids
    from unregistered
    union all
    select
        list_kind,
        list_label,
        about,
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
        due_date,
        failed_conditions,
        is_near_miss,
        reason,
        unchecked_conditions,
        rule_version,
        source_document,
        record_ids
    from one_short
    union all
    select
        list_kind,
        list_label,
        about,
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
        due_date,
        '[]' as failed_conditions,
        false as is_near_miss,
        reason,
        cast(null as varchar) as unchecked_conditions,
        rule_version,
        source_document,
        record_ids
    from lapsing

),

final as (

    select
        list_kind || '#' || about as list_id,
        list_kind,
        list_label,
        enterprise_id,
        firm_no,
        firm_name,
        district_code,
        district_name,
        zone_code,
        zone_name,
        industry,
        rung,
        figures_year,
        due_date,
        failed_conditions,
        is_near_miss,
        reason,
        unchecked_conditions,
        rule_version,
        source_document,
        record_ids
    from unioned

)

select * from final
