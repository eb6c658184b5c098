-- One row per station in a county, park, base of cooperation, enclave or innovation quarter, and whether it held as
-- many registered activities within the last months as the rule asks.
with {{ rules_in_force('activity_rules') }},

{{ district_names() }},

{{ zone_names() }},

bases as (

    select * from {{ ref('stg_pds__outreach_base') }}
    where approved_date <= {{ as_of() }}

),

hosts as (

    select
        record_id,
        entity_id
    from {{ ref('int_institution_links') }}
    where role = 'host'

),

counted as (

    select * from {{ ref('int_activities_counted') }}

),

final as (

    select
        b.base_no,
        b.base_name,
        case
            when b.base_kind in ('星创天地', '农业科技园区', '县域科技创新试验示范站') then '县域和农业科技'
            else '国际合作、飞地与双创'
        end as area,
        b.base_kind,
        b.level,
        hosts.entity_id as host_id,
        b.host_name,
        districts.region_code as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        zones.region_code as zone_code,
        coalesce(zones.region_name, '未分配') as zone_name,
        b.partner_place,
        b.approved_date,
        b.closed_date,
        coalesce(b.closed_date > {{ as_of() }}, true) as is_open,
        coalesce(c.activity_count, 0) as activity_count,
        c.last_held_date,
        coalesce(c.recent_count, 0) as recent_count,
        coalesce(c.recent_unfiled_count, 0) as recent_unfiled_count,
        coalesce(c.recent_participants, 0) as recent_participants,
        case
            when b.closed_date <= {{ as_of() }} then '已撤销'
            when coalesce(c.recent_count, 0) >= rules.least_activities then '活跃'
            else '不活跃'
        end as activity_state,
        coalesce(b.closed_date > {{ as_of() }}, true) and coalesce(c.recent_count, 0) < rules.least_activities
            as is_quiet,
        rules.rule_version,
        rules.source_document,
        b.record_id,
        {{ json_list('list_prepend(b.record_id, coalesce(c.record_ids, ' ~ empty_list() ~ '))') }} as record_ids
    from bases as b
    cross join rules
    left join hosts on b.record_id = hosts.record_id
    left join districts on b.district_code = districts.region_code
    left join zones on b.zone_code = zones.region_code
    left join counted as c on b.base_no = c.holder_no

)

select * from final
