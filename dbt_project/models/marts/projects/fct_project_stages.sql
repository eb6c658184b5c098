-- Where projects stall: one row per stage that a project entered, how long it took, and how long the open one takes
-- now.
with projects as (

    select
        *,
        {{ json_items('stages') }} as stage_items
    from {{ ref('stg_pds__project') }}

),

stages as (

    select
        projects.record_id,
        projects.project_no,
        projects.programme,
        projects.industry,
        projects.district_code,
        projects.zone_code,
        projects.budget_year,
        u.place as stage_order,
        {{ json_text('u.item', '$.stage') }} as stage,
        cast({{ json_text('u.item', '$.date') }} as date) as entered_date
    from projects
    cross join {{ explode_numbered('projects.stage_items', 'u', 'place', 'item') }}

),

followed as (

    select
        *,
        lead(entered_date) over (partition by record_id order by stage_order) as left_date
    from stages
    where entered_date <= {{ as_of() }}

),

final as (

    select
        record_id || '/' || stage_order as project_stage_id,
        'pds:' || project_no as project_id,
        project_no,
        programme,
        industry,
        district_code,
        zone_code,
        budget_year,
        cast(stage_order as integer) as stage_order,
        stage,
        entered_date,
        left_date,
        -- the last stages are ends: nobody waits in them
        left_date is null and stage not in ('结题', '终止') as is_open,
        case
            when left_date is not null then {{ days_between('entered_date', 'left_date') }}
            when stage not in ('结题', '终止') then {{ days_between('entered_date', as_of()) }}
        end as days_in_stage,
        {{ json_list(list_of(['record_id'])) }} as record_ids
    from followed

)

select * from final
