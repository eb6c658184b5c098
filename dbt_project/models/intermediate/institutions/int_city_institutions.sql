-- Institutions as the city's own registers know them, in one shape: the units of the platform (pds) and the service
-- institutions of the market. The numbers begin with DW and JG, so where both know one the unit speaks.
with units as (

    select
        record_id,
        'pds' as register,
        unit_no as institution_no,
        institution_name,
        short_name,
        english_name,
        former_names,
        credit_code,
        case unit_type
            when '高等院校' then 'university'
            when '科研院所' then 'research'
            when '医疗卫生机构' then 'healthcare'
            when '企业' then 'company'
            else 'service'
        end as institution_type,
        district_code,
        zone_code,
        established_date,
        status = '正常' as is_active,
        parent_unit_no as parent_no,
        successor_unit_no as successor_no
    from {{ ref('stg_pds__unit') }}

),

market as (

    select
        record_id,
        'market' as register,
        institution_no,
        institution_name,
        short_name,
        cast(null as varchar) as english_name,
        former_names,
        credit_code,
        case institution_type
            when '高等院校' then 'university'
            when '科研院所' then 'research'
            when '企业' then 'company'
            else 'service'
        end as institution_type,
        district_code,
        zone_code,
        established_date,
        is_active,
        cast(null as varchar) as parent_no,
        cast(null as varchar) as successor_no
    from {{ ref('stg_market__institution') }}

),

final as (

    select * from units
    union all
    select * from market

)

select * from final
