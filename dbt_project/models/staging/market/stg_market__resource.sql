with source as (

    select * from {{ source('raw', 'market__resource') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('resource_no') }} as resource_no,
        {{ clean_text('title') }} as title,
        resource_kind,
        {{ clean_text('owner_name') }} as owner_name,
        {{ clean_code('owner_credit_code') }} as owner_credit_code,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('technology_node') }} as technology_node,
        cast(round(hourly_price_cny, 2) as decimal(18, 2)) as hourly_price_cny,
        open_hours,
        published_date,
        status,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
