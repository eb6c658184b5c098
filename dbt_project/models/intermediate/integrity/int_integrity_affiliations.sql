-- One row per affiliation that a notice prints, with the institutions found in it: the one that the whole text means
-- as a mention, else those of its parts between commas. A part counts as a name from two words on, so that towns and
-- countries that happen to be aliases link nothing.
with notices as (

    select
        record_id,
        affiliations
    from {{ ref('stg_retraction_watch__notice') }}

),

institution_names as (

    select
        name_key,
        institution_id
    from {{ ref('int_institution_names') }}

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

texts as (

    -- the same affiliation stands on many notices: look each text up once
    select distinct affiliation from numbered

),

whole as (

    select
        n.affiliation,
        min(m.institution_id) as institution_id
    from numbered as n
    inner join members as m
        on n.record_id = m.record_id and m.is_free_text and 'affiliation ' || n.affiliation_number = m.role
    inner join known as k on m.institution_id = k.institution_id
    group by n.affiliation

),

parts as (

    select
        t.affiliation,
        {{ clean_text('u.part') }} as part
    from texts as t
    cross join {{ explode(split_at('t.affiliation', '[,;]'), 'u', 'part') }}

),

by_part as (

    select distinct
        p.affiliation,
        n.institution_id
    from parts as p
    inner join institution_names as n on {{ normalise_name('p.part') }} = n.name_key
    left join whole as w on p.affiliation = w.affiliation
    where w.affiliation is null and ({{ regex_matches('p.part', '[^ ] [^ ]') }} or {{ is_chinese('p.part') }})

),

links as (

    select
        affiliation,
        institution_id,
        'affiliation' as link_rule
    from whole
    union all
    select
        affiliation,
        institution_id,
        'affiliation_part' as link_rule
    from by_part

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
    left join links as l on n.affiliation = l.affiliation

)

select * from final
