-- received = new versions + unchanged + quarantined for every batch, and as many quarantined records are kept as the ledger counts.
with batches as (

    select * from {{ ref('audit_batches') }}

),

kept as (

    select
        batch,
        count(*) as kept
    from {{ ref('audit_quarantine') }}
    group by batch

)

select
    batches.batch,
    batches.received,
    batches.quarantined,
    kept.kept
from batches
left join kept on batches.batch = kept.batch
where not batches.is_balanced or (batches.kind = 'committed' and coalesce(kept.kept, 0) <> batches.quarantined)
