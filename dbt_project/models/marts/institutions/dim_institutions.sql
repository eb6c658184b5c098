with members as (

    -- a report is no finding: who is only its subject is no institution to show, and may be somebody's own name
    select * from {{ ref('int_institution_members') }}
    where not is_free_text and not (role = 'subject' and {{ begins_with('record_id', "'integrity:report:'") }})

),

resolved as (

    select
        record_id,
        institution_id,
        rule
    from members
    where is_registered

),

-- a steward may join what a register enters twice: one entry speaks for the institution
ror_entries as (

    select
        r.institution_id,
        o.*,
        row_number() over (partition by r.institution_id order by o.status, o.ror_id) as place
    from {{ ref('int_ror_institutions') }} as o
    inner join resolved as r on o.record_id = r.record_id

),

ror as (

    select * from ror_entries where place = 1

),

moe_entries as (

    select
        r.institution_id,
        m.*,
        row_number() over (partition by r.institution_id order by m.school_code) as place
    from {{ ref('stg_moe__institution') }} as m
    inner join resolved as r on m.record_id = r.record_id

),

moe as (

    select * from moe_entries where place = 1

),

city as (

    -- one institution may be registered twice: the smallest number speaks for it
    select
        r.institution_id,
        min_by(c.institution_name, c.institution_no) as institution_name,
        min_by(c.english_name, c.institution_no) as english_name,
        min_by(c.credit_code, c.institution_no) as credit_code,
        min_by(c.institution_type, c.institution_no) as institution_type,
        min_by(c.district_code, c.institution_no) as district_code,
        min_by(c.zone_code, c.institution_no) as zone_code,
        min_by({{ year_of('c.established_date') }}, c.institution_no) as established_year,
        min_by(c.successor_no, c.institution_no) as successor_no,
        bool_or(c.is_active) as is_active,
        flatten(array_agg({{ json_texts('c.former_names') }})) as former_names,
        flatten(array_agg({{ list_of(['c.institution_name', 'c.english_name']) }})) as names
    from {{ ref('int_city_institutions') }} as c
    inner join resolved as r on c.record_id = r.record_id
    group by r.institution_id

),

city_numbers as (

    select
        c.institution_no,
        c.institution_name,
        r.institution_id
    from {{ ref('int_city_institutions') }} as c
    inner join resolved as r on c.record_id = r.record_id

),

mentions as (

    -- names that stand in other records; the one that stands most often speaks where no register does
    select
        institution_id,
        max_by(name, (mention_count, name)) filter (where name is not null) as name,
        min(district_code) as district_code,
        array_agg(distinct name) filter (where name is not null) as names,
        cast(sum(mention_count) as integer) as mention_count
    from (
        select
            institution_id,
            name,
            min(district_code) as district_code,
            count(*) as mention_count
        from members
        where not is_registered
        group by institution_id, name
    ) as spellings
    group by institution_id

),

codes as (

    -- the code that stands most often beside the institution
    select
        institution_id,
        max_by(credit_code, (code_count, credit_code)) as credit_code
    from (
        select
            institution_id,
            credit_code,
            count(*) as code_count
        from members
        where credit_code is not null
        group by institution_id, credit_code
    ) as counted
    group by institution_id

),

registers as (

    select
        institution_id,
        case
            when count(*) = 1 then 'single'
            when bool_or({{ begins_with('rule', "'name'") }}) then 'name'
            else 'identifier'
        end as link_rule,
        max(name) as name
    from members
    where is_registered
    group by institution_id

),

successors as (

    -- a firm that was taken over stands on its successor's entry only
    select
        m.institution_id,
        min(r.institution_id) as successor_id
    from members as m
    inner join resolved as r on m.record_id = r.record_id and m.institution_id != r.institution_id
    where {{ begins_with('m.role', "'merged_firm '") }}
    group by m.institution_id

),

