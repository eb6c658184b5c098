-- NSSFC enters a project again whenever its conclusion or an outcome is added. Within one approval number the same
-- leader means the same project (2,474 of 3,425 repeated numbers differ in nothing but dates, 148 in the wording
-- of the title); different leaders under one number are different projects (28 numbers). Without a number, title
-- and leader decide.
with records as (

    select
        *,
        {{ title_key('leader_name') }} as leader_key,
        {{ title_key('title') }} as title_key
    from {{ ref('stg_nssfc__project') }}

),

keyed as (

    select
        *,
        {{ nssfc_project_key('project_number', 'title_key', 'leader_key') }} as group_key
    from records

),

disciplines as (

    select * from {{ ref('nssfc_disciplines') }}

),

-- the entry made at approval describes the project best: it has a date; ties fall by record id
ranked as (

    select
        keyed.*,
        coalesce(disciplines.discipline, keyed.discipline_text) as discipline,
        row_number() over (
            partition by keyed.group_key order by keyed.start_date is null, keyed.title is null, keyed.record_id
        ) as entry
    from keyed
    left join disciplines on keyed.discipline_text = disciplines.spelling

),

grouped as (

    select
        group_key,
        max(case when entry = 1 then project_number end) as project_number,
        max(case when entry = 1 then title end) as title,
        max(case when entry = 1 then leader_name end) as leader_name,
        max(case when entry = 1 then leader_rank end) as leader_rank,
        max(case when entry = 1 then institution_name end) as first_institution_name,
        max(institution_name) as any_institution_name,
        max(case when entry = 1 then category end) as first_category,
        max(category) as any_category,
        max(case when entry = 1 then discipline end) as first_discipline,
        max(discipline) as any_discipline,
        max(case when entry = 1 then region_text end) as first_region_text,
        max(region_text) as any_region_text,
        min(start_date) as start_date,
        min(start_year) as start_year,
        max(completion_date) as completion_date,
        max(case when completion_date <= as_of_date then completion_date end) as past_completion_date,
        max(certificate_number) as certificate_number,
        max(case when grade in ('优秀', '良好', '合格', '免于鉴定') then grade end) as evaluation,
        max(case when grade = '撤项' then 1 else 0 end) = 1 as is_withdrawn,
        max(case when grade = '暂缓结题' then 1 else 0 end) = 1 as is_postponed,
        max(as_of_date) as as_of_date,
        min(content_hash) as first_hash,
        cast(count(*) as integer) as record_count,
        {{ json_list_agg('record_id') }} as record_ids
    from ranked
    group by group_key

),

numbered as (

    select
        *,
        count(*) over (partition by project_number) as projects_with_number
    from grouped

),

final as (

    select
        group_key,
        case
            when project_number is null then 'nssfc:~' || substr(first_hash, 1, 8)
            when projects_with_number > 1 then 'nssfc:' || project_number || '~' || substr(first_hash, 1, 8)
            else 'nssfc:' || project_number
        end as project_id,
        project_number,
        title,
        coalesce(first_category, any_category) as category,
        coalesce(first_discipline, any_discipline) as discipline,
        coalesce(first_institution_name, any_institution_name) as institution_name,
        coalesce(first_region_text, any_region_text) as region_text,
        leader_name,
        leader_rank,
        start_date,
        case when past_completion_date is null then completion_date end as end_date,
        coalesce(
            {{ year_of('start_date') }},
            start_year,
            -- the first two digits of a number are the year; the fund's numbers begin in 1991
            case
                when substr(project_number, 1, 1) = '9' then 1900 + cast(substr(project_number, 1, 2) as integer)
                when project_number is not null then 2000 + cast(substr(project_number, 1, 2) as integer)
            end
        ) as start_year,
        past_completion_date as completion_date,
        evaluation,
        case
            when is_withdrawn then '终止'
            when past_completion_date is not null or evaluation is not null or certificate_number is not null then '已结项'
            when is_postponed then '延期'
            when completion_date is not null then '在研'
            else '未见结项'
        end as status,
        as_of_date,
        record_count,
        record_ids
    from numbered

)

select * from final
