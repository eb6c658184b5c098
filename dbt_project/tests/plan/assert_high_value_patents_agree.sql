-- Two models judge the same criteria: what counts today for the numerator of indicator 2 are the rights of high value.
with own as (

    select entity_key
    from {{ ref('int_indicator_own_records') }}
    where
        indicator_code = 'C05'
        and counts_from <= {{ as_of() }}
        and (counts_to is null or counts_to > {{ as_of() }})

),

rights as (

    select ip_no from {{ ref('fct_ip_rights') }}
    where is_high_value

)

select
    own.entity_key,
    rights.ip_no
from own
full outer join rights on own.entity_key = rights.ip_no
where own.entity_key is null or rights.ip_no is null
