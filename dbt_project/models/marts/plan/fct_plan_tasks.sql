-- Nobody reports that he is late, so due and completed days are compared. What became of a task after the last report
-- is not known: one whose due day has passed since is late until a report says otherwise, and marked as unconfirmed.
with tasks as (

    select * from {{ ref('stg_statistics__plan_task') }}

),

regions as (

    select * from {{ ref('dim_regions') }}
    where is_current

),

indicators as (

    select * from {{ ref('dim_indicators') }}

),

dated as (

    select
        *,
        -- the register comes whole: what did not change since is confirmed by the newest file
        coalesce(max(as_of_date) over (), {{ as_of() }}) as reported_date,
        case when zone_code is not null then '开发区' when district_code is not null then '区县' else '部门' end as owner_kind
    from tasks

),

judged as (

    select
        *,
        case
            when completed_date > due_date then '逾期完成'
            when completed_date is not null then '按期完成'
            when due_date < {{ as_of() }} then '逾期未完成'
            when start_date > {{ as_of() }} then '未启动'
            else '进行中'
        end as schedule_state
    from dated

),

final as (

    select
        judged.task_no,
        judged.task_title,
        judged.document_section,
        judged.owner_kind,
        case judged.owner_kind
            when '开发区' then coalesce(zones.short_name, judged.zone_code)
            when '区县' then coalesce(districts.short_name, judged.district_code)
            else judged.lead_department
        end as owner_name,
        judged.lead_department,
        judged.helping_departments,
        judged.task_owner,
        judged.district_code,
        districts.region_name as district_name,
        judged.zone_code,
        zones.region_name as zone_name,
        coalesce(zones.belt_role, districts.belt_role) as belt_role,
        judged.indicator_code,
        indicators.indicator_name,
        judged.start_date,
        judged.due_date,
        judged.completed_date,
        judged.task_state,
        judged.progress_percent,
        judged.reported_date,
        judged.schedule_state,
        judged.schedule_state in ('逾期完成', '逾期未完成') as is_late,
        judged.schedule_state = '逾期未完成' as is_overdue,
        case
            when judged.schedule_state in ('逾期完成', '逾期未完成')
                then {{ days_between('judged.due_date', 'coalesce(judged.completed_date, ' ~ as_of() ~ ')') }}
            else 0
        end as days_late,
        judged.schedule_state != '逾期未完成' or judged.due_date < judged.reported_date as is_confirmed,
        judged.value_kind,
        {{ json_list(list_of(['judged.record_id'])) }} as record_ids
    from judged
    left join regions as districts
        on judged.district_code = districts.region_code and districts.dimension = 'district'
    left join regions as zones on judged.zone_code = zones.region_code and zones.dimension = 'zone'
    left join indicators on judged.indicator_code = indicators.indicator_code

)

select * from final
