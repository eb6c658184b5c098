-- What the engineer has to look at: sources that are late or were never there, batches that a gate holds, refusals that
-- grow. Measured at the newest batch of any source, as data_freshness is, never at the clock.
with sources as (

    select * from {{ source('raw', 'sources') }}
    where domain is distinct from 'resolution'

),

batches as (

    select
        b.*,
        cast(b.committed_at as date) as committed_date,
        b.source || ' 第 ' || b.seq || ' 批' as batch_label
    from {{ source('raw', 'ledger__batches') }} as b
    inner join sources on b.source = sources.source

),

newest as (

    select
        cast(max(committed_at) as date) as newest_date,
        cast(min(committed_at) as date) as first_date
    from batches

),

freshness as (

    select * from {{ ref('data_freshness') }}

),

attempts as (

    select
        source,
        cast(max(committed_at) as date) as attempt_date
    from batches
    where kind in ('committed', 'held')
    group by source

),

stale as (

    select
        'source_stale' as rule_code,
        f.source as subject,
        f.source_title as subject_label,
        -- the first whole day on which the last attempt is older than the contract allows
        {{ days_after('a.attempt_date', 'floor(f.freshness_hours / 24) + 1') }} as since_date,
        '最近一次送达 ' || a.attempt_date || '，契约时效 ' || {{ number_text('f.freshness_hours') }} || ' 小时' as detail,
        f.source as trace_key
    from freshness as f
    inner join attempts as a on f.source = a.source
    where f.is_stale and f.last_batch is not null

),

never as (

    select
        'source_never_connected' as rule_code,
        f.source as subject,
        f.source_title as subject_label,
        coalesce(n.first_date, {{ as_of() }}) as since_date,
        '账本中没有该来源的入库批次' as detail,
        f.source as trace_key
    from freshness as f
    cross join newest as n
    where f.last_batch is null

),

in_turn as (

    select
        *,
        seq = max(seq) over (partition by source, record) as is_newest
    from batches

),

held as (

    select
        'batch_held' as rule_code,
        source || '|' || record as subject,
        batch_label || '（' || record || '）' as subject_label,
        committed_date as since_date,
        '接收 ' || received || ' 条，未入库；原因见审计库的检查结果' as detail,
        source as trace_key
    from in_turn
    where kind = 'held' and is_newest

),

judged as (

    -- a delivery that brought nothing to judge says nothing about refusals
    select
        source,
        record,
        seq,
        batch_label,
        committed_date,
        received,
        quarantined,
        quarantined / cast(received as double) as refused_share,
        row_number() over (partition by source, record order by seq desc) as place
    from batches
    where kind in ('committed', 'accepted') and received > 0 and new + quarantined > 0

),

earlier as (

    select
        source,
        record,
        median(refused_share) as usual_share
    from judged
    where place between 2 and 6
    group by source, record

),

quarantine_rules as (

    select * from {{ ref('alert_rules') }} as r
    where r.rule_code = 'quarantine_up' and {{ in_force('r', as_of()) }}

),

quarantine as (

    select
        'quarantine_up' as rule_code,
        j.source || '|' || j.record as subject,
        j.batch_label || '（' || j.record || '）' as subject_label,
        j.committed_date as since_date,
        '隔离 ' || j.quarantined || ' 条，占 ' || round(100 * j.refused_share, 2) || '%，此前中位数 '
        || round(100 * e.usual_share, 2) || '%' as detail,
        j.source as trace_key
    from judged as j
    inner join earlier as e on j.source = e.source and j.record = e.record
    cross join quarantine_rules as r
    where j.place = 1 and j.quarantined >= r.floor_count and j.refused_share > r.threshold_ratio * e.usual_share

),

found as (

    select * from stale
    union all
    select * from never
    union all
    select * from held
    union all
    select * from quarantine

),

conditions as (

    select
        *,
        cast(null as varchar) as owner_kind,
        cast(null as varchar) as owner_name,
        cast(null as date) as due_date,
        '[]' as record_ids
    from found

),

alerts as (

    {{ alert_rows('conditions') }}

),

final as (

    select
        {{ alert_columns() }}
    from alerts

)

select * from final
