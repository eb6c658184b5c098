with source as (

    select * from {{ source('raw', 'pds__acceptance') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('acceptance_no') }} as acceptance_no,
        {{ clean_code('project_no') }} as project_no,
        state,
        planned_date,
        acceptance_date,
        method,
        conclusion,
        score,
        grade,
        deliverables,
        {{ wan_cny('self_raised_wan_cny') }} as self_raised_cny,
        {{ wan_cny('new_revenue_wan_cny') }} as new_revenue_cny,
        cast(job_count as integer) as job_count,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
