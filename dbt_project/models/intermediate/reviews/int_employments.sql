-- One row per time that a person worked somewhere, as the registers of talents and experts tell it.
with people as (

    select
        record_id,
        entity_id
    from {{ ref('int_person_links') }}
    where role = 'self' and {{ begins_with('record_id', "'pds:'") }}

),

histories as (

    select
        record_id,
        {{ json_items('employers') }} as employers
    from {{ ref('stg_pds__talent') }}
    union all
    select
        record_id,
        {{ json_items('employers') }} as employers
    from {{ ref('stg_pds__expert') }}

),

jobs as (

    select
        histories.record_id,
        'employer ' || u.place as role,
        cast({{ json_text('u.item', '$.from') }} as date) as from_date,
        cast({{ json_text('u.item', '$.to') }} as date) as to_date
    from histories
    cross join {{ explode_numbered('histories.employers', 'u', 'place', 'item') }}

),

final as (

    select distinct
        people.entity_id as person_id,
        places.entity_id as institution_id,
        jobs.from_date,
        jobs.to_date,
        jobs.record_id
    from jobs
    inner join people on jobs.record_id = people.record_id
    inner join {{ ref('int_institution_links') }} as places
        on jobs.record_id = places.record_id and jobs.role = places.role

)

select * from final
