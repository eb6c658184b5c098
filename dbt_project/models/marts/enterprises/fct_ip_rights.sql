-- One row per intellectual property right that the register shows: whose it is today, whether it has effect, and
-- whether it has high value. Each right counts once, whoever owned it.
with rights as (

    select * from {{ ref('stg_enterprises__ip') }}

),

firms as (

    select * from {{ ref('int_enterprise_firms') }}

),

rules as (

    select * from {{ ref('high_value_patent_rules') }}

),

effective as (

    select
        *,
        granted_date <= {{ as_of() }} and (expired_date is null or expired_date > {{ as_of() }}) as is_effective
    from rights

),

valued as (

    select
        e.*,
        r.rule_version,
        r.source_document,
        coalesce(e.kind = r.patent_kind and e.is_effective, false) as is_effective_patent,
        -- ten years are counted here: the register's own mark is of the day of its list
        coalesce({{ years_after('e.application_date', 'r.kept_years_above') }} < {{ as_of() }}, false)
        or e.is_kept_ten_years as is_kept_long,
        r.counts_strategic,
        r.counts_foreign_family,
        r.counts_kept,
        r.counts_pledged,
        r.counts_awarded
    from effective as e
    left join rules as r on {{ in_force('r', as_of()) }}

),

criteria as (

    select
        *,
        {{ list_of([
            "case when is_strategic and counts_strategic then '战略性新兴产业' end",
            "case when has_foreign_family and counts_foreign_family then '海外同族专利' end",
            "case when is_kept_long and counts_kept then '维持超过10年' end",
            "case when is_pledged and counts_pledged then '质押融资' end",
            "case when is_awarded and counts_awarded then '国家级奖励' end",
        ]) }} as criteria_list
    from valued

),

final as (

    select
        c.ip_no,
        c.kind as ip_kind,
        c.title,
        c.owner_name,
        c.owner_credit_code,
        case when f.firm_no is not null then f.enterprise_id end as enterprise_id,
        c.firm_no,
        c.former_owner_name,
        c.transferred_date,
        coalesce(f.district_code, '未分配') as district_code,
        coalesce(f.district_name, '未分配') as district_name,
        coalesce(f.zone_code, '未分配') as zone_code,
        coalesce(f.zone_name, '未分配') as zone_name,
        f.industry,
        c.application_date,
        c.granted_date,
        c.expired_date,
        c.legal_status,
        coalesce(c.is_effective, false) as is_effective,
        c.is_effective_patent and {{ json_list_size(json_list('c.criteria_list')) }} > 0 as is_high_value,
        case when c.is_effective_patent then {{ list_text('c.criteria_list') }} end as high_value_criteria,
        c.rule_version,
        c.source_document,
        {{ json_list('[c.record_id, f.record_id]') }} as record_ids
    from criteria as c
    left join firms as f on c.firm_no = f.firm_no

)

select * from final
