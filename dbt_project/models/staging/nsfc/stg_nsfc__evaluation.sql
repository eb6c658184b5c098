with source as (

    select * from {{ source('raw', 'nsfc__evaluation') }}

),

renamed as (

    select
        _record_id as record_id,
        nullif(approval_number, '0') as project_number,
        {{ clean_text('title') }} as title,
        {{ clean_text('institution_name') }} as institution_name,
        last_day({{ try_date('substr(period, 9, 7)', '%Y.%m') }}) as end_date,
        cast(substr(period, 9, 4) as integer) as end_year,
        evaluation as grade,
        _as_of as as_of_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
