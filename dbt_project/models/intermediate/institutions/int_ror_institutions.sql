-- The current version of every ROR record, withdrawn ones included, with what its earlier versions were called.
with current_versions as (

    select * from {{ ref('stg_ror__organization') }} where is_current

),

names as (

    select * from {{ ref('int_ror_names') }}

),

places as (

    select * from {{ ref('geonames_cities') }}

),

current_names as (

    select
        record_id,
        -- the official Chinese name is the longest label; a shorter one beside it is a short form
        max_by(name, (is_official, length(name), name)) filter (where is_chinese and not is_acronym) as name_zh,
        max_by(name, (is_display, is_official, name)) filter (
            where not is_chinese and not is_acronym and coalesce(language, 'en') = 'en'
        ) as name_en,
        max_by(name, (is_display, is_official, name)) as display_name
    from names
    where is_current
    group by record_id

),

former_names as (

    select
        past.record_id,
        array_agg(distinct past.name) as former_names
    from names as past
    left join names as present
        on past.record_id = present.record_id and past.name_key = present.name_key and present.is_current
            and present.is_official
    where past.is_official and not past.is_current and present.record_id is null
    group by past.record_id

),

all_names as (

    select
        record_id,
        array_agg(distinct name) as all_names
    from names
    where not is_acronym
    group by record_id

),

relations as (

    select
        v.record_id,
        lower({{ json_text('u.item', '$.type') }}) as relation_type,
        {{ ror_code(json_text('u.item', '$.id')) }} as related_ror_id,
        {{ json_text('u.item', '$.label') }} as related_name
    from current_versions as v
    cross join {{ explode(json_items('v.relationships'), 'u', 'item') }}

),

successors as (

    select
        record_id,
        min_by(related_ror_id, related_ror_id) as successor_ror_id,
        min_by(related_name, related_ror_id) as successor_name
    from relations
    where relation_type = 'successor'
    group by record_id

),

parents as (

    select
        record_id,
        array_agg(distinct related_ror_id) as parent_ror_ids
    from relations
    where relation_type = 'parent'
    group by record_id

),

final as (

    select
        v.record_id,
        v.ror_id,
        v.version_number as version_count,
        v.status,
        n.name_zh,
        coalesce(n.name_en, n.display_name) as name_en,
        coalesce(f.former_names, {{ empty_list() }}) as former_names,
        coalesce(a.all_names, {{ empty_list() }}) as all_names,
        case
            when {{ regex_matches('v.types', '"education"') }} then 'university'
            when {{ regex_matches('v.types', '"facility"') }} then 'research'
            when {{ regex_matches('v.types', '"healthcare"') }} then 'healthcare'
            when {{ regex_matches('v.types', '"company"') }} then 'company'
            when {{ regex_matches('v.types', '"government"') }} then 'government'
            when {{ regex_matches('v.types', '"nonprofit"') }} then 'nonprofit'
            when {{ regex_matches('v.types', '"archive"') }} then 'archive'
            else 'other'
        end as institution_type,
        v.established_year,
        p.province_code,
        p.city_code,
        -- a listed place without a city is a whole province; a place that is not listed keeps its English name
        case when p.geonames_id is null then v.geonames_name else p.city_name end as city_name,
        v.geonames_id,
        v.latitude,
        v.longitude,
        v.website,
        s.successor_ror_id,
        s.successor_name,
        coalesce(r.parent_ror_ids, {{ empty_list() }}) as parent_ror_ids
    from current_versions as v
    left join current_names as n on v.record_id = n.record_id
    left join former_names as f on v.record_id = f.record_id
    left join all_names as a on v.record_id = a.record_id
    left join places as p on v.geonames_id = p.geonames_id
    left join successors as s on v.record_id = s.record_id
    left join parents as r on v.record_id = r.record_id

)

select * from final
