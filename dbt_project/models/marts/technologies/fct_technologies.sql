-- The rolling list of technologies to be mastered, and whether a project works on each or has worked on it to its end.
-- A project that was broken off is none, nor is a number that the register of projects does not hold.
with {{ rules_in_force('technology_rules') }},

technologies as (

    select * from {{ ref('stg_pds__technology') }}
    where listed_date <= {{ as_of() }}

),

named as (

    select
        technologies.technology_no,
        {{ clean_code('u.project_no') }} as project_no
    from technologies
    cross join {{ explode(json_texts('technologies.project_nos'), 'u', 'project_no') }}

),

projects as (

    select
        named.technology_no,
        projects.project_no,
        projects.record_id,
        projects.fiscal_budget_cny,
        projects.stage,
        {{ is_in_words('projects.stage', 'rules.broken_off_stages') }} as is_broken_off
    from named
    cross join rules
    inner join {{ ref('stg_pds__project') }} as projects on named.project_no = projects.project_no
    where projects.approval_date <= {{ as_of() }}

),

counted as (

    select
        technology_no,
        cast(sum(case when is_broken_off then 0 else 1 end) as integer) as project_count,
        cast(sum(case when is_broken_off then 1 else 0 end) as integer) as broken_off_count,
        cast(sum(case when is_broken_off then 0 else fiscal_budget_cny end) as decimal(18, 2)) as fiscal_budget_cny,
        {{ json_list_agg('project_no') }} as project_nos,
        array_agg(record_id) as record_ids
    from projects
    group by technology_no

),

final as (

    select
        t.technology_no,
        t.title,
        t.industry,
        t.technology_node,
        t.direction,
        t.listed_date,
        t.removed_date,
        coalesce(t.removed_date > {{ as_of() }}, true) as is_listed,
        {{ days_between('t.listed_date', as_of()) }} as days_since_listed,
        coalesce(c.project_count, 0) as project_count,
        coalesce(c.broken_off_count, 0) as broken_off_count,
        coalesce(c.project_nos, '[]') as project_nos,
        coalesce(c.fiscal_budget_cny, 0) as fiscal_budget_cny,
        case
            when t.removed_date <= {{ as_of() }} then '已移出'
            when coalesce(c.project_count, 0) > 0 then '有项目承担'
            when coalesce(c.broken_off_count, 0) > 0 then '项目已终止'
            else '无项目'
        end as coverage_state,
        coalesce(t.removed_date > {{ as_of() }}, true) and coalesce(c.project_count, 0) = 0 as is_uncovered,
        rules.rule_version,
        rules.source_document,
        {{ json_list('list_prepend(t.record_id, coalesce(c.record_ids, ' ~ empty_list() ~ '))') }} as record_ids
    from technologies as t
    cross join rules
    left join counted as c on t.technology_no = c.technology_no

)

select * from final
