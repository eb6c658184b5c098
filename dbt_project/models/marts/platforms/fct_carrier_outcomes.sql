-- One row per working carrier: what came of the firms that it took in, beside the use of its space in the newest year.
with use as (

    select
        *,
        row_number() over (partition by platform_no order by statistics_year desc) as age
    from {{ ref('fct_platform_use') }}
    where incubation_area_m2 is not null

),

tenants as (

    select
        platform_no,
        count(*) as tenant_count,
        count(*) filter (where register_status = '在孵') as current_count,
        count(*) filter (where is_graduated) as graduated_count,
        count(*) filter (where has_survived is not null) as survival_judged_count,
        count(*) filter (where has_survived) as survived_count,
        {{ json_list_agg(json_text('record_ids', '$[0]')) }} as record_ids
    from {{ ref('fct_carrier_tenants') }}
    group by platform_no

),

final as (

    select
        u.platform_no,
        u.platform_id,
        u.platform_name,
        u.platform_type,
        u.level,
        u.district_code,
        u.district_name,
        u.zone_code,
        u.zone_name,
        u.statistics_year,
        u.occupancy_share,
        u.is_underused,
        cast(coalesce(t.tenant_count, 0) as integer) as tenant_count,
        cast(coalesce(t.current_count, 0) as integer) as current_count,
        cast(coalesce(t.graduated_count, 0) as integer) as graduated_count,
        cast(coalesce(t.survival_judged_count, 0) as integer) as survival_judged_count,
        cast(coalesce(t.survived_count, 0) as integer) as survived_count,
        t.survived_count / nullif(t.survival_judged_count, 0) as survival_share,
        u.subsidy_cny,
        u.rule_version,
        {{ json_list(
            "list_concat(" ~ json_texts('u.record_ids') ~ ", " ~ json_texts("coalesce(t.record_ids, '[]')") ~ ")"
        ) }} as record_ids
    from use as u
    left join tenants as t on u.platform_no = t.platform_no
    where u.age = 1 and u.register_status <> '撤销'

)

select * from final
