with regions as (

    select * from {{ ref('regions') }}

),

final as (

    select
        dimension || ':' || region_code as region_id,
        dimension,
        {{ label_of('dimension', {
            'province': '省份', 'city': '城市', 'district': '属地', 'zone': '管理区', 'belt': '秦创原',
        }) }} as dimension_label,
        region_code,
        region_name,
        short_name,
        iso_code,
        parent_region_id,
        belt_role,
        valid_from,
        valid_to,
        coalesce(valid_from <= {{ as_of() }}, true) and coalesce({{ as_of() }} < valid_to, true) as is_current,
        source_note,
        '[]' as record_ids
    from regions

)

select * from final
