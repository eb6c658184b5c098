-- What an expert declared: units to keep away from, and holdings of shares, each from a day on until before another.
with experts as (

    select
        experts.record_id,
        links.entity_id as person_id,
        {{ json_items('experts.avoid_units') }} as avoid_units,
        {{ json_items('experts.shareholdings') }} as shareholdings
    from {{ ref('stg_pds__expert') }} as experts
    inner join {{ ref('int_person_links') }} as links on experts.record_id = links.record_id and links.role = 'self'

),

declared as (

    select
        experts.record_id,
        experts.person_id,
        'declared_unit' as kind,
        'avoid_unit ' || u.place as role,
        u.item
    from experts
    cross join {{ explode_numbered('experts.avoid_units', 'u', 'place', 'item') }}
    union all
    select
        experts.record_id,
        experts.person_id,
        'shareholding' as kind,
        'shareholding ' || u.place as role,
        u.item
    from experts
    cross join {{ explode_numbered('experts.shareholdings', 'u', 'place', 'item') }}

),

final as (

    select
        declared.person_id,
        declared.kind,
        places.entity_id as institution_id,
        cast({{ json_text('declared.item', '$.from') }} as date) as from_date,
        cast({{ json_text('declared.item', '$.to') }} as date) as to_date,
        declared.record_id
    from declared
    inner join {{ ref('int_institution_links') }} as places
        on declared.record_id = places.record_id and declared.role = places.role

)

select * from final
