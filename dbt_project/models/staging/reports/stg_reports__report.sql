with source as (

    select * from {{ source('raw', 'reports__report') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_text('identifier') }} as identifier,
        datestamp as updated_at,
        {{ clean_code('report_no') }} as report_no,
        {{ clean_text('title') }} as title,
        report_type,
        authors as author_names,
        {{ clean_text('unit_name') }} as unit_name,
        {{ clean_code('unit_credit_code') }} as unit_credit_code,
        {{ clean_code('project_no') }} as project_no,
        {{ clean_code('obligation_no') }} as obligation_no,
        {{ clean_text('programme') }} as programme,
        openness,
        cast(embargo_months as integer) as embargo_months,
        open_date,
        due_date,
        filed_date,
        keywords,
        {{ clean_text('abstract') }} as abstract,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
