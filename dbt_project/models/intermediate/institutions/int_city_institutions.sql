-- Institutions as the city's own registers know them, in one shape: the units of the platform (pds), the service
-- institutions of the market and the firms. The numbers begin with DW, JG and QY, so where several know one the unit
-- speaks, then the market.
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

firms as (

    select
        record_id,
        'firm' as register,
        firm_no as institution_no,
        firm_name as institution_name,
        cast(null as varchar) as short_name,
        cast(null as varchar) as english_name,
        {{ json_list('former_names') }} as former_names,
        credit_code,
        'company' as institution_type,
        district_code,
        zone_code,
        established_date,
        true as is_active,
        cast(null as varchar) as parent_no,
        cast(null as varchar) as successor_no
    from {{ ref('stg_enterprises__firm') }}
    where is_current and not is_withdrawn

),

final as (

    select * from units
    union all
    select * from market
    union all
    select * from firms

)

select * from final
