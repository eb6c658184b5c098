with source as (

    select * from {{ source('raw', 'finance__fund_investment') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('investment_no') }} as investment_no,
        {{ clean_code('fund_no') }} as fund_no,
        {{ clean_text('firm_name') }} as firm_name,
        {{ clean_code('firm_credit_code') }} as firm_credit_code,
        invested_date,
        round as financing_round,
        {{ wan_cny('amount_wan_cny') }} as amount_cny,
        {{ wan_cny('beside_wan_cny') }} as beside_cny,
        left_date,
        {{ wan_cny('returned_wan_cny') }} as returned_cny,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
