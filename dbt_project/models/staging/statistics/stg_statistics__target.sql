with source as (

    select * from {{ source('raw', 'statistics__target') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('indicator_code') }} as indicator_code,
        {{ clean_text('indicator_name') }} as indicator_name,
        mode as target_mode,
        cast(target_year as integer) as target_year,
        dimension,
        {{ clean_code('unit_code') }} as unit_code,
        {{ clean_text('unit_name') }} as unit_name,
        cast(baseline_year as integer) as baseline_year,
        baseline_value,
        target_value,
        measure_unit,
        {{ clean_text('lead_department') }} as lead_department,
        {{ clean_text('document') }} as source_document,
        {{ document_number('document_no') }} as document_no,
        {{ clean_text('section') }} as document_section,
        value_kind,
        cast(revision as integer) as revision,
        issued_date,
        _version as record_version,
        _is_current as is_current,
        _received_at as received_at
    from source
    where not _is_withdrawn

)

select * from renamed
