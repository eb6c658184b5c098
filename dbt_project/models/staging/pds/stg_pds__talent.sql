with source as (

    select * from {{ source('raw', 'pds__talent') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('talent_no') }} as talent_no,
        {{ clean_text('name') }} as person_name,
        id_number,
        id_number_pseudonym,
        phone,
        phone_pseudonym,
        email,
        email_pseudonym,
        home_address,
        gender,
        cast(birth_year as integer) as birth_year,
        {{ clean_code('orcid') }} as orcid,
        category,
        {{ clean_text('academic_title') }} as academic_title,
        degree,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('discipline') }} as discipline,
        {{ clean_text('employer_name') }} as employer_name,
        {{ clean_code('employer_credit_code') }} as employer_credit_code,
        employed_since as employed_since_date,
        employers,
        {{ clean_code('adviser_talent_no') }} as adviser_talent_no,
        {{ clean_code('district_code') }} as district_code,
        status,
        left_date,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
