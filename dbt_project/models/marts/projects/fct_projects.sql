with projects as (

    select * from {{ ref('int_projects_located') }}

),

outcomes as (

    select
        project_id,
        count(*) as outcome_count
    from {{ ref('int_project_outcomes_unioned') }}
    group by project_id

),

final as (

    select
        projects.project_id,
        projects.source,
        projects.programme,
        projects.project_number,
        projects.title,
        projects.category,
        projects.discipline,
        projects.institution_name,
        projects.institution_id,
        projects.province_code,
        projects.province,
        projects.province_basis,
        projects.city,
        projects.district_code,
        projects.district,
        projects.zone_code,
        projects.is_shaanxi,
        projects.is_xian,
        projects.start_date,
        projects.end_date,
        projects.start_year,
        projects.amount_cny,
        projects.evaluation,
        projects.completion_date,
        projects.status,
        cast(coalesce(outcomes.outcome_count, 0) as integer) as outcome_count,
        projects.record_count,
        projects.as_of_date,
        {{ json_text('projects.record_ids', '$[0]') }} as record_id,
        projects.record_ids
    from projects
    left join outcomes on projects.project_id = outcomes.project_id

)

select * from final
