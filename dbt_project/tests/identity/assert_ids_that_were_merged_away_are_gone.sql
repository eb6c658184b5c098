-- An id that a merger gave up stands in no register of entities, or the entity would count twice: who is listed has a
-- mention today.
with listed as (

    select institution_id as entity_id from {{ ref('dim_institutions') }}
    union all
    select person_id as entity_id from {{ ref('dim_people') }}

),

mentioned as (

    select distinct entity_id from {{ ref('int_entity_links') }}

)

select listed.entity_id
from listed
left join mentioned on listed.entity_id = mentioned.entity_id
where mentioned.entity_id is null
