-- Where a project is and which institution carries it. The record's own region speaks first, then the registered
-- institution that bears the name, then the place that a school's name adds to its university's (中山大学珠海校区), then
-- the university of which the host is a school (西安交通大学管理学院), then the place at the head of the host's name
-- (陕西省委党校). What none of them knows stays unknown: institutes of the academies of sciences and agriculture are not
-- where their academy is.
with projects as (

    select * from {{ ref('int_projects_unioned') }}

),

hosts as (

    select
        record_id,
        name,
        institution_id
    from {{ ref('int_institution_members') }}
    where role in ('host', 'institution')

),

-- a project may stand in several lines, and one of them without a host
project_hosts as (

    select
        p.project_id,
        min_by(h.institution_id, (coalesce(h.name <> p.institution_name, true), u.record_id)) as institution_id
    from projects as p
    cross join {{ explode(json_texts('p.record_ids'), 'u', 'record_id') }}
    inner join hosts as h on u.record_id = h.record_id
    where p.institution_name is not null
    group by p.project_id

),

links as (

    select * from {{ ref('int_institution_names') }}

),

registered as (

    select
        institution_id,
        province_code,
        city_name
    from {{ ref('dim_institutions') }}
    where origin = 'registry'

),

spellings as (

    select * from {{ ref('region_spellings') }}

),

provinces as (

    select * from {{ ref('regions') }}
    where dimension = 'province'

),

districts as (

    select * from {{ ref('regions') }}
    where dimension = 'district'

),

-- place names as institutions carry them at the head of their names: 陕西, 西安; the longest one wins, and a province
-- before a city of the same name (吉林)
places as (

    select
        spelling as place,
        province_code,
        nullif(city_name, '') as city_name
    from spellings
    where kind = 'province' and length(spelling) <= 3 and right(spelling, 1) not in ('省', '市')
    union
    select
        regexp_replace(city_name, '(市|地区|盟)$', '') as place,
        province_code,
        city_name
    from {{ ref('geonames_cities') }}
    where city_name like '%市' or city_name like '%地区' or city_name like '%盟'

),

distinct_names as (

    select
        institution_name,
        regexp_replace(institution_name, '^(中国共产党|中共|中国人民解放军|解放军)', '') as head,
        {{ regex_group('institution_name', '^(.*?(?:大学|学院)).') }} as parent_name
    from {{ ref('int_projects_unioned') }}
    where institution_name is not null
    group by institution_name

),

parted as (

    select
        *,
        substr(institution_name, length(parent_name) + 1) as rest
    from distinct_names

),

heads as (

    select
        parted.institution_name,
        places.province_code,
        places.city_name,
        row_number() over (
            partition by parted.institution_name
            order by length(places.place) desc, places.city_name asc nulls first, places.province_code asc
        ) as choice
    from parted
    inner join places on {{ begins_with('parted.head', 'places.place') }}

),

rests as (

    select
        parted.institution_name,
        places.province_code,
        places.city_name,
        row_number() over (
            partition by parted.institution_name
            order by length(places.place) desc, places.city_name asc nulls first, places.province_code asc
        ) as choice
    from parted
    inner join places on {{ begins_with('parted.rest', 'places.place') }}

),

parents as (

    select
        parted.institution_name,
        registered.province_code,
        registered.city_name
    from parted
    inner join links on {{ normalise_name('parted.parent_name') }} = links.name_key
    inner join registered on links.institution_id = registered.institution_id
    where
        (parted.parent_name not like '%科学院' or parted.parent_name = '中国社会科学院')
        and not {{ regex_matches('parted.rest', '分校|校区|研究院|研究生院|（|\\(') }}

),

named as (

    select
        parted.institution_name,
        case
            when rests.province_code is null and parents.province_code is not null then 'parent'
            else 'name'
        end as basis,
        coalesce(rests.province_code, parents.province_code, heads.province_code) as province_code,
        case
            when rests.province_code is not null then rests.city_name
            when parents.province_code is not null then parents.city_name
            else heads.city_name
        end as city_name
    from parted
    left join rests on parted.institution_name = rests.institution_name and rests.choice = 1
    left join parents on parted.institution_name = parents.institution_name
    left join heads on parted.institution_name = heads.institution_name and heads.choice = 1
    where coalesce(rests.province_code, parents.province_code, heads.province_code) is not null

),

joined as (

    select
        projects.*,
        project_hosts.institution_id,
        coalesce(spellings.province_code, substr(projects.district_code, 1, 2)) as source_province_code,
        case
            when projects.district_code like '6101%' then '西安市'
            else spellings.city_name
        end as source_city_name,
        registered.province_code as registry_province_code,
        registered.city_name as registry_city_name,
        named.basis as named_basis,
        named.province_code as named_province_code,
        named.city_name as named_city_name
    from projects
    left join project_hosts on projects.project_id = project_hosts.project_id
    left join registered on project_hosts.institution_id = registered.institution_id
    left join spellings on projects.region_text = spellings.spelling
    left join named on projects.institution_name = named.institution_name

),

decided as (

    select
        *,
        coalesce(source_province_code, registry_province_code, named_province_code) as province_code,
        case
            when source_province_code is not null then 'source'
            when registry_province_code is not null then 'registry'
            else named_basis
        end as province_basis
    from joined

),

final as (

    select
        decided.project_id,
        decided.source,
        decided.programme,
        decided.project_number,
        decided.title,
        decided.category,
        decided.discipline,
        decided.institution_name,
        decided.institution_id,
        decided.province_code,
        provinces.short_name as province,
        decided.province_basis,
        -- a city counts only if it lies in the province decided on
        coalesce(
            decided.source_city_name,
            case when decided.registry_province_code = decided.province_code then decided.registry_city_name end,
            case when decided.named_province_code = decided.province_code then decided.named_city_name end
        ) as city,
        decided.district_code,
        districts.region_name as district,
        decided.zone_code,
        decided.leader_name,
        decided.leader_rank,
        decided.leader_talent_no,
        decided.start_date,
        decided.end_date,
        decided.start_year,
        decided.amount_cny,
        decided.evaluation,
        decided.completion_date,
        decided.status,
        decided.as_of_date,
        decided.record_count,
        decided.record_ids
    from decided
    left join provinces on decided.province_code = provinces.region_code
    left join districts on decided.district_code = districts.region_code

)

select
    *,
    province_code = '61' as is_shaanxi,
    case
        when city is not null then city = '西安市'
        when province_code <> '61' then false
    end as is_xian
from final
