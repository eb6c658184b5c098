-- Every name under which a register knows an institution. Strength 1 is its name, 2 another current name, 3 a former
-- one.
with records as (

    select * from {{ ref('int_institution_records') }}

),

ror as (

    select
        record_id,
        name,
        name_key,
        case when is_current and is_official then 1 when is_current then 2 else 3 end as strength
    from {{ ref('int_ror_names') }}
    where not is_acronym

),

moe as (

    select record_id, institution_name as name, {{ normalise_name('institution_name') }} as name_key, 1 as strength
    from {{ ref('stg_moe__institution') }}

),

city as (

    select
        record_id,
        institution_name as name,
        {{ normalise_name('institution_name') }} as name_key,
        1 as strength
    from {{ ref('int_city_institutions') }}
    union all
    select
        record_id,
        english_name as name,
        {{ normalise_name('english_name') }} as name_key,
        2 as strength
    from {{ ref('int_city_institutions') }}
    union all
    select
        c.record_id,
        u.item as name,
        {{ normalise_name('u.item') }} as name_key,
        3 as strength
    from {{ ref('int_city_institutions') }} as c
    cross join {{ explode(json_texts('c.former_names'), 'u', 'item') }}

),

unioned as (

    select * from ror
    union all
    select * from moe
    union all
    select * from city

),

final as (

    select
        r.register_rank,
        r.register,
        r.anchor,
        r.can_be_linked,
        n.name_key,
        min(n.strength) as strength,
        min_by(n.name, (n.strength, n.name)) as name
    from unioned as n
    inner join records as r on n.record_id = r.record_id
    where n.name_key is not null
    group by r.register_rank, r.register, r.anchor, r.can_be_linked, n.name_key

)

select * from final
