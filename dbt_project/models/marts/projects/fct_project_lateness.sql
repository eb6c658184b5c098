-- Projects that missed their day: accepted after it, or neither accepted nor broken off when it was over.
with projects as (

    select
        record_id,
        project_no,
        title,
        stage,
        due_date,
        acceptance_date,
        {{ closing_date('stages') }} as closed_date,
        district_code,
        zone_code,
        fiscal_budget_cny
    from {{ ref('stg_pds__project') }}
    where due_date is not null

),

judged as (

    select
        *,
        case
            when acceptance_date <= {{ as_of() }} and acceptance_date > due_date then 'accepted_late'
            when
                coalesce(acceptance_date > {{ as_of() }}, true)
                and coalesce(closed_date > {{ as_of() }}, true)
                and due_date < {{ as_of() }}
                then 'overdue'
        end as lateness_kind,
        least(acceptance_date, {{ as_of() }}) as late_until
    from projects

),

final as (

    select
        record_id as lateness_id,
        'pds:' || project_no as project_id,
        project_no,
        title,
        stage,
        due_date,
        acceptance_date,
        lateness_kind,
        case lateness_kind when 'accepted_late' then '验收超期' else '逾期未验收' end as lateness_label,
        {{ days_between('due_date', 'late_until') }} as days_late,
        district_code,
        zone_code,
        fiscal_budget_cny,
        {{ json_list(list_of(['record_id'])) }} as record_ids
    from judged
    where lateness_kind is not null

)

select * from final
