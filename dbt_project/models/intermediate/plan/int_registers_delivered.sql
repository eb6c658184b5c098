-- What each register that indicators are counted in has delivered: one that holds no such thing says 0, one that has
-- delivered nothing says nothing.
with delivered as (

    select
        '企业名录' as register_name,
        count(*) as record_count
    from {{ ref('stg_enterprises__firm') }}
    union all
    select
        '企业资质' as register_name,
        count(*) as record_count
    from {{ ref('stg_enterprises__qualification') }}
    union all
    select
        '知识产权登记' as register_name,
        count(*) as record_count
    from {{ ref('stg_enterprises__ip') }}
    union all
    select
        '平台载体' as register_name,
        count(*) as record_count
    from {{ ref('stg_carriers__platform') }}
    union all
    select
        '平台载体' as register_name,
        count(*) as record_count
    from {{ ref('stg_carriers__incubator') }}
    union all
    select
        '技术合同登记' as register_name,
        count(*) as record_count
    from {{ ref('stg_market__contract') }}
    union all
    select
        '对接活动' as register_name,
        count(*) as record_count
    from {{ ref('stg_market__match_event') }}
    union all
    select
        '技术市场机构' as register_name,
        count(*) as record_count
    from {{ ref('stg_market__institution') }}

)

select
    register_name,
    cast(sum(record_count) as bigint) as record_count
from delivered
group by register_name
