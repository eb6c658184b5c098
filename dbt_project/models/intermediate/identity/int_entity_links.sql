-- Both kinds of links in one table.
select
    'institution' as entity_type,
    *
from {{ ref('int_institution_links') }}
union all
select
    'person' as entity_type,
    *
from {{ ref('int_person_links') }}
