-- The lookup for texts that are no mention themselves: a normalised name and the one institution it means. What a
-- register calls an institution today comes before its other names, those before former ones, those before spellings
-- in other records; a withdrawn record's name counts only where nobody else bears it. A name that several bear on equal
-- terms is not in it.
with members as (

    select * from {{ ref('int_institution_members') }} where not is_free_text

),

texts as (

    select
        m.institution_id,
        u.name,
        1 as strength,
        m.can_be_linked
    from members as m
    cross join {{ explode('m.own_names', 'u', 'name') }}
    union all
    select
        m.institution_id,
        u.name,
        2 as strength,
        m.can_be_linked
    from members as m
    cross join {{ explode('m.other_names', 'u', 'name') }}
    union all
    select
        m.institution_id,
        u.name,
        3 as strength,
        m.can_be_linked
    from members as m
    cross join {{ explode('m.former_names', 'u', 'name') }}
    union all
    select
        institution_id,
        name,
        4 as strength,
        true as can_be_linked
    from members
    where not is_registered

),

spellings as (

    -- normalise each spelling once
    select
        name,
        {{ normalise_name('name') }} as name_key
    from (select distinct name from texts) as spelt

),

names as (

    select
        s.name_key,
        t.institution_id,
        min(t.strength + case when t.can_be_linked then 0 else 10 end) as strength
    from texts as t
    inner join spellings as s on t.name = s.name
    where s.name_key is not null
    group by s.name_key, t.institution_id

),

ranked as (

    select
        *,
        rank() over (partition by name_key order by strength) as place
    from names

),

final as (

    select
        name_key,
        min(institution_id) as institution_id
    from ranked
    where place = 1
    group by name_key
    having count(*) = 1

)

select * from final
