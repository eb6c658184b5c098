-- One row per anchor: the institution it belongs to. A register's anchor joins one of an earlier register (ror, moe,
-- the city's own) when they share a name that only one institution has in each of the two, on the strongest name and
-- without a rival.
with anchors as (

    select distinct
        register_rank,
        anchor,
        can_be_linked
    from {{ ref('int_institution_records') }}

),

names as (

    select * from {{ ref('int_institution_record_names') }} where can_be_linked

),

unique_names as (

    select
        register_rank,
        name_key,
        min(anchor) as anchor,
        min(strength) as strength
    from names
    group by register_rank, name_key
    having count(distinct anchor) = 1

),

pairs as (

    select
        later.anchor,
        earlier.anchor as target,
        earlier.register_rank as target_rank,
        later.register_rank,
        min(later.strength + earlier.strength) as strength
    from unique_names as later
    inner join unique_names as earlier
        on later.name_key = earlier.name_key and later.register_rank > earlier.register_rank
    group by later.anchor, earlier.anchor, earlier.register_rank, later.register_rank

),

best as (

    select
        *,
        rank() over (partition by anchor, target_rank order by strength) as place_for_anchor,
        rank() over (partition by target, register_rank order by strength) as place_for_target
    from pairs

),

links as (

    -- rivals on equal terms: none is taken
    select
        anchor,
        target_rank,
        register_rank,
        min(target) as target
    from best
    where place_for_anchor = 1 and place_for_target = 1
    group by anchor, target_rank, register_rank
    having count(*) = 1

),

counted as (

    select
        *,
        count(*) over (partition by target, register_rank) as rivals
    from links

),

free_of_rivals as (

    select * from counted where rivals = 1

),

first_link as (

    select
        anchor,
        min_by(target, target_rank) as target
    from free_of_rivals
    group by anchor

),

resolved as (

    -- city -> moe -> ror: two steps are the longest way
    select
        a.anchor,
        coalesce(far.target, near.target, a.anchor) as institution_anchor,
        case when near.target is null then 'single' else 'name' end as link_rule
    from anchors as a
    left join first_link as near on a.anchor = near.anchor
    left join first_link as far on near.target = far.anchor

),

final as (

    select
        anchor,
        institution_anchor,
        {{ entity_id('inst', 'institution_anchor') }} as institution_id,
        link_rule
    from resolved

)

select * from final
