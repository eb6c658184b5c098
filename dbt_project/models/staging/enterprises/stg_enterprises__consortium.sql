with source as (

    select * from {{ source('raw', 'enterprises__consortium') }}

),

renamed as (

    select
        _record_id as record_id,
        consortium_no,
        {{ clean_text('name') }} as consortium_name,
        {{ clean_code('lead_firm_no') }} as lead_firm_no,
        {{ clean_text('lead_name') }} as lead_name,
        {{ clean_code('lead_credit_code') }} as lead_credit_code,
        {{ clean_text('industry') }} as industry,
        founded_date,
        {{ split_at('member_names', '；') }} as member_names,
        {{ split_at('member_credit_codes', '；') }} as member_credit_codes,
        cast(member_count as integer) as member_count,
        status,
        updated_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
