-- One row per firm that a carrier took in: whether it graduated, and whether it lived for the months of the rule since
-- it came in. Judged at the end of the newest year that the carrier's district has handed in, by the firm's last form.
with tenants as (

    select * from {{ ref('stg_carriers__tenant') }}

),

use as (

    select * from {{ ref('fct_platform_use') }}

),

newest_use as (

    select
        *,
        row_number() over (partition by platform_no order by statistics_year desc) as age
    from use

),

-- a carrier whose newest form is missing is not closed: only a form that says so closes it
carriers as (

    select * from newest_use
    where age = 1 and register_status <> '撤销'

),

handed_in as (

    select
        district_code,
        max(statistics_year) as newest_year
    from (
        select
            district_code,
            statistics_year
        from use
        union all
        select
            district_code,
            statistics_year
        from tenants
    ) as years
    group by district_code

),

last_forms as (

    select
        *,
        row_number() over (partition by tenant_no order by statistics_year desc) as age
    from tenants

),

dated as (

    select
        t.*,
        c.platform_id,
        c.platform_name,
        c.platform_type,
        c.level,
        c.district_name,
        c.zone_code,
        c.zone_name,
        {{ year_end('h.newest_year') }} as judged_date,
        r.survival_months,
        r.rule_version,
        r.source_document,
        {{ months_after('t.entered_date', 'r.survival_months') }} as proven_date
    from last_forms as t
    inner join carriers as c on t.carrier_no = c.platform_no
    inner join handed_in as h on t.district_code = h.district_code
    left join {{ ref('carrier_rules') }} as r on {{ in_force('r', as_of()) }}
    where t.age = 1

),

final as (

    select
        tenant_no,
        carrier_no as platform_no,
        platform_id,
        platform_name,
        platform_type,
        level,
        district_code,
        district_name,
        zone_code,
        zone_name,
        firm_name,
        credit_code,
        entered_date,
        graduated_date,
        left_date,
        ended_date,
        status as register_status,
        status = '毕业' as is_graduated,
        judged_date,
        proven_date,
        -- none as long as the months are not over
        case when proven_date <= judged_date then ended_date is null or ended_date >= proven_date end as has_survived,
        survival_months,
        rule_version,
        source_document,
        {{ json_list('[record_id]') }} as record_ids
    from dated

)

select * from final
