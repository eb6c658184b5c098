with source as (

    select * from {{ source('raw', 'nsfc__project') }}

),

renamed as (

    select
        _record_id as record_id,
        nullif(approval_number, '0') as project_number,
        {{ clean_text('category') }} as category,
        {{ clean_text('title') }} as title,
        {{ clean_text('institution_name') }} as institution_name,
        {{ clean_text('leader_name') }} as leader_name,
        {{ wan_cny('amount_wan_cny') }} as amount_cny,
        {{ try_date('substr(period, 1, 7)', '%Y.%m') }} as start_date,
        last_day({{ try_date('substr(period, 9, 7)', '%Y.%m') }}) as end_date,
        cast(substr(period, 9, 4) as integer) as end_year,
        evaluation as evaluation_text,
        _as_of as as_of_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
