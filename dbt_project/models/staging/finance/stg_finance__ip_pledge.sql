with source as (

    select * from {{ source('raw', 'finance__ip_pledge') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('pledge_no') }} as pledge_no,
        {{ clean_text('owner_name') }} as owner_name,
        {{ clean_code('owner_credit_code') }} as owner_credit_code,
        nullif(replace(replace({{ clean_code('patent_numbers') }}, '；', ';'), ' ', ''), '') as patent_numbers,
        {{ clean_text('bank') }} as bank_name,
        {{ wan_cny('amount_wan_cny') }} as amount_cny,
        registered_date,
        released_date,
        status as pledge_status,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
