with source as (

    select * from {{ source('raw', 'integrity__pledge') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('pledge_no') }} as pledge_no,
        status,
        pledge_type,
        {{ clean_text('signatory_name') }} as signatory_name,
        signatory_id_number,
        signatory_id_number_pseudonym,
        {{ clean_text('institution_name') }} as institution_name,
        {{ clean_code('institution_credit_code') }} as institution_credit_code,
        {{ clean_code('project_no') }} as project_no,
        signed_date,
        {{ clean_text('text_version') }} as text_version,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
