with laboratories as (

    select * from {{ ref('stg_ror_laboratories__laboratory') }}

),

ror as (

    select * from {{ ref('int_ror_institutions') }}

),

members as (

    select
        record_id,
        role,
        name,
        institution_id
    from {{ ref('int_institution_members') }}
    where role = 'host' or {{ begins_with('role', "'host '") }}

),

institutions as (

    select
        institution_id,
        institution_name,
        ror_id,
        origin
    from {{ ref('dim_institutions') }}

),

provinces as (

    select
        region_code,
        region_name
    from {{ ref('regions') }} where dimension = 'province'

),

hosts as (

    -- the same record in the registry names its parents by id
    select
        l.record_id,
        i.institution_id
    from laboratories as l
    inner join ror as r on l.ror_id = r.ror_id
    cross join {{ explode('r.parent_ror_ids', 'u', 'parent_ror_id') }}
    inner join institutions as i on u.parent_ror_id = i.ror_id
    union
    select
        m.record_id,
        m.institution_id
    from members as m
    inner join institutions as i on m.institution_id = i.institution_id
    where m.role = 'host' or i.origin = 'registry'

),

linked_hosts as (

    select
        h.record_id,
        array_agg(h.institution_id order by h.institution_id) as institution_ids,
        array_agg(i.institution_name order by h.institution_id) as institution_names
    from hosts as h
    inner join institutions as i on h.institution_id = i.institution_id
    group by h.record_id

),

named_hosts as (

    select
        record_id,
        array_agg(name order by name) as host_names
    from members
    where {{ begins_with('role', "'host '") }}
    group by record_id

),

named_laboratories as (

    select
        *,
        coalesce({{ first_of('names_zh') }}, '') as name_zh
    from laboratories

),

laboratory_rows as (

    -- the registry has no field for kind and level: both are read from the name
    select
        l.record_id,
        'ror:' || l.ror_id as anchor,
        'ror_laboratories' as source,
        coalesce(nullif(l.name_zh, ''), r.name_zh, l.name_en) as platform_name,
        l.name_en,
        case
            when {{ regex_matches('l.name_zh', '重点实验室') }} or {{ regex_matches('l.name_en', 'Key Lab') }}
                then 'key_laboratory'
            when {{ regex_matches('l.name_zh', '实验室') }} or {{ regex_matches('l.name_en', '[Ll]aborator') }}
                then 'laboratory'
            when
                {{ regex_matches('l.name_zh', '工程(技术)?(研究)?中心') }}
                or {{ regex_matches('l.name_en', 'Engineering.*Cent(er|re)') }}
                then 'engineering_centre'
            when {{ regex_matches('l.name_en', 'Science Park') }} then 'science_park'
            when {{ regex_matches('l.name_en', 'Cent(er|re)') }} then 'research_centre'
            else 'other'
        end as platform_type,
        case
            when {{ regex_matches('l.name_zh', '国家') }} or {{ regex_matches('l.name_en', '(State|National) ') }}
                then 'national'
            when {{ regex_matches('l.name_zh', '省|自治区|教育部') }} or {{ regex_matches('l.name_en', 'Provinc') }}
                then 'provincial'
            else 'unknown'
        end as platform_level,
        l.status,
        coalesce(n.host_names, {{ empty_list() }}) as host_names,
        r.province_code,
        coalesce(r.city_name, l.city_name) as city_name,
        cast(null as varchar) as district_code,
        cast(null as varchar) as zone_code,
        l.ror_id,
        cast(null as varchar) as industry,
        cast(null as date) as approved_date,
        cast(null as integer) as statistics_year,
        cast(null as double) as area_m2,
        cast(null as double) as service_hours,
        cast(null as double) as external_hours,
        cast(null as decimal(18, 2)) as revenue_cny,
        cast(null as decimal(18, 2)) as subsidy_cny,
        cast(null as integer) as staff_count,
        cast(null as integer) as incubated_count,
        cast(null as double) as assessment_score
    from named_laboratories as l
    left join ror as r on l.ror_id = r.ror_id
    left join named_hosts as n on l.record_id = n.record_id

),

carrier_rows as (

    select
        record_id,
        'carriers:' || platform_no as anchor,
        'carriers' as source,
        platform_name,
        cast(null as varchar) as name_en,
        case platform_type
            when '重点实验室' then 'key_laboratory'
            when '工程技术研究中心' then 'engineering_centre'
            when '企业技术中心' then 'enterprise_centre'
            when '技术创新中心' then 'innovation_centre'
            when '新型研发机构' then 'new_rd_institution'
            when '中试平台' then 'pilot_line'
            when '大科学装置' then 'large_facility'
            when '科技企业孵化器' then 'incubator'
            when '众创空间' then 'makerspace'
            when '加速器' then 'accelerator'
        end as platform_type,
        case level
            when '国家级' then 'national'
            when '省级' then 'provincial'
            when '市级' then 'municipal'
        end as platform_level,
        case status
            when '运行' then 'active'
            when '整改' then 'rectifying'
            when '撤销' then 'closed'
        end as status,
        case when host_name is null then {{ empty_list() }} else {{ list_of(['host_name']) }} end as host_names,
        left(district_code, 2) as province_code,
        case when left(district_code, 4) = '6101' then '西安市' end as city_name,
        district_code,
        zone_code,
        cast(null as varchar) as ror_id,
        industry,
        approved_date,
        statistics_year,
        cast(area_m2 as double) as area_m2,
        cast(service_hours as double) as service_hours,
        cast(external_hours as double) as external_hours,
        revenue_cny,
        subsidy_cny,
        staff_count,
        incubated_count,
        cast(assessment_score as double) as assessment_score
    from {{ ref('int_carriers_unioned') }}

),

unioned as (

    select * from laboratory_rows
    union all
    select * from carrier_rows

),

final as (

    select
        {{ entity_id('plat', 'u.anchor') }} as platform_id,
        u.platform_name,
        u.name_en,
        u.platform_type,
        {{ platform_type_label('u.platform_type') }} as platform_type_label,
        u.platform_level,
        {{ platform_level_label('u.platform_level') }} as platform_level_label,
        u.status,
        {{ status_label('u.status') }} as status_label,
        {{ first_of('h.institution_ids') }} as host_institution_id,
        {{ json_list('h.institution_ids') }} as host_institution_ids,
        coalesce({{ first_of('h.institution_names') }}, {{ first_of('u.host_names') }}) as host_name,
        {{ json_list('u.host_names') }} as host_names,
        {{ list_size('u.host_names') }} > coalesce({{ list_size('h.institution_ids') }}, 0) as has_unlinked_host,
        u.province_code,
        p.region_name as province_name,
        u.city_name,
        u.district_code,
        u.zone_code,
        coalesce(u.city_name = '西安市', false) as is_xian,
        u.industry,
        u.approved_date,
        u.statistics_year,
        u.area_m2,
        u.service_hours,
        u.external_hours,
        u.revenue_cny,
        u.subsidy_cny,
        u.staff_count,
        u.incubated_count,
        u.assessment_score,
        u.ror_id,
        u.source,
        {{ json_list(list_of(['u.record_id'])) }} as record_ids
    from unioned as u
    left join linked_hosts as h on u.record_id = h.record_id
    left join provinces as p on u.province_code = p.region_code

)

select * from final
