with source as (

    select * from {{ source('raw', 'pds__unit') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('unit_no') }} as unit_no,
        {{ clean_text('name') }} as institution_name,
        former_names,
        {{ clean_text('short_name') }} as short_name,
        {{ clean_text('english_name') }} as english_name,
        {{ clean_code('credit_code') }} as credit_code,
        unit_type,
        {{ clean_text('industry') }} as industry,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('address') }} as address,
        {{ clean_text('legal_representative_name') }} as legal_representative_name,
        legal_representative_id_number,
        legal_representative_id_number_pseudonym,
        contact_phone,
        contact_phone_pseudonym,
        established as established_date,
        cast(staff_count as integer) as staff_count,
        {{ clean_code('parent_unit_no') }} as parent_unit_no,
        status,
        {{ clean_code('successor_unit_no') }} as successor_unit_no,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
