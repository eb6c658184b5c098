-- What the platform can count itself, one row per thing and span of days in which it counts: a certificate while it is
-- valid, a carrier while it is recognised, a contract or an activity on its day. `amount` is 1, for contracts 亿元. Where
-- a register gives no day, counts_from is empty: what it says is of today.
with links as (

    select * from {{ ref('int_institution_links') }}

),

firms as (

    select
        firm_no,
        district_code,
        zone_code,
        listing_board,
        list_date,
        record_id
    from {{ ref('stg_enterprises__firm') }}
    where is_current and not is_withdrawn

),

certificates as (

    select
        case kind
            when '高新技术企业' then 'I07'
            when '科技型中小企业' then 'I08'
            when '创新型领军企业' then 'I14'
            when '专精特新小巨人' then 'S07'
            when '制造业单项冠军' then 'S08'
        end as indicator_code,
        firm_no,
        valid_from,
        valid_to,
        ended_date,
        record_id
    from {{ ref('stg_enterprises__qualification') }}

),

-- 累计 counts a firm from its first entry for good; a stock counts it to the last day of validity. What counts is the
-- entity: two numbers of the register that are one firm are one
firm_spans as (

    select
        certificates.indicator_code,
        coalesce(links.entity_id, certificates.firm_no) as entity_key,
        certificates.valid_from as counts_from,
        case
            when certificates.indicator_code not in ('I08', 'I14')
                then least(certificates.ended_date, {{ next_day('certificates.valid_to') }})
        end as counts_to,
        cast(1 as decimal(28, 10)) as amount,
        firms.district_code,
        firms.zone_code,
        certificates.record_id
    from certificates
    left join firms on certificates.firm_no = firms.firm_no
    left join links on certificates.record_id = links.record_id and links.role = 'firm'
    where certificates.indicator_code is not null
    union all
    select
        'S09' as indicator_code,
        coalesce(links.entity_id, firms.firm_no) as entity_key,
        firms.list_date as counts_from,
        cast(null as date) as counts_to,
        cast(1 as decimal(28, 10)) as amount,
        firms.district_code,
        firms.zone_code,
        firms.record_id
    from firms
    left join links on firms.record_id = links.record_id and links.role = 'self'
    where firms.listing_board = '科创板' and firms.list_date is not null

),

forms as (

    select
        platform_no,
        platform_type,
        level,
        approved_date,
        status,
        statistics_year,
        district_code,
        zone_code,
        record_id
    from {{ ref('stg_carriers__platform') }}
    union all
    select
        carrier_no as platform_no,
        carrier_type as platform_type,
        level,
        approved_date,
        status,
        statistics_year,
        district_code,
        zone_code,
        record_id
    from {{ ref('stg_carriers__incubator') }}

),

closings as (

    select
        platform_no,
        cast(cast(min(statistics_year) as varchar) || '-01-01' as date) as closed_date
    from forms
    where status = '撤销'
    group by platform_no

),

newest as (

    select
        *,
        row_number() over (partition by platform_no order by statistics_year desc) as age
    from forms

),

carriers as (

    select
        newest.platform_no,
        newest.platform_type,
        newest.level,
        newest.approved_date,
        closings.closed_date,
        newest.district_code,
        newest.zone_code,
        newest.record_id
    from newest
    left join closings on newest.platform_no = closings.platform_no
    where newest.age = 1

),

carrier_codes as (

    select
        *,
        case
            when platform_type = '新型研发机构' then 'I05'
            when platform_type = '众创空间' and level = '国家级' then 'I09'
            when platform_type = '科技企业孵化器' and level = '国家级' then 'I10'
            when platform_type = '技术创新中心' and level = '国家级' then 'I12'
            when platform_type = '重点实验室' and level in ('国家级', '省级') then 'S01'
            when platform_type = '工程技术研究中心' then 'S02'
            when platform_type = '企业技术中心' then 'S03'
        end as indicator_code
    from carriers
    union all
    -- 市级以上众创载体 are all of these, whatever they count for besides
    select
        *,
        'S10' as indicator_code
    from carriers
    where platform_type in ('众创空间', '科技企业孵化器', '加速器')

),

carrier_spans as (

    select
        indicator_code,
        platform_no as entity_key,
        approved_date as counts_from,
        closed_date as counts_to,
        cast(1 as decimal(28, 10)) as amount,
        district_code,
        zone_code,
        record_id
    from carrier_codes
    where indicator_code is not null and approved_date is not null

),

