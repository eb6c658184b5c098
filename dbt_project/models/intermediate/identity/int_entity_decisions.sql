-- Which decisions of stewards count, and why the others do not. A record is meant by its own entry (role self) or by
-- the only mention in it; where it names several, the decision must say which one: <record>#<role>.
with decisions as (

    select
        *,
        case entity_type when '机构' then 'institution' else 'person' end as type_code,
        case decision_kind when '合并' then 'merge' else 'split' end as kind_code
    from {{ ref('stg_steward__entity_decision') }}

),

subjects as (

    select distinct
        decisions.decision_no,
        decisions.type_code,
        trim(u.subject) as subject
    from decisions
    cross join {{ explode(split_list('decisions.subject_record_ids', ';'), 'u', 'subject') }}

),

mentions as (

    select
        'institution' as type_code,
        mention_id,
        replace(mention_id, ' ', '') as mention_key,
        replace(record_id, ' ', '') as record_key,
        role
    from {{ ref('int_institution_mentions') }}
    union all
    select
        'person' as type_code,
        mention_id,
        replace(mention_id, ' ', '') as mention_key,
        replace(record_id, ' ', '') as record_key,
        role
    from {{ ref('int_person_mentions') }}

),

-- the mention that a subject means: the one named in full, else the record's own entry, else its only mention; blanks,
-- which staging takes out of what stewards write, do not matter
found as (

    select
        subjects.decision_no,
        subjects.subject,
        count(mentions.mention_id) as mention_count,
        coalesce(
            min(case when mentions.mention_key = subjects.subject then mentions.mention_id end),
            min(case when mentions.role = 'self' then mentions.mention_id end),
            case when count(mentions.mention_id) = 1 then min(mentions.mention_id) end
        ) as mention_id
    from subjects
    left join mentions
        on
            subjects.type_code = mentions.type_code
            and subjects.subject in (mentions.record_key, mentions.mention_key)
    group by subjects.decision_no, subjects.subject

),

counted as (

    select
        decision_no,
        {{ json_list_agg('mention_id') }} as mention_ids,
        count(distinct mention_id) as found_count,
        count(case when mention_count = 0 then 1 end) as unknown_count,
        count(case when mention_count > 0 and mention_id is null then 1 end) as unclear_count
    from found
    group by decision_no

),

final as (

    select
        decisions.decision_no,
        decisions.record_id,
        decisions.type_code as entity_type,
        decisions.kind_code as decision_kind,
        decisions.subject_record_ids,
        coalesce(counted.mention_ids, '[]') as mention_ids,
        decisions.proposed_date,
        decisions.approved_date,
        decisions.revoked_date,
        case
            when decisions.approved_by is null or decisions.approved_date is null then 'proposed'
            when decisions.approved_by = decisions.proposed_by then 'self_approved'
            when decisions.approved_date > {{ as_of() }} then 'proposed'
            when decisions.revoked_date <= {{ as_of() }} then 'revoked'
            when counted.unknown_count > 0 then 'unknown_record'
            when counted.unclear_count > 0 then 'unclear_record'
            when coalesce(counted.found_count, 0) < 2 then 'one_record'
            else 'effective'
        end as decision_status
    from decisions
    left join counted on decisions.decision_no = counted.decision_no

)

select * from final
