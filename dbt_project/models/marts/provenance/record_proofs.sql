-- A withdrawal by omission has no bytes of its own: its proof is the last version that had some.
with versions as (

    select * from {{ ref('int_record_versions_unioned') }}
    where
        record_class not in ('talent', 'expert')
        -- how many people a chain needs is a list of needs, and nobody's record
        or record_type = 'talent_need'

),

ranked as (

    select
        *,
        count(*) over (partition by record_id) as version_count,
        max(case when is_current and is_withdrawn then 1 else 0 end) over (partition by record_id) = 1 as is_gone,
        row_number() over (
            partition by record_id order by pointer is null, is_current desc, version desc
        ) as rank_in_record
    from versions

),

final as (

    select
        record_id,
        record_class,
        {{ class_label('record_class') }} as record_class_label,
        source,
        source_title,
        record_type,
        title,
        is_gone as is_withdrawn,
        content_hash,
        batch,
        payload,
        payload_url,
        payload_sha256,
        pointer,
        as_of_date,
        received_at,
        version_count,
        warnings
    from ranked
    where rank_in_record = 1

)

select * from final
