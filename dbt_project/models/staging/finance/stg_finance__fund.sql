with source as (

    select * from {{ source('raw', 'finance__fund') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('fund_no') }} as fund_no,
        {{ clean_text('fund_name') }} as fund_name,
        fund_type,
        {{ clean_text('manager_name') }} as manager_name,
        {{ clean_code('manager_credit_code') }} as manager_credit_code,
        {{ clean_code('zone_code') }} as zone_code,
        founded_date,
        ends_date,
        {{ wan_cny('public_wan_cny') }} as public_cny,
        {{ wan_cny('private_wan_cny') }} as private_cny,
        status as fund_status,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
