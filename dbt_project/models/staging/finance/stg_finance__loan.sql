with source as (

    select * from {{ source('raw', 'finance__loan') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('loan_no') }} as loan_no,
        {{ clean_text('borrower_name') }} as borrower_name,
        {{ clean_code('borrower_credit_code') }} as borrower_credit_code,
        {{ clean_text('bank') }} as bank_name,
        {{ clean_text('product') }} as product,
        {{ wan_cny('amount_wan_cny') }} as amount_cny,
        rate_percent,
        compensation_ratio,
        paid_out_date,
        due_date,
        repaid_date,
        status as loan_status,
        {{ wan_cny('outstanding_wan_cny') }} as outstanding_cny,
        {{ wan_cny('exposure_wan_cny') }} as exposure_cny,
        default_date,
        compensated_date,
        {{ wan_cny('compensated_wan_cny') }} as compensated_cny,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
