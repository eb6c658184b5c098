-- One row per record type of every system that the house is connected with: what it delivered, what was refused,
-- whether the last delivery was as long as the system itself said, and whether it came in time. The systems that the
-- plan names are marked, and stand here even while nobody has connected them.
with named as (

    select * from {{ ref('plan_connectors') }}

),

freshness as (

    select * from {{ ref('data_freshness') }}

),

entries as (

    select
        *,
        row_number() over (partition by source, record order by seq desc) as newest_first
    from {{ source('raw', 'ledger__batches') }}
    where kind in ('committed', 'accepted')

),

delivered as (

    select
        source,
        record as record_type,
        cast(count(*) as integer) as batch_count,
        cast(sum(received) as bigint) as received,
        cast(sum(quarantined) as bigint) as refused,
        max(committed_at) as last_batch_at,
        max(case when newest_first = 1 then received end) as last_received,
        max(case when newest_first = 1 then declared_total end) as last_declared
    from entries
    group by source, record

),

systems as (

    select
        coalesce(freshness.source, named.source) as source,
        coalesce(named.system_name, freshness.source_title) as system_name,
        named.document_section,
        named.source is not null as is_in_plan,
        coalesce(freshness.freshness_label, '未接入') as freshness_label,
        freshness.freshness_hours,
        freshness.held_batches
    from freshness
    full join named on freshness.source = named.source

),

final as (

    select
        systems.source || '/' || coalesce(delivered.record_type, '') as delivery_id,
        systems.source,
        systems.system_name,
        systems.document_section,
        systems.is_in_plan,
        delivered.record_type,
        coalesce(delivered.batch_count, 0) as batch_count,
        coalesce(delivered.received, 0) as received,
        coalesce(delivered.refused, 0) as refused,
        round(delivered.refused / nullif(cast(delivered.received as double), 0), 6) as refused_share,
        delivered.last_batch_at,
        cast(delivered.last_declared as bigint) as last_declared,
        cast(delivered.last_received as bigint) as last_received,
        delivered.last_received = delivered.last_declared as is_complete,
        systems.freshness_hours,
        systems.freshness_label = '正常' as is_on_time,
        coalesce(systems.held_batches, 0) as held_batches,
        case
            when delivered.record_type is null then '未接入'
            when delivered.last_received <> delivered.last_declared then '不完整'
            when systems.freshness_label <> '正常' then '逾期'
            when coalesce(systems.held_batches, 0) > 0 then '有暂挂批次'
            else '完整按时'
        end as delivery_state
    from systems
    left join delivered on systems.source = delivered.source

)

select * from final
