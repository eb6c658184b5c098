with source as (

    select * from {{ source('raw', 'pds__guide') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('guide_no') }} as guide_no,
        {{ clean_text('title') }} as title,
        programme,
        cast(year as integer) as budget_year,
        cast(round as integer) as round,
        published_date,
        opens_date,
        closes_date,
        {{ wan_cny('budget_wan_cny') }} as budget_cny,
        {{ wan_cny('cap_wan_cny') }} as cap_cny,
        cast(max_open_projects as integer) as max_open_projects,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
