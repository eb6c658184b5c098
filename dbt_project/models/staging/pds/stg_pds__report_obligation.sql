with source as (

    select * from {{ source('raw', 'pds__report_obligation') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('obligation_no') }} as obligation_no,
        {{ clean_code('project_no') }} as project_no,
        kind as report_kind,
        {{ clean_text('unit_name') }} as unit_name,
        {{ clean_code('unit_credit_code') }} as unit_credit_code,
        due_date,
        openness,
        cast(embargo_months as integer) as embargo_months,
        state,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
