-- The members of each institution: every mention with the entity it belongs to.
with mentions as (

    select * from {{ ref('int_institution_mentions') }}

),

links as (

    select * from {{ ref('int_institution_links') }}

),

final as (

    select
        m.mention_id,
        m.record_id,
        m.role,
        m.source,
        l.entity_id as institution_id,
        m.name,
        m.name_key,
        m.credit_code,
        m.numbers,
        m.own_names,
        m.other_names,
        m.former_names,
        m.district_code,
        m.can_be_linked,
        m.is_registered,
        m.is_free_text,
        l.rule,
        l.probability
    from mentions as m
    inner join links as l on m.mention_id = l.mention_id

)

select * from final
