-- Every firm that the city's register holds today, with the names of its district and zone.
with firms as (

    select * from {{ ref('stg_enterprises__firm') }}
    where is_current and not is_withdrawn

),

{{ district_names() }},

{{ zone_names() }},

final as (

    select
        f.record_id,
        f.firm_no,
        'firm:' || f.firm_no as enterprise_id,
        f.firm_name,
        f.former_names,
        f.credit_code,
        f.industry,
        f.established_date,
        districts.region_code as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        zones.region_code as zone_code,
        coalesce(zones.region_name, '未分配') as zone_name
    from firms as f
    left join districts on f.district_code = districts.region_code
    left join zones on f.zone_code = zones.region_code

)

select * from final