contracts as (

    -- every contract registered in the city, once and net of cancellations
    select
        'I06' as indicator_code,
        contract_no as entity_key,
        signed_date as counts_from,
        signed_date as counts_to,
        cast(cast(net_cny as double) / 100000000 as decimal(28, 10)) as amount,
        seller_region_code as district_code,
        cast(null as varchar) as zone_code,
        record_id
    from {{ ref('int_contracts_counted') }}

),

activities as (

    select
        'I11' as indicator_code,
        activity_no as entity_key,
        min(held_date) as counts_from,
        min(held_date) as counts_to,
        cast(1 as decimal(28, 10)) as amount,
        cast(null as varchar) as district_code,
        cast(null as varchar) as zone_code,
        min(record_id) as record_id
    from {{ ref('stg_market__match_event') }}
    where activity_no is not null
    group by activity_no

),

patents as (

    select
        'S12' as indicator_code,
        ip.ip_no as entity_key,
        ip.granted_date as counts_from,
        ip.granted_date as counts_to,
        cast(1 as decimal(28, 10)) as amount,
        firms.district_code,
        firms.zone_code,
        ip.record_id
    from {{ ref('stg_enterprises__ip') }} as ip
    left join firms on ip.firm_no = firms.firm_no
    where ip.kind = '发明专利' and ip.granted_date is not null

),

-- the criteria of today; the register dates none of its marks, so only the ten years begin on a day of their own
valued_patents as (

    select
        'C05' as indicator_code,
        ip.ip_no as entity_key,
        case
            when
                (ip.is_strategic and rules.counts_strategic)
                or (ip.has_foreign_family and rules.counts_foreign_family)
                or (ip.is_pledged and rules.counts_pledged)
                or (ip.is_awarded and rules.counts_awarded)
                then ip.granted_date
            when rules.counts_kept and ip.application_date is not null
                then
                    greatest(
                        ip.granted_date,
                        {{ next_day(years_after('ip.application_date', 'rules.kept_years_above')) }}
                    )
            when rules.counts_kept and ip.is_kept_ten_years then ip.granted_date
        end as counts_from,
        ip.expired_date as counts_to,
        cast(1 as decimal(28, 10)) as amount,
        firms.district_code,
        firms.zone_code,
        ip.record_id
    from {{ ref('stg_enterprises__ip') }} as ip
    inner join {{ ref('high_value_patent_rules') }} as rules
        on ip.kind = rules.patent_kind and {{ in_force('rules', as_of()) }}
    left join firms on ip.firm_no = firms.firm_no
    where ip.granted_date is not null

),

-- the register gives no day of recognition
demonstrations as (

    select
        'I13' as indicator_code,
        coalesce(links.entity_id, institutions.institution_no) as entity_key,
        cast(null as date) as counts_from,
        cast(null as date) as counts_to,
        cast(1 as decimal(28, 10)) as amount,
        institutions.district_code,
        institutions.zone_code,
        institutions.record_id
    from {{ ref('stg_market__institution') }} as institutions
    left join links on institutions.record_id = links.record_id and links.role = 'self'
    where institutions.is_active and institutions.qualifications like '%技术转移示范机构%'

),

unioned as (

    select * from firm_spans
    union all
    select * from carrier_spans
    union all
    select * from contracts
    union all
    select * from activities
    union all
    select * from patents
    union all
    select * from valued_patents
    where counts_from is not null
    union all
    select * from demonstrations

),

regions as (

    select * from {{ ref('dim_regions') }}
    where is_current and region_code != 'unassigned'

),

final as (

    select
        unioned.indicator_code,
        unioned.entity_key,
        unioned.counts_from,
        unioned.counts_to,
        unioned.amount,
        -- a code that is none of today's districts or zones is nobody's part: 未分配
        coalesce(districts.region_code, '000000') as district_code,
        coalesce(zones.region_code, '000000') as zone_code,
        coalesce(zones.belt_role, districts.belt_role, '带外或未分配') as belt_role,
        unioned.record_id
    from unioned
    left join regions as districts on unioned.district_code = districts.region_code and districts.dimension = 'district'
    left join regions as zones on unioned.zone_code = zones.region_code and zones.dimension = 'zone'

)

select * from final
