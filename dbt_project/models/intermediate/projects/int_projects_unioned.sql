-- All sources of projects in one shape. Holds the leaders' names, so it never leaves the warehouse.
with nsfc as (

    select
        {{ nsfc_project_id('project_number', 'record_id') }} as project_id,
        'nsfc' as source,
        '国家自然科学基金' as programme,
        project_number,
        title,
        category,
        '管理科学' as discipline,
        institution_name,
        cast(null as varchar) as institution_credit_code,
        cast(null as varchar) as region_text,
        cast(null as varchar) as district_code,
        cast(null as varchar) as zone_code,
        leader_name,
        cast(null as varchar) as leader_rank,
        cast(null as varchar) as leader_talent_no,
        start_date,
        end_date,
        {{ year_of('start_date') }} as start_year,
        amount_cny,
        case when evaluation_text in ('特优', '优', '良', '中', '差') then evaluation_text end as evaluation,
        cast(null as date) as completion_date,
        case
            when evaluation_text in ('特优', '优', '良', '中', '差') then '已结项'
            when evaluation_text in ('延期', '延期补评') then '延期'
            when end_date is null then '未见结项'
            when end_date < as_of_date then '已到期'
            else '在研'
        end as status,
        as_of_date,
        1 as record_count,
        {{ json_list('[record_id]') }} as record_ids
    from {{ ref('stg_nsfc__project') }}

),

nssfc as (

    select
        project_id,
        'nssfc' as source,
        '国家社会科学基金' as programme,
        project_number,
        title,
        category,
        discipline,
        institution_name,
        cast(null as varchar) as institution_credit_code,
        region_text,
        cast(null as varchar) as district_code,
        cast(null as varchar) as zone_code,
        leader_name,
        leader_rank,
        cast(null as varchar) as leader_talent_no,
        start_date,
        end_date,
        start_year,
        cast(null as decimal(18, 2)) as amount_cny,
        evaluation,
        completion_date,
        status,
        as_of_date,
        record_count,
        record_ids
    from {{ ref('int_nssfc_projects_grouped') }}

),

pds as (

    select
        'pds:' || project_no as project_id,
        'pds' as source,
        '西安市科技计划' as programme,
        project_no as project_number,
        title,
        programme as category,
        discipline,
        host_name as institution_name,
        host_credit_code as institution_credit_code,
        cast(null as varchar) as region_text,
        district_code,
        zone_code,
        leader_name,
        cast(null as varchar) as leader_rank,
        leader_talent_no,
        approval_date as start_date,
        due_date as end_date,
        budget_year as start_year,
        case when stage not in ('申报', '评审') then fiscal_budget_cny end as amount_cny,
        cast(null as varchar) as evaluation,
        acceptance_date as completion_date,
        case
            when stage in ('申报', '评审') then '申报中'
            when stage = '终止' then '终止'
            when stage = '结题' then '已结项'
            when due_date < cast(updated_at as date) then '已到期'
            else '在研'
        end as status,
        cast(updated_at as date) as as_of_date,
        1 as record_count,
        {{ json_list('[record_id]') }} as record_ids
    from {{ ref('stg_pds__project') }}

),

final as (

    select * from nsfc
    union all
    select * from nssfc
    union all
    select * from pds

)

select * from final
