with versions as (

    select * from {{ ref('int_record_versions_unioned') }}

),

summed as (

    select
        record_id,
        max(title) as any_title,
        count(*) as version_count,
        min(received_at) as first_received_at,
        max(received_at) as last_received_at
    from versions
    group by record_id

),

final as (

    select
        versions.record_id,
        versions.record_class,
        {{ class_label('versions.record_class') }} as record_class_label,
        versions.source,
        versions.source_title,
        versions.record_type,
        coalesce(versions.title, summed.any_title) as title,
        versions.is_withdrawn,
        versions.content_hash,
        versions.batch,
        summed.version_count,
        summed.first_received_at,
        summed.last_received_at,
        versions.as_of_date,
        versions.warnings
    from versions
    inner join summed on versions.record_id = summed.record_id
    where versions.is_current

)

select * from final
