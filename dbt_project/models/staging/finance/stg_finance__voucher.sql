with source as (

    select * from {{ source('raw', 'finance__voucher') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('voucher_no') }} as voucher_no,
        {{ clean_text('holder_name') }} as holder_name,
        {{ clean_code('holder_credit_code') }} as holder_credit_code,
        {{ clean_text('service_name') }} as service_name,
        {{ clean_code('service_credit_code') }} as service_credit_code,
        service_type,
        issued_date,
        valid_to_date,
        cast(limit_cny as decimal(18, 2)) as limit_cny,
        cast(redeemed_cny as decimal(18, 2)) as redeemed_cny,
        last_redeemed_date,
        status as voucher_status,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
