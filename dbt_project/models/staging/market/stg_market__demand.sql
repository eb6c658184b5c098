with source as (

    select * from {{ source('raw', 'market__demand') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('demand_no') }} as demand_no,
        {{ clean_text('title') }} as title,
        {{ clean_text('owner_name') }} as owner_name,
        {{ clean_code('owner_credit_code') }} as owner_credit_code,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('technology_node') }} as technology_node,
        cast(required_trl as integer) as required_trl,
        {{ wan_cny('budget_wan_cny') }} as budget_cny,
        posted_date,
        status,
        closed_date,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
