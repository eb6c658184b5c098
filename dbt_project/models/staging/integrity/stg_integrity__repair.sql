with source as (

    select * from {{ source('raw', 'integrity__repair') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('repair_no') }} as repair_no,
        status,
        {{ clean_code('case_no') }} as case_no,
        {{ clean_code('measure_no') }} as measure_no,
        filed_date,
        cast(training_hours as integer) as training_hours,
        decided_date,
        result,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
