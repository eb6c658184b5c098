-- What the districts have of county stations and envoys today, and how many of them are active. Envoys are people:
-- small numbers of them are withheld.
with bases as (

    select
        coalesce(district_code, '未分配') as district_code,
        district_name,
        base_kind as service_kind,
        is_quiet,
        recent_count,
        0 as least_shown,
        rule_version,
        source_document
    from {{ ref('fct_outreach_bases') }}
    where is_open and area = '县域和农业科技'

),

envoys as (

    select
        coalesce(district_code, '未分配') as district_code,
        district_name,
        '科技特派员' as service_kind,
        is_quiet,
        recent_count,
        least_shown,
        rule_version,
        source_document
    from {{ ref('audit_envoys') }}
    where is_serving

),

counted as (

    select
        district_code,
        district_name,
        service_kind,
        count(*) as place_count,
        sum(case when is_quiet then 0 else 1 end) as active_count,
        sum(recent_count) as recent_count,
        max(least_shown) as least_shown,
        max(rule_version) as rule_version,
        max(source_document) as source_document
    from (
        select * from bases
        union all
        select * from envoys
    ) as places
    group by district_code, district_name, service_kind

),

judged as (

    select
        *,
        place_count < least_shown
        or active_count between 1 and least_shown - 1
        or place_count - active_count between 1 and least_shown - 1 as is_suppressed
    from counted

),

final as (

    select
        district_code || '/' || service_kind as county_service_id,
        nullif(district_code, '未分配') as district_code,
        district_name,
        service_kind,
        case when not is_suppressed then cast(place_count as integer) end as place_count,
        case when not is_suppressed then cast(active_count as integer) end as active_count,
        case when not is_suppressed then cast(recent_count as integer) end as recent_count,
        is_suppressed,
        rule_version,
        source_document
    from judged

)

select * from final