ids as (

    select
        institution_id,
        min({{ first_of('numbers') }}) as number,
        -- officials are not led to people: whose employer it is stands in the audit file only (ADR 0011)
        array_agg(distinct record_id) filter (
            where not {{ begins_with('record_id', "'pds:talent:'") }}
            and not {{ begins_with('record_id', "'pds:expert:'") }}
        ) as record_ids
    from (
        select
            institution_id,
            record_id,
            numbers
        from members
        union all
        -- a decision of a steward is one of the reasons why an institution is what it is
        select
            entity_id as institution_id,
            record_id,
            {{ empty_list() }} as numbers
        from {{ ref('int_entity_decision_links') }}
        where is_applied and entity_id in (select members.institution_id from members)
    ) as shown
    group by institution_id

),

provinces as (

    select
        region_code,
        region_name,
        short_name
    from {{ ref('regions') }} where dimension = 'province'

),

place_names as (

    -- what a mere name may begin with: a province, or a city, which says the province
    select
        short_name as place,
        region_code as province_code
    from provinces
    union
    select
        regexp_replace(city_name, '市$', '') as place,
        province_code
    from {{ ref('geonames_cities') }}
    where city_name like '%市'

),

names_in_place as (

    -- 中共河南省委党校 begins with its province after 中共
    select
        m.institution_id,
        max_by(p.province_code, (length(p.place), p.province_code)) as province_code
    from mentions as m
    inner join place_names as p on {{ begins_with("regexp_replace(m.name, '^中共', '')", 'p.place') }}
    group by m.institution_id

),

named_provinces as (

    -- institutions of the registry whose name begins with the full name of a province; GeoNames misplaces some of them
    -- (安徽省科学技术厅 in Yunnan, 贵州省农业科学院 in Hubei)
    select
        r.institution_id,
        min(p.region_code) as province_code,
        bool_or(p.region_code != r.province_code) as is_misplaced
    from ror as r
    inner join provinces as p on {{ begins_with('r.name_zh', 'p.region_name') }}
    group by r.institution_id

),

