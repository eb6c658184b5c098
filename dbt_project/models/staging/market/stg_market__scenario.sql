with source as (

    select * from {{ source('raw', 'market__scenario') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('scenario_no') }} as scenario_no,
        {{ clean_text('title') }} as title,
        {{ clean_text('owner_name') }} as owner_name,
        {{ clean_code('owner_credit_code') }} as owner_credit_code,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('technology_node') }} as technology_node,
        {{ wan_cny('investment_wan_cny') }} as investment_cny,
        published_date,
        closing_date,
        status,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
