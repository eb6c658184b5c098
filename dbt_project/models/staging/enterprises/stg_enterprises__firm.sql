with source as (

    select * from {{ source('raw', 'enterprises__firm') }}

),

renamed as (

    select
        _record_id as record_id,
        _version as version_number,
        _change as change_kind,
        _is_current as is_current,
        _is_withdrawn as is_withdrawn,
        firm_no,
        {{ clean_text('name') }} as firm_name,
        {{ split_at('former_names', '；') }} as former_names,
        {{ clean_code('credit_code') }} as credit_code,
        {{ clean_text('industry') }} as industry,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('address') }} as address,
        established_date,
        {{ wan_cny('registered_capital_wan_cny') }} as registered_capital_cny,
        size_class,
        status,
        {{ split_at('merged_firms', '；') }} as merged_firms,
        listing_board,
        stock_code,
        list_date,
        updated_date,
        _as_of as as_of_date,
        _received_at as received_at
    from source

)

select * from renamed