joined as (

    select
        ids.institution_id,
        coalesce(ror.name_zh, moe.institution_name, city.institution_name) as name_zh,
        registers.name as registered_name,
        coalesce(ror.name_en, city.english_name) as name_en,
        mentions.name as mentioned_name,
        flatten({{ list_of([
            'coalesce(ror.former_names, ' ~ empty_list() ~ ')',
            'coalesce(city.former_names, ' ~ empty_list() ~ ')',
        ]) }}) as former_names,
        flatten({{ list_of([
            'coalesce(ror.all_names, ' ~ empty_list() ~ ')',
            list_of(['moe.institution_name']),
            'coalesce(city.names, ' ~ empty_list() ~ ')',
            'coalesce(city.former_names, ' ~ empty_list() ~ ')',
            'case when registers.institution_id is null then coalesce(mentions.names, ' ~ empty_list() ~ ') else '
            ~ list_of(['registers.name']) ~ ' end',
        ]) }}) as all_names,
        case
            when moe.record_id is not null then 'university'
            when ror.record_id is not null then ror.institution_type
            when city.institution_id is not null then city.institution_type
            when registers.institution_id is not null then 'company'
            else {{ institution_type_of_name('mentions.name') }}
        end as institution_type,
        moe.level as education_level,
        moe.department as supervising_department,
        moe.remark as ownership_note,
        case
            when ror.record_id is not null then ror.status
            when city.institution_id is not null and city.is_active then 'active'
            when city.institution_id is not null then 'inactive'
            when moe.record_id is not null then 'listed'
            when successors.successor_id is not null then 'inactive'
            when registers.institution_id is not null then 'listed'
            else 'unknown'
        end as status,
        ror.successor_ror_id,
        ror.successor_name,
        city.successor_no,
        successors.successor_id,
        coalesce(ror.established_year, city.established_year) as established_year,
        coalesce(
            moe.province_code, named_provinces.province_code, ror.province_code, left(city.district_code, 2),
            left(mentions.district_code, 2), names_in_place.province_code
        ) as province_code,
        coalesce(
            moe.city_name,
            case when not coalesce(named_provinces.is_misplaced, false) then ror.city_name end,
            case
                when left(coalesce(city.district_code, mentions.district_code), 4) = '6101' then '西安市'
                when registers.institution_id is null and {{ begins_with('mentions.name', "'西安'") }} then '西安市'
            end
        ) as city_name,
        case
            when moe.record_id is not null then 'registry'
            when named_provinces.is_misplaced then 'name'
            when ror.province_code is not null then 'registry'
            when city.district_code is not null or mentions.district_code is not null then 'district'
            when names_in_place.province_code is not null or {{ begins_with('mentions.name', "'西安'") }} then 'name'
        end as place_basis,
        coalesce(city.district_code, mentions.district_code) as district_code,
        city.zone_code,
        case when not coalesce(named_provinces.is_misplaced, false) then ror.latitude end as latitude,
        case when not coalesce(named_provinces.is_misplaced, false) then ror.longitude end as longitude,
        ror.website,
        ror.ror_id,
        moe.school_code as moe_code,
        codes.credit_code,
        case when registers.institution_id is null then 'mention' else 'registry' end as origin,
        coalesce(registers.link_rule, 'single') as link_rule,
        coalesce(mentions.mention_count, 0) as mention_count,
        cast(ror.version_count as integer) as version_count,
        ids.number,
        ids.record_ids
    from ids
    left join registers on ids.institution_id = registers.institution_id
    left join ror on ids.institution_id = ror.institution_id
    left join moe on ids.institution_id = moe.institution_id
    left join city on ids.institution_id = city.institution_id
    left join mentions on ids.institution_id = mentions.institution_id
    left join codes on ids.institution_id = codes.institution_id
    left join successors on ids.institution_id = successors.institution_id
    left join names_in_place on ids.institution_id = names_in_place.institution_id
    left join named_provinces on ids.institution_id = named_provinces.institution_id

),

final as (

    select
        j.institution_id,
        -- where a number or a code is all that is known, that is shown
        coalesce(
            j.name_zh, j.name_en, j.registered_name, j.mentioned_name, j.number, j.credit_code
        ) as institution_name,
        j.name_zh,
        j.name_en,
        {{ json_list('j.former_names') }} as former_names,
        {{ json_list_size(json_list('j.former_names')) }} as former_name_count,
        {{ json_list('j.all_names') }} as all_names,
        j.institution_type,
        {{ institution_type_label('j.institution_type') }} as institution_type_label,
        j.education_level,
        j.supervising_department,
        j.ownership_note,
        j.status,
        {{ status_label('j.status') }} as status_label,
        coalesce(s.institution_id, n.institution_id, j.successor_id) as successor_institution_id,
        coalesce(j.successor_name, n.institution_name, f.institution_name) as successor_name,
        j.established_year,
        coalesce(j.province_code, case when j.city_name = '西安市' then '61' end) as province_code,
        p.region_name as province_name,
        j.city_name,
        j.district_code,
        j.zone_code,
        coalesce(j.city_name = '西安市', false) as is_xian,
        j.place_basis,
        j.latitude,
        j.longitude,
        j.website,
        j.ror_id,
        j.moe_code,
        j.credit_code,
        j.origin,
        j.link_rule,
        j.mention_count,
        j.version_count,
        {{ json_list('j.record_ids') }} as record_ids
    from joined as j
    left join provinces as p
        on coalesce(j.province_code, case when j.city_name = '西安市' then '61' end) = p.region_code
    left join ror as s on j.successor_ror_id = s.ror_id
    left join city_numbers as n on j.successor_no = n.institution_no
    left join city as f on j.successor_id = f.institution_id

)

select * from final
