-- Where a project is and which institution carries it. The record's own region speaks first, then the linked institution, then the
-- place name that the institution's own name begins with; what none of them knows stays unknown.
with projects as (

    select
        *,
        {{ normalise_name('institution_name') }} as name_key
    from {{ ref('int_projects_unioned') }}

),

links as (

    select * from {{ ref('int_institution_names') }}

),

institutions as (

    select * from {{ ref('dim_institutions') }}

),

spellings as (

    select * from {{ ref('region_spellings') }}

),

provinces as (

    select * from {{ ref('regions') }}
    where dimension = 'province'

),

-- place names as institutions carry them at the head of their names: 陕西, 西安; the longest one wins (吉林市 over 吉林)
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

    select distinct institution_name from projects

),

named_places as (

    select
        distinct_names.institution_name,
        places.province_code,
        places.city_name,
        row_number() over (
            partition by distinct_names.institution_name
            order by length(places.place) desc, places.city_name nulls last, places.province_code
        ) as choice
    from distinct_names
    inner join places on starts_with(distinct_names.institution_name, places.place)

),

joined as (

    select
        projects.*,
        links.institution_id,
        coalesce(spellings.province_code, substr(projects.district_code, 1, 2)) as source_province_code,
        case
            when projects.district_code like '6101%' then '西安市'
            else spellings.city_name
        end as source_city_name,
        institutions.province_code as registry_province_code,
        institutions.city_name as registry_city_name,
        named_places.province_code as named_province_code,
        named_places.city_name as named_city_name
    from projects
    left join links on projects.name_key = links.name_key
    left join institutions on links.institution_id = institutions.institution_id
    left join spellings on projects.region_text = spellings.spelling
    left join named_places on projects.institution_name = named_places.institution_name and named_places.choice = 1

),

decided as (

    select
        *,
        coalesce(source_province_code, registry_province_code, named_province_code) as province_code,
        case
            when source_province_code is not null then 'source'
            when registry_province_code is not null then 'registry'
            when named_province_code is not null then 'name'
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

)

select
    *,
    province_code = '61' as is_shaanxi,
    case
        when city is not null then city = '西安市'
        when province_code <> '61' then false
    end as is_xian
from final
