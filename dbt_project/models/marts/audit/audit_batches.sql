with batches as (

    select * from {{ source('raw', 'ledger__batches') }}

),

sources as (

    select * from {{ source('raw', 'sources') }}

),

payloads as (

    select
        fetch_id,
        count(*) as payload_count
    from {{ source('raw', 'ledger__payloads') }}
    group by fetch_id

),

final as (

    select
        batches.seq as batch,
        batches.kind,
        case batches.kind
            when 'committed' then '入库'
            when 'held' then '暂挂'
            when 'accepted' then '放行'
            when 'discarded' then '弃用'
            when 'replay' then '重算'
            when 'erased' then '清除'
            else batches.kind
        end as kind_label,
        batches.source,
        sources.title as source_title,
        batches.record as record_type,
        batches.fetch_id,
        batches.as_of as as_of_date,
        batches.committed_at,
        batches.contract_version,
        batches.received,
        batches.new as new_versions,
        batches.unchanged,
        batches.withdrawn,
        batches.quarantined,
        batches.declared_total,
        batches.received = batches.new + batches.unchanged + batches.quarantined as is_balanced,
        coalesce(payloads.payload_count, 0) as payload_count,
        batches.entry_hash
    from batches
    left join sources on batches.source = sources.source
    left join payloads on batches.fetch_id = payloads.fetch_id

)

select * from final
