-- One row per appointment of an envoy, for auditors: who, where, until when, and whether there were as many registered
-- services within the last months as the rule asks.
with {{ rules_in_force('activity_rules') }},

{{ district_names() }},

envoys as (

    select * from {{ ref('stg_pds__envoy') }}
    where from_date <= {{ as_of() }}

),

people as (

    select
        record_id,
        entity_id
    from {{ ref('int_person_links') }}
    where role = 'envoy'

),

counted as (

    select * from {{ ref('int_activities_counted') }}

),

final as (

    select
        e.envoy_no,
        people.entity_id as person_id,
        districts.region_code as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        e.served_name,
        e.service_field,
        e.from_date,
        e.to_date,
        coalesce(e.to_date > {{ as_of() }}, true) as is_serving,
        coalesce(c.activity_count, 0) as activity_count,
        c.last_held_date,
        coalesce(c.recent_count, 0) as recent_count,
        coalesce(c.recent_unfiled_count, 0) as recent_unfiled_count,
        case
            when e.to_date <= {{ as_of() }} then '已期满'
            when coalesce(c.recent_count, 0) >= rules.least_activities then '活跃'
            else '不活跃'
        end as activity_state,
        coalesce(e.to_date > {{ as_of() }}, true) and coalesce(c.recent_count, 0) < rules.least_activities as is_quiet,
        rules.least_shown,
        rules.rule_version,
        rules.source_document,
        e.record_id,
        {{ json_list('list_prepend(e.record_id, coalesce(c.record_ids, ' ~ empty_list() ~ '))') }} as record_ids
    from envoys as e
    cross join rules
    left join people on e.record_id = people.record_id
    left join districts on e.district_code = districts.region_code
    left join counted as c on e.envoy_no = c.holder_no

)

select * from final
