with source as (

    select * from {{ source('raw', 'enterprises__qualification') }}

),

renamed as (

    select
        _record_id as record_id,
        qualification_no,
        {{ clean_code('firm_no') }} as firm_no,
        {{ clean_text('firm_name') }} as firm_name,
        {{ clean_code('credit_code') }} as credit_code,
        kind,
        level,
        certificate_no,
        valid_from,
        valid_to,
        cast(latest_year as integer) as latest_year,
        latest_date,
        ended_date,
        status,
        {{ split_at('ip_numbers', '；') }} as ip_numbers,
        authority,
        updated_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
