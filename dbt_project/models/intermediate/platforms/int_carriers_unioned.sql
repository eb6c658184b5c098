-- Every platform and carrier of the districts' forms, one row per number: the newest year that was reported of it.
with platforms as (

    select
        record_id,
        platform_no,
        statistics_year,
        platform_name,
        platform_type,
        level,
        host_name,
        host_credit_code,
        industry,
        district_code,
        zone_code,
        approved_date,
        area_m2,
        service_hours,
        external_hours,
        revenue_cny,
        subsidy_cny,
        staff_count,
        cast(null as integer) as incubated_count,
        assessment_score,
        status
    from {{ ref('stg_carriers__platform') }}

),

carriers as (

    select
        record_id,
        carrier_no as platform_no,
        statistics_year,
        carrier_name as platform_name,
        carrier_type as platform_type,
        level,
        host_name,
        host_credit_code,
        industry,
        district_code,
        zone_code,
        approved_date,
        area_m2,
        cast(null as double) as service_hours,
        cast(null as double) as external_hours,
        revenue_cny,
        subsidy_cny,
        staff_count,
        incubated_count,
        assessment_score,
        status
    from {{ ref('stg_carriers__incubator') }}

),

unioned as (

    select * from platforms
    union all
    select * from carriers

),

ranked as (

    select
        *,
        row_number() over (partition by platform_no order by statistics_year desc) as age
    from unioned

),

final as (

    select
        record_id,
        platform_no,
        statistics_year,
        platform_name,
        platform_type,
        level,
        host_name,
        host_credit_code,
        industry,
        district_code,
        zone_code,
        approved_date,
        area_m2,
        service_hours,
        external_hours,
        revenue_cny,
        subsidy_cny,
        staff_count,
        incubated_count,
        assessment_score,
        status
    from ranked
    where age = 1

)

select * from final
