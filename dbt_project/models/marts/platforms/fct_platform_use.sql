-- One row per platform or carrier and year of the districts' forms: the use that it shows beside the border of the rule
-- version in force. Whether a platform is judged today hangs on the newest year that its district has handed in.
with platforms as (

    select * from {{ ref('stg_carriers__platform') }}

),

carriers as (

    select * from {{ ref('stg_carriers__incubator') }}

),

tenants as (

    select * from {{ ref('stg_carriers__tenant') }}

),

{{ district_names() }},

{{ zone_names() }},

forms as (

    select
        record_id,
        platform_no,
        statistics_year,
        platform_name,
        platform_type,
        level,
        district_code,
        zone_code,
        industry,
        instrument_count,
        cast(service_hours as double) as service_hours,
        cast(external_hours as double) as external_hours,
        cast(null as double) as incubation_area_m2,
        cast(null as double) as occupied_area_m2,
        subsidy_cny,
        cast(assessment_score as double) as assessment_score,
        status
    from platforms
    union all
    select
        record_id,
        carrier_no as platform_no,
        statistics_year,
        carrier_name as platform_name,
        carrier_type as platform_type,
        level,
        district_code,
        zone_code,
        industry,
        cast(null as integer) as instrument_count,
        cast(null as double) as service_hours,
        cast(null as double) as external_hours,
        cast(incubation_area_m2 as double) as incubation_area_m2,
        cast(occupied_area_m2 as double) as occupied_area_m2,
        subsidy_cny,
        cast(assessment_score as double) as assessment_score,
        status
    from carriers

),

-- any of the three forms tells that a district has handed in a year
handed_in as (

    select
        district_code,
        max(statistics_year) as newest_year
    from (
        select
            district_code,
            statistics_year
        from forms
        union all
        select
            district_code,
            statistics_year
        from tenants
    ) as years
    group by district_code

),

dated as (

    select
        f.*,
        f.statistics_year = h.newest_year as is_newest,
        -- the newest forms are judged by today's rule, older ones by that of the year in which they were handed in
        case
            when f.statistics_year = h.newest_year then {{ as_of() }}
            else {{ year_end('f.statistics_year + 1') }}
        end as judged_date
    from forms as f
    inner join handed_in as h on f.district_code = h.district_code

),

judged as (

    select
        d.*,
        i.min_service_hours,
        i.min_external_hours,
        c.min_occupied_percent,
        d.service_hours < i.min_service_hours as is_idle,
        d.external_hours < i.min_external_hours as is_closed_to_others,
        d.occupied_area_m2 * 100 < c.min_occupied_percent * d.incubation_area_m2 as is_underused,
        -- carriers have no machine hours
        case when d.incubation_area_m2 is null then i.rule_version else c.rule_version end as rule_version,
        case when d.incubation_area_m2 is null then i.source_document else c.source_document end as source_document
    from dated as d
    left join {{ ref('instrument_use_rules') }} as i on {{ in_force('i', 'd.judged_date') }}
    left join {{ ref('carrier_rules') }} as c on {{ in_force('c', 'd.judged_date') }}

),

final as (

    select
        j.platform_no || '|' || j.statistics_year as use_id,
        j.platform_no,
        {{ entity_id('plat', "'carriers:' || j.platform_no") }} as platform_id,
        j.platform_name,
        j.platform_type,
        j.level,
        coalesce(districts.region_code, '未分配') as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        coalesce(zones.region_code, '未分配') as zone_code,
        coalesce(zones.region_name, '未分配') as zone_name,
        j.industry,
        j.statistics_year,
        j.is_newest and j.status <> '撤销' as is_judged_today,
        j.status as register_status,
        j.instrument_count,
        j.service_hours,
        j.external_hours,
        j.external_hours / nullif(j.service_hours, 0) as external_share,
        j.min_service_hours,
        j.min_external_hours,
        j.incubation_area_m2,
        j.occupied_area_m2,
        j.occupied_area_m2 / nullif(j.incubation_area_m2, 0) as occupancy_share,
        j.min_occupied_percent,
        j.is_idle,
        j.is_closed_to_others,
        j.is_underused,
        {{ list_text(list_of([
            "case when j.is_idle then '台均有效机时 ' || " ~ number_text('j.service_hours')
                ~ " || ' 小时，低于 ' || j.min_service_hours || ' 小时' end",
            "case when j.is_closed_to_others then '台均对外服务机时 ' || " ~ number_text('j.external_hours')
                ~ " || ' 小时，低于 ' || j.min_external_hours || ' 小时' end",
            "case when j.is_underused then '孵化面积使用 ' || "
                ~ number_text('round(100 * j.occupied_area_m2 / nullif(j.incubation_area_m2, 0), 2)')
                ~ " || ' %，低于 ' || j.min_occupied_percent || ' %' end",
        ]), '；') }} as finding,
        j.subsidy_cny,
        j.assessment_score,
        j.rule_version,
        j.source_document,
        {{ json_list('[j.record_id]') }} as record_ids
    from judged as j
    left join districts on j.district_code = districts.region_code
    left join zones on j.zone_code = zones.region_code

)

select * from final
