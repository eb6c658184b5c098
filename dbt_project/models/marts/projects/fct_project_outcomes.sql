with outcomes as (

    select * from {{ ref('int_project_outcomes_unioned') }}

),

projects as (

    select * from {{ ref('int_projects_located') }}

),

final as (

    select
        outcomes.project_id || '/' || outcomes.outcome_mark as outcome_id,
        outcomes.project_id,
        projects.source,
        projects.programme,
        outcomes.outcome_kind,
        outcomes.title,
        outcomes.form,
        outcomes.form_text,
        outcomes.grade,
        outcomes.certificate_number,
        outcomes.publisher,
        outcomes.published_date,
        outcomes.completion_date,
        outcomes.completion_year,
        outcomes.is_awarded,
        projects.institution_name,
        projects.institution_id,
        projects.province,
        projects.is_shaanxi,
        projects.is_xian,
        {{ json_text('outcomes.record_ids', '$[0]') }} as record_id,
        outcomes.record_ids
    from outcomes
    left join projects on outcomes.project_id = projects.project_id

)

select * from final
