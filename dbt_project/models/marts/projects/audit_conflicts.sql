-- Rule 3 of the plan (回避): on the day of a review the expert is tied to the applicant's unit, to the leader's employer
-- or to somebody of the team. Units that were merged count as their successor.
with rules as (

    select * from {{ ref('conflict_rules') }}

),

reviews as (

    select
        reviews.record_id,
        reviews.review_no,
        reviews.application_no,
        reviews.review_date,
        reviews.is_conflict_declared,
        reviews.state,
        experts.entity_id as expert_id,
        applications.record_id as application_record_id,
        rules.rule_version,
        rules.source_document as rule_source,
        rules.joint_project_years
    from {{ ref('stg_pds__review') }} as reviews
    inner join {{ ref('int_person_links') }} as experts
        on reviews.record_id = experts.record_id and experts.role = 'expert'
    inner join {{ ref('stg_pds__application') }} as applications on reviews.application_no = applications.application_no
    inner join rules on {{ in_force('rules', 'reviews.review_date') }}
    where reviews.review_date <= {{ as_of() }}

),

jobs as (

    select * from {{ ref('int_employments') }}

),

merged as (

    select * from {{ ref('int_institution_successions') }}

),

teams as (

    select * from {{ ref('int_project_teams') }}

),

-- where the applicant stands on the day: its host, and where its leader works
places as (

    select
        reviews.record_id,
        host_links.entity_id as institution_id,
        cast(null as varchar) as evidence_id
    from reviews
    inner join {{ ref('int_institution_links') }} as host_links
        on reviews.application_record_id = host_links.record_id and host_links.role = 'host'
    union
    select
        reviews.record_id,
        jobs.institution_id,
        jobs.record_id as evidence_id
    from reviews
    inner join teams on reviews.application_record_id = teams.record_id and teams.is_leader
    inner join jobs
        on
            teams.person_id = jobs.person_id
            and reviews.review_date >= jobs.from_date
            and coalesce(reviews.review_date < jobs.to_date, true)

),

units as (

    select
        places.record_id,
        coalesce(merged.successor_id, places.institution_id) as unit_id,
        places.evidence_id
    from places
    inner join reviews on places.record_id = reviews.record_id
    left join merged on places.institution_id = merged.institution_id and reviews.review_date >= merged.merged_date

),

-- where the expert stands on the day
ties as (

    select
        person_id,
        'same_employer' as kind,
        institution_id,
        from_date,
        to_date,
        record_id
    from jobs
    union all
    select
        person_id,
        kind,
        institution_id,
        from_date,
        to_date,
        record_id
    from {{ ref('int_expert_ties') }}

),

tied_to_units as (

    select
        reviews.record_id,
        ties.kind,
        'institution' as with_type,
        units.unit_id as with_id,
        ties.record_id as evidence_id,
        units.evidence_id as other_evidence_id
    from reviews
    inner join ties
        on
            reviews.expert_id = ties.person_id
            and reviews.review_date >= ties.from_date
            and coalesce(reviews.review_date < ties.to_date, true)
    left join merged on ties.institution_id = merged.institution_id and reviews.review_date >= merged.merged_date
    inner join units
        on reviews.record_id = units.record_id and coalesce(merged.successor_id, ties.institution_id) = units.unit_id

),

advised as (

    select
        students.entity_id as student_id,
        advisers.entity_id as adviser_id,
        students.record_id
    from {{ ref('int_person_links') }} as advisers
    inner join {{ ref('int_person_links') }} as students
        on advisers.record_id = students.record_id and students.role = 'self'
    where advisers.role = 'adviser'

),

team_of_review as (

    select
        reviews.record_id,
        reviews.expert_id,
        reviews.application_no,
        reviews.review_date,
        reviews.joint_project_years,
        teams.person_id
    from reviews
    inner join teams on reviews.application_record_id = teams.record_id
    where teams.person_id <> reviews.expert_id

),

tied_by_advice as (

    select
        team_of_review.record_id,
        'adviser' as kind,
        'person' as with_type,
        team_of_review.person_id as with_id,
        advised.record_id as evidence_id,
        cast(null as varchar) as other_evidence_id
    from team_of_review
    inner join advised
        on
            (team_of_review.person_id = advised.student_id and team_of_review.expert_id = advised.adviser_id)
            or (team_of_review.person_id = advised.adviser_id and team_of_review.expert_id = advised.student_id)

),

tied_by_projects as (

    select
        team_of_review.record_id,
        'joint_project' as kind,
        'person' as with_type,
        team_of_review.person_id as with_id,
        mine.record_id as evidence_id,
        cast(null as varchar) as other_evidence_id
    from team_of_review
    inner join teams as mine on team_of_review.expert_id = mine.person_id and mine.kind = 'project'
    inner join teams as theirs on mine.record_id = theirs.record_id and team_of_review.person_id = theirs.person_id
    where
        mine.application_no is distinct from team_of_review.application_no
        and mine.from_date <= team_of_review.review_date
        and coalesce(
            mine.closed_date >= {{ years_before('team_of_review.review_date', 'team_of_review.joint_project_years') }},
            true
        )

),

found as (

    select * from tied_to_units
    union all
    select * from tied_by_advice
    union all
    select * from tied_by_projects

),

final as (

    select
        {{ entity_id('conf', "reviews.record_id || '|' || found.kind || '|' || found.with_id") }} as conflict_id,
        reviews.record_id as review_record_id,
        reviews.review_no,
        reviews.application_no,
        reviews.review_date,
        found.kind as conflict_kind,
        {{ conflict_kind_label('found.kind') }} as conflict_kind_label,
        reviews.expert_id,
        found.with_type,
        found.with_id,
        coalesce(reviews.is_conflict_declared, false) as is_declared,
        reviews.rule_version,
        reviews.rule_source,
        {{ json_list('flatten(' ~ list_of([
            list_of(['reviews.record_id', 'reviews.application_record_id']),
            'array_agg(found.evidence_id)',
            'array_agg(found.other_evidence_id)',
        ]) ~ ')') }} as record_ids
    from found
    inner join reviews on found.record_id = reviews.record_id
    group by
        reviews.record_id, reviews.review_no, reviews.application_no, reviews.review_date, found.kind,
        reviews.expert_id, found.with_type, found.with_id, reviews.is_conflict_declared, reviews.rule_version,
        reviews.rule_source, reviews.application_record_id

)

select * from final
