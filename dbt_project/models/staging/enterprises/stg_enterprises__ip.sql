with source as (

    select * from {{ source('raw', 'enterprises__ip') }}

),

renamed as (

    select
        _record_id as record_id,
        ip_no,
        kind,
        {{ clean_text('title') }} as title,
        {{ clean_text('owner_name') }} as owner_name,
        {{ clean_code('owner_credit_code') }} as owner_credit_code,
        {{ clean_code('firm_no') }} as firm_no,
        {{ clean_text('former_owner_name') }} as former_owner_name,
        transferred_date,
        application_date,
        granted_date,
        expired_date,
        legal_status,
        is_strategic = '是' as is_strategic,
        has_foreign_family = '是' as has_foreign_family,
        is_kept_ten_years = '是' as is_kept_ten_years,
        is_pledged = '是' as is_pledged,
        is_awarded = '是' as is_awarded,
        updated_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
