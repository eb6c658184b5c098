with source as (

    select * from {{ source('raw', 'academicians__cae_academician') }}

),

renamed as (

    select
        _record_id as record_id,
        page_url,
        {{ clean_text('name') }} as person_name,
        division,
        cast(election_year as integer) as source_election_year,
        biography,
        _as_of as as_of_date,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
