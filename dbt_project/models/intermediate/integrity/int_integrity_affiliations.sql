-- One row per affiliation that a notice prints and institution found in it: the one that it means as a mention, and
-- what else its text names.
with notices as (

    select
        record_id,
        affiliations
    from {{ ref('stg_retraction_watch__notice') }}

),

members as (

    select * from {{ ref('int_institution_members') }}

),

-- a text that shares its entity with no entry and no name is a text and no institution
known as (

    select distinct institution_id from members where not is_free_text

),

numbered as (

    select
        n.record_id,
        u.affiliation,
        u.affiliation_number
    from notices as n
    cross join {{ explode_numbered('n.affiliations', 'u', 'affiliation_number', 'affiliation') }}

),

first_links as (

    select
        n.record_id,
        n.affiliation_number,
        m.institution_id
    from numbered as n
    inner join members as m
        on n.record_id = m.record_id and m.is_free_text and 'affiliation ' || n.affiliation_number = m.role
    inner join known as k on m.institution_id = k.institution_id

),

registered as (

    select
        u.number,
        min(m.institution_id) as institution_id
    from members as m
    cross join {{ explode('m.numbers', 'u', 'number') }}
    where m.is_registered
    group by u.number

),

further_links as (

    -- a mention has one entity; what else the text names stands here only
    select distinct
        n.record_id,
        n.affiliation_number,
        g.institution_id
    from numbered as n
    inner join {{ ref('int_institution_references') }} as r
        on {{ clean_text('n.affiliation') }} = r.name and r.is_free_text
    inner join registered as g on r.number = g.number
    left join first_links as f
        on n.record_id = f.record_id and n.affiliation_number = f.affiliation_number
            and g.institution_id = f.institution_id
    where f.record_id is null

),

links as (

    select
        *,
        'affiliation' as link_rule
    from first_links
    union all
    select
        *,
        'affiliation_further' as link_rule
    from further_links

),

final as (

    select
        n.record_id,
        n.affiliation_number,
        n.affiliation,
        {{ regex_matches("lower(regexp_extract(n.affiliation, '[^,;]*$'))", '(^|[^a-z])china($|[^a-z])') }}
            as names_china,
        l.institution_id,
        l.link_rule
    from numbered as n
    left join links as l on n.record_id = l.record_id and n.affiliation_number = l.affiliation_number

)

select * from final
