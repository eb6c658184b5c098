-- One row per stock code over all versions: the newest named version gives the name, industry and area; other
-- names are former ones; a withdrawal as the newest version means delisted. Below them the firms that the city's own
-- register holds today.
with versions as (

    select * from {{ ref('stg_listed_companies__company') }}

),

named as (

    select
        *,
        row_number() over (partition by record_id order by version_number desc) as age,
        lag(short_name) over (partition by record_id order by version_number) as previous_name
    from versions
    where not is_withdrawn

),

names as (

    select
        record_id,
        max(stock_code) as stock_code,
        max(case when age = 1 then short_name end) as enterprise_name,
        min(as_of_date) as first_seen_date,
        max(as_of_date) as last_seen_date
    from named
    group by record_id

),

-- newest value that is not missing: the list of 2021 has no area and no listing date
newest_known as (

    select
        record_id,
        max(case when industry_age = 1 then industry end) as industry,
        max(case when area_age = 1 then area end) as area,
        max(list_date) as list_date
    from (
        select
            *,
            row_number() over (partition by record_id order by industry is null, version_number desc) as industry_age,
            row_number() over (partition by record_id order by area is null, version_number desc) as area_age
        from named
    ) as aged
    group by record_id

),

-- a name counts once, where it began
former as (

    select
        spans.record_id,
        {{ string_agg_ordered('spans.short_name', 'spans.first_version') }} as former_names
    from (
        select
            record_id,
            short_name,
            min(version_number) as first_version
        from named
        where previous_name is null or previous_name <> short_name
        group by record_id, short_name
    ) as spans
    inner join names on spans.record_id = names.record_id
    where spans.short_name <> names.enterprise_name
    group by spans.record_id

),

newest as (

    select
        record_id,
        is_withdrawn,
        as_of_date
    from versions
    where is_current

),

regions as (

    select * from {{ ref('region_spellings') }}

),

provinces as (

    select * from {{ ref('regions') }}
    where dimension = 'province'

),

listed_companies as (

    select
        'stock:' || names.stock_code as enterprise_id,
        names.stock_code,
        case substr(names.stock_code, 8)
            when 'SH' then '上交所'
            when 'SZ' then '深交所'
            when 'BJ' then '北交所'
        end as exchange,
        names.enterprise_name,
        former.former_names,
        former.former_names is not null as has_name_changed,
        {{ regex_matches('names.enterprise_name', '^\\*?ST') }} as is_risk_warned,
        newest_known.industry,
        newest_known.area,
        regions.province_code,
        provinces.short_name as province,
        regions.province_code = '61' as is_shaanxi,
        newest_known.list_date,
        {{ year_of('newest_known.list_date') }} as list_year,
        case when newest.is_withdrawn then '已退市' else '在市' end as listing_status,
        names.first_seen_date,
        names.last_seen_date,
        case when newest.is_withdrawn then newest.as_of_date end as delisted_by_date,
        names.record_id,
        {{ json_list('[names.record_id]') }} as record_ids
    from names
    inner join newest on names.record_id = newest.record_id
    inner join newest_known on names.record_id = newest_known.record_id
    left join former on names.record_id = former.record_id
    left join regions on newest_known.area = regions.spelling
    left join provinces on regions.province_code = provinces.region_code

),

firm_versions as (

    select * from {{ ref('stg_enterprises__firm') }}

),

firm_spans as (

    select
        record_id,
        min(as_of_date) as first_seen_date,
        max(as_of_date) as last_seen_date
    from firm_versions
    where not is_withdrawn
    group by record_id

),

firms as (

    select
        'firm:' || f.firm_no as enterprise_id,
        f.stock_code,
        case substr(f.stock_code, 8)
            when 'SH' then '上交所'
            when 'SZ' then '深交所'
            when 'BJ' then '北交所'
        end as exchange,
        f.firm_name as enterprise_name,
        {{ list_text('f.former_names') }} as former_names,
        f.former_names is not null as has_name_changed,
        false as is_risk_warned,
        f.industry,
        cast(null as varchar) as area,
        provinces.region_code as province_code,
        provinces.short_name as province,
        provinces.region_code = '61' as is_shaanxi,
        f.list_date,
        {{ year_of('f.list_date') }} as list_year,
        case when f.stock_code is null then '未上市' else '在市' end as listing_status,
        s.first_seen_date,
        s.last_seen_date,
        cast(null as date) as delisted_by_date,
        f.record_id,
        {{ json_list('[f.record_id]') }} as record_ids
    from firm_versions as f
    inner join firm_spans as s on f.record_id = s.record_id
    left join provinces on left(f.district_code, 2) = provinces.region_code
    where f.is_current and not f.is_withdrawn

),

unioned as (

    select * from listed_companies
    union all
    select * from firms

),

institutions as (

    select
        record_id,
        institution_id
    from {{ ref('int_institution_members') }}
    where role = 'self'

),

final as (

    select
        unioned.*,
        institutions.institution_id
    from unioned
    left join institutions on unioned.record_id = institutions.record_id

)

select * from final
