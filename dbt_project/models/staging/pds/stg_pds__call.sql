with source as (

    select * from {{ source('raw', 'pds__call') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('call_no') }} as call_no,
        {{ clean_text('title') }} as title,
        {{ clean_text('owner_name') }} as owner_name,
        {{ clean_code('owner_credit_code') }} as owner_credit_code,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('discipline') }} as discipline,
        {{ wan_cny('bounty_wan_cny') }} as bounty_cny,
        cast(year as integer) as call_year,
        stage,
        stages,
        {{ clean_text('winner_name') }} as winner_name,
        {{ clean_code('winner_credit_code') }} as winner_credit_code,
        {{ clean_code('winner_application_no') }} as winner_application_no,
        {{ clean_code('project_no') }} as project_no,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
