with source as (

    select * from {{ source('raw', 'pds__expert') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('expert_no') }} as expert_no,
        {{ clean_text('name') }} as person_name,
        id_number,
        id_number_pseudonym,
        phone,
        phone_pseudonym,
        email,
        email_pseudonym,
        {{ clean_code('talent_no') }} as talent_no,
        {{ clean_text('academic_title') }} as academic_title,
        degree,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('discipline') }} as discipline,
        {{ clean_text('employer_name') }} as employer_name,
        {{ clean_code('employer_credit_code') }} as employer_credit_code,
        employers,
        avoid_units,
        shareholdings,
        cast(max_reviews as integer) as max_reviews,
        enrolled_date,
        status,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
