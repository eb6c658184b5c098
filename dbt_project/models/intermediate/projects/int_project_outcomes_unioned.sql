-- Outcomes of all sources, one row per project and outcome. NSSFC repeats an outcome as it repeats the project:
-- the same title (punctuation aside) under the same project is one outcome.
with nsfc as (

    select
        {{ nsfc_project_id('project_number', "replace(record_id, ':evaluation:', ':project:')") }} as project_id,
        'evaluation' as outcome_mark,
        '评价' as outcome_kind,
        title,
        cast(null as varchar) as form,
        cast(null as varchar) as form_text,
        grade,
        cast(null as varchar) as certificate_number,
        cast(null as varchar) as publisher,
        cast(null as date) as published_date,
        cast(null as date) as completion_date,
        end_year as completion_year,
        false as is_awarded,
        {{ json_list('[record_id]') }} as record_ids
    from {{ ref('stg_nsfc__evaluation') }}

),

nssfc_records as (

    select
        *,
        {{ title_key('title') }} as outcome_key,
        {{ nssfc_project_key('project_number', title_key('project_title'), title_key('leader_name')) }} as group_key
    from {{ ref('stg_nssfc__outcome') }}

),

nssfc_ranked as (

    select
        *,
        row_number() over (partition by group_key, outcome_key order by completion_date is null, record_id) as entry
    from nssfc_records

),

nssfc_grouped as (

    select
        group_key,
        outcome_key,
        max(case when entry = 1 then title end) as title,
        coalesce(max(case when entry = 1 then form_text end), max(form_text)) as form_text,
        max(case when grade in ('优秀', '良好', '合格', '免于鉴定') then grade end) as grade,
        coalesce(max(case when entry = 1 then certificate_number end), max(certificate_number)) as certificate_number,
        coalesce(max(case when entry = 1 then publisher end), max(publisher)) as publisher,
        min(published_date) as published_date,
        max(case when completion_date <= as_of_date then completion_date end) as completion_date,
        max(case when is_awarded then 1 else 0 end) = 1 as is_awarded,
        {{ json_list_agg('record_id') }} as record_ids
    from nssfc_ranked
    group by group_key, outcome_key

),

nssfc as (

    select
        projects.project_id,
        substr({{ sha256_hex('nssfc_grouped.outcome_key') }}, 1, 8) as outcome_mark,
        '成果' as outcome_kind,
        nssfc_grouped.title,
        {{ outcome_form('nssfc_grouped.form_text') }} as form,
        nssfc_grouped.form_text,
        nssfc_grouped.grade,
        nssfc_grouped.certificate_number,
        nssfc_grouped.publisher,
        nssfc_grouped.published_date,
        nssfc_grouped.completion_date,
        {{ year_of('coalesce(nssfc_grouped.completion_date, nssfc_grouped.published_date)') }} as completion_year,
        nssfc_grouped.is_awarded,
        nssfc_grouped.record_ids
    from nssfc_grouped
    inner join {{ ref('int_nssfc_projects_grouped') }} as projects on nssfc_grouped.group_key = projects.group_key

),

market as (

    -- what came of a project of the city and is offered or was transferred at the technology market
    select
        projects.project_id,
        achievements.achievement_no as outcome_mark,
        '成果' as outcome_kind,
        achievements.title,
        achievements.form,
        achievements.form as form_text,
        cast(null as varchar) as grade,
        cast(null as varchar) as certificate_number,
        cast(null as varchar) as publisher,
        achievements.published_date,
        cast(null as date) as completion_date,
        {{ year_of('achievements.published_date') }} as completion_year,
        false as is_awarded,
        {{ json_list('[achievements.record_id]') }} as record_ids
    from {{ ref('stg_market__achievement') }} as achievements
    inner join {{ ref('int_projects_unioned') }} as projects on 'pds:' || achievements.project_no = projects.project_id

),

final as (

    select * from nsfc
    union all
    select * from nssfc
    union all
    select * from market

)

select * from final
