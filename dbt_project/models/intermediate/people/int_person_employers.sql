-- One row per mention of a person and institution that employs them or that they head: the employer that the record
-- names beside the person and, in the registers of talents and experts, every employer that they ever had.
with mentions as (

    select
        mention_id,
        employer_name
    from {{ ref('int_person_mentions') }}
    where employer_name is not null

),

careers as (

    select
        record_id,
        employers
    from {{ ref('stg_pds__talent') }}
    union all
    select
        record_id,
        employers
    from {{ ref('stg_pds__expert') }}

),

earlier as (

    select
        c.record_id || '#self' as mention_id,
        {{ clean_text(json_text('u.item', '$.name')) }} as employer_name
    from careers as c
    cross join {{ explode_numbered(json_items('c.employers'), 'u', 'place', 'item') }}

),

named as (

    select * from mentions
    union
    select * from earlier
    where employer_name is not null

),

final as (

    select distinct
        mention_id,
        'name:' || {{ normalise_name('employer_name') }} as employer_id
    from named

)

select * from final
