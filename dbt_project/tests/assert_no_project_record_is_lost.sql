-- Every current project and outcome record stands in exactly one row of its mart: folding must neither lose nor
-- repeat one.
with expected as (

    select
        record_id,
        'project' as mart
    from {{ ref('stg_nsfc__project') }}
    union all
    select
        record_id,
        'project' as mart
    from {{ ref('stg_nssfc__project') }}
    union all
    select
        record_id,
        'project' as mart
    from {{ ref('stg_pds__project') }}
    union all
    select
        record_id,
        'outcome' as mart
    from {{ ref('stg_nsfc__evaluation') }}
    union all
    select
        record_id,
        'outcome' as mart
    from {{ ref('stg_nssfc__outcome') }}
    union all
    -- achievements of projects that nobody knows are no outcomes of a project
    select
        achievements.record_id,
        'outcome' as mart
    from {{ ref('stg_market__achievement') }} as achievements
    inner join {{ ref('stg_pds__project') }} as projects on achievements.project_no = projects.project_no

),

found as (

    select
        listed.record_id,
        'project' as mart
    from {{ ref('fct_projects') }} as projects
    cross join unnest({{ json_texts('projects.record_ids') }}) as listed (record_id)
    union all
    select
        listed.record_id,
        'outcome' as mart
    from {{ ref('fct_project_outcomes') }} as outcomes
    cross join unnest({{ json_texts('outcomes.record_ids') }}) as listed (record_id)

),

counted as (

    select
        mart,
        record_id,
        count(*) as times
    from found
    group by mart, record_id

)

select
    expected.mart,
    expected.record_id,
    counted.times
from expected
full join counted on expected.mart = counted.mart and expected.record_id = counted.record_id
where counted.times is null or counted.times <> 1 or expected.record_id is null
