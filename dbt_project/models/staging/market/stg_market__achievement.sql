with source as (

    select * from {{ source('raw', 'market__achievement') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('achievement_no') }} as achievement_no,
        {{ clean_text('title') }} as title,
        form,
        {{ clean_text('owner_name') }} as owner_name,
        {{ clean_code('owner_credit_code') }} as owner_credit_code,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('project_no') }} as project_no,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('technology_node') }} as technology_node,
        cast(trl as integer) as trl,
        {{ wan_cny('price_wan_cny') }} as price_cny,
        transfer_mode,
        published_date,
        status,
        closed_date,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
