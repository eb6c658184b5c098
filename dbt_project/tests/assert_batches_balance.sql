-- received = new versions + unchanged + quarantined for every batch, and as many quarantined records are kept as the
-- ledger counts. A replay judges everything again, so what batches before it had refused is no longer
-- kept under their numbers.
with batches as (

    select * from {{ ref('audit_batches') }}

),

kept as (

    select
        batch,
        count(*) as kept
    from {{ ref('audit_quarantine') }}
    group by batch

),

replays as (

    select
        source,
        record_type,
        max(batch) as batch
    from batches
    where kind = 'replay'
    group by source, record_type

)

select
    batches.batch,
    batches.received,
    batches.quarantined,
    kept.kept
from batches
left join kept on batches.batch = kept.batch
left join replays on batches.source = replays.source and batches.record_type = replays.record_type
where
    not batches.is_balanced
    or (
        batches.kind = 'committed'
        and batches.batch > coalesce(replays.batch, 0)
        and coalesce(kept.kept, 0) <> batches.quarantined
    )
