with source as (

    select * from {{ source('raw', 'pds__technology') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('technology_no') }} as technology_no,
        {{ clean_text('title') }} as title,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('technology_node') }} as technology_node,
        direction,
        listed_date,
        removed_date,
        project_nos,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
