-- The lookup for everyone: a normalised name and the one institution it means. Names that several institutions bear
-- are not in it, except where one of them is a host, which then stands for itself.
with registered as (

    select * from {{ ref('int_institution_registered_names') }}

),

mentions as (

    select
        name_key,
        institution_id
    from {{ ref('int_institution_hosts') }}

),

final as (

    select * from mentions
    union all
    select r.*
    from registered as r
    left join mentions as m on r.name_key = m.name_key
    where m.name_key is null

)

select * from final
