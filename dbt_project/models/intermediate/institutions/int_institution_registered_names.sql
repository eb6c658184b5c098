-- Names that mean one registered institution: the one that bears it most strongly, and no rival on equal terms. A
-- withdrawn record's name counts only where nobody else bears it.
with names as (

    select
        n.name_key,
        r.institution_id,
        min(n.strength + case when n.can_be_linked then 0 else 10 end) as strength
    from {{ ref('int_institution_record_names') }} as n
    inner join {{ ref('int_institutions_resolved') }} as r on n.anchor = r.anchor
    group by n.name_key, r.institution_id

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
