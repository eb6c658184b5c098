with source as (

    select * from {{ source('raw', 'integrity__measure') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('measure_no') }} as measure_no,
        status,
        {{ clean_code('case_no') }} as case_no,
        measure_kind,
        from_date,
        to_date,
        lifted_date,
        lifted_reason,
        {{ wan_cny('recovered_wan_cny') }} as recovered_cny,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
