with source as (

    select * from {{ source('raw', 'pds__budget') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('project_no') }} as project_no,
        head as budget_head,
        {{ wan_cny('planned_wan_cny') }} as planned_cny,
        {{ wan_cny('fiscal_wan_cny') }} as fiscal_cny,
        {{ wan_cny('spent_wan_cny') }} as spent_cny,
        approved_date,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
