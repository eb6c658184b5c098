with source as (

    select * from {{ source('raw', 'market__institution') }}

),

renamed as (

    select
        _record_id as record_id,
        {{ clean_code('institution_no') }} as institution_no,
        {{ clean_text('name') }} as institution_name,
        {{ clean_text('short_name') }} as short_name,
        former_names,
        {{ clean_code('credit_code') }} as credit_code,
        institution_type,
        institution_type in ('技术转移机构', '知识产权服务机构', '检验检测机构', '科技金融机构') as is_service_institution,
        {{ clean_text('industry') }} as industry,
        qualifications,
        rating,
        {{ clean_code('district_code') }} as district_code,
        {{ clean_code('zone_code') }} as zone_code,
        {{ clean_text('address') }} as address,
        established_date,
        cast(staff_count as integer) as staff_count,
        is_active,
        updated_at,
        _received_at as received_at
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
