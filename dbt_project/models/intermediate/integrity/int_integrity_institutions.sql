-- One row per case and institution that it is linked to: affiliations of papers, and the subject or employer of a
-- decision.
with affiliations as (

    select * from {{ ref('int_integrity_affiliations') }} where institution_id is not null

),

decisions as (

    select
        record_id,
        case when subject_type = 'institution' then subject_credit_code else employer_credit_code end as credit_code,
        case when subject_type = 'institution' then subject_name else employer_name end as institution_name
    from {{ ref('stg_integrity__decision') }}

),

anchors as (

    select
        anchor,
        institution_id
    from {{ ref('int_institutions_resolved') }}

),

institution_names as (

    select
        name_key,
        institution_id
    from {{ ref('int_institution_names') }}

),

linked_decisions as (

    select
        d.record_id,
        coalesce(a.institution_id, n.institution_id) as institution_id,
        case when a.institution_id is not null then 'credit_code' else 'name' end as link_rule
    from decisions as d
    left join anchors as a on 'uscc:' || d.credit_code = a.anchor
    left join institution_names as n on {{ normalise_name('d.institution_name') }} = n.name_key
    where coalesce(a.institution_id, n.institution_id) is not null

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
    from linked_decisions

)

select * from final
