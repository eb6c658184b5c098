-- Staleness is measured at the newest batch of any source, never at the clock: the same batches give the same answer.
-- `brain status` measures at the clock.
with sources as (

    select * from {{ source('raw', 'sources') }}
    -- what builds enter themselves is never late
    where domain is distinct from 'resolution'

),

batches as (

    select * from {{ source('raw', 'ledger__batches') }}

),

committed as (

    select
        source,
        max(seq) as last_batch,
        max(committed_at) as last_batch_at,
        max(as_of) as as_of_date,
        count(*) as batch_count,
        sum(received) as received,
        sum(new) as new_versions,
        sum(unchanged) as unchanged,
        sum(withdrawn) as withdrawn,
        sum(quarantined) as quarantined
    from batches
    where kind in ('committed', 'accepted')
    group by source

),

newest as (

    select max(committed_at) as newest_at from batches where kind in ('committed', 'accepted', 'replay')

),

-- a held batch is a delivery attempt too: the contract counts the age from the last of them, as `brain sources` does
attempts as (

    select
        source,
        max(committed_at) as last_attempt_at
    from batches
    where kind in ('committed', 'held')
    group by source

),

-- a held batch stays open until a later entry of the same source and record type stands behind it
held as (

    select
        source,
        sum(case when kind = 'held' and is_newest then 1 else 0 end) as held_batches
    from (
        select
            source,
            kind,
            seq = max(seq) over (partition by source, record) as is_newest
        from batches
    ) as entries
    group by source

),

joined as (

    select
        sources.source,
        sources.title as source_title,
        sources.domain,
        {{ class_label('sources.domain') }} as domain_label,
        sources.schedule,
        cast(sources.freshness_hours as double) as freshness_hours,
        committed.last_batch,
        committed.last_batch_at,
        committed.as_of_date,
        coalesce(committed.batch_count, 0) as batch_count,
        cast(coalesce(committed.received, 0) as bigint) as received,
        cast(coalesce(committed.new_versions, 0) as bigint) as new_versions,
        cast(coalesce(committed.unchanged, 0) as bigint) as unchanged,
        cast(coalesce(committed.withdrawn, 0) as bigint) as withdrawn,
        cast(coalesce(committed.quarantined, 0) as bigint) as quarantined,
        cast(coalesce(held.held_batches, 0) as bigint) as held_batches,
        coalesce(
            24 * {{ days_between('cast(attempts.last_attempt_at as date)', 'cast(newest.newest_at as date)') }}
            > sources.freshness_hours,
            attempts.last_attempt_at is null
        ) as is_stale
    from sources
    cross join newest
    left join committed on sources.source = committed.source
    left join attempts on sources.source = attempts.source
    left join held on sources.source = held.source

),

final as (

    select
        *,
        case
            when last_batch is null then '未接入'
            when is_stale then '过期'
            else '正常'
        end as freshness_label
    from joined

)

select * from final
