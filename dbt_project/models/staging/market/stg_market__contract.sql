with source as (

    select * from {{ source('raw', 'market__contract') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('contract_no') }} as contract_no,
        {{ clean_text('title') }} as title,
        contract_kind,
        registered_by,
        {{ clean_text('seller_name') }} as seller_name,
        {{ clean_code('seller_credit_code') }} as seller_credit_code,
        {{ clean_code('seller_region_code') }} as seller_region_code,
        {{ clean_text('buyer_name') }} as buyer_name,
        {{ clean_code('buyer_credit_code') }} as buyer_credit_code,
        {{ clean_code('buyer_region_code') }} as buyer_region_code,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('technology_node') }} as technology_node,
        signed_date,
        registered_date,
        {{ wan_cny('amount_wan_cny') }} as amount_cny,
        {{ wan_cny('technology_wan_cny') }} as technology_cny,
        {{ wan_cny('signed_wan_cny') }} as signed_cny,
        status,
        amended_date,
        cancelled_date,
        {{ clean_code('project_no') }} as project_no,
        {{ clean_code('achievement_no') }} as achievement_no,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
