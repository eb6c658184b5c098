-- One row per case and institution that it is linked to: affiliations of papers, and the subject or employer of a
-- decision.
with affiliations as (

    select * from {{ ref('int_integrity_affiliations') }} where institution_id is not null

),

decisions as (

    select
        m.record_id,
        m.institution_id,
        m.rule as link_rule
    from {{ ref('int_institution_members') }} as m
    inner join {{ ref('stg_integrity__decision') }} as d on m.record_id = d.record_id
    where m.role = case when d.subject_type = 'institution' then 'subject' else 'employer' end

),

final as (

    select
        record_id,
        institution_id,
        min(affiliation_number) as place,
        -- the whole text is the surer rule and sorts first
        min(link_rule) as link_rule
    from affiliations
    group by record_id, institution_id
    union all
    select
        record_id,
        institution_id,
        1 as place,
        link_rule
    from decisions

)

select * from final
