-- One row per bar: who may not take part from which day on, up to the day before which other. A bar ends on its last
-- day or on the day on which an appeal or a repair lifted it, whichever is earlier; one that was lifted before it began
-- bars nobody. A bar without its decision, and a decision that was taken back, bar nobody.
with measures as (

    select * from {{ ref('stg_integrity__measure') }} where measure_kind = 'bar'

),

decisions as (

    select * from {{ ref('stg_integrity__decision') }}

),

links as (

    select
        record_id,
        'person' as subject_type,
        entity_id
    from {{ ref('int_person_links') }}
    where role = 'subject'
    union all
    select
        record_id,
        'institution' as subject_type,
        entity_id
    from {{ ref('int_institution_links') }}
    where role = 'subject'

),

final as (

    select
        m.record_id as bar_id,
        d.record_id as decision_record_id,
        m.record_id as measure_record_id,
        d.case_no,
        d.decision_no,
        d.decision_date,
        d.authority,
        d.subject_type,
        d.subject_name,
        d.subject_id_number,
        d.subject_credit_code,
        l.entity_id,
        d.behaviour_code,
        d.severity,
        d.rule_version as decision_rule_version,
        d.is_published,
        m.from_date as barred_from_date,
        m.to_date as stated_to_date,
        m.lifted_date,
        m.lifted_reason,
        least(m.to_date, m.lifted_date) as free_date
    from measures as m
    inner join decisions as d on m.case_no = d.case_no
    left join links as l on d.record_id = l.record_id and d.subject_type = l.subject_type
    where m.from_date is not null

)

select * from final
