-- People counted by one property at a time, and which cells must not be shown: those under 5, and where a
-- breakdown would have only one such cell, its next smallest too, because the total would give the one away.
with entries as (

    select
        record_id,
        person_id
    from {{ ref('int_person_members') }}
    where role = 'self'

),

academicians as (

    select
        elected.academy || '院士' as talent_group,
        elected.record_id,
        entries.person_id,
        elected.division,
        cast(elected.election_year as varchar) as election_year,
        cast(null as varchar) as field,
        cast(null as varchar) as talent_level
    from {{ ref('int_academicians_elected') }} as elected
    inner join entries on elected.record_id = entries.record_id

),

talents as (

    select
        '市级人才' as talent_group,
        talent.record_id,
        -- somebody with two talent numbers is one person
        entries.person_id,
        cast(null as varchar) as division,
        cast(null as varchar) as election_year,
        coalesce(talent.industry, '未知') as field,
        coalesce(talent.category || '类', '未入选') as talent_level
    from {{ ref('stg_pds__talent') }} as talent
    inner join entries on talent.record_id = entries.record_id
    where talent.status = '在库'

),

cells as (

    select
        talent_group,
        'total' as breakdown,
        '合计' as breakdown_label,
        '全部' as bucket,
        record_id,
        person_id
    from academicians
    union all
    select
        talent_group,
        'division' as breakdown,
        '学部' as breakdown_label,
        division as bucket,
        record_id,
        person_id
    from academicians
    union all
    select
        talent_group,
        'election_year' as breakdown,
        '当选年份' as breakdown_label,
        coalesce(election_year, '未知') as bucket,
        record_id,
        person_id
    from academicians
    union all
    select
        talent_group,
        'total' as breakdown,
        '合计' as breakdown_label,
        '全部' as bucket,
        record_id,
        person_id
    from talents
    union all
    select
        talent_group,
        'field' as breakdown,
        '产业领域' as breakdown_label,
        field as bucket,
        record_id,
        person_id
    from talents
    union all
    select
        talent_group,
        'level' as breakdown,
        '人才类别' as breakdown_label,
        talent_level as bucket,
        record_id,
        person_id
    from talents

),

counted as (

    select
        talent_group,
        breakdown,
        breakdown_label,
        bucket,
        count(distinct person_id) as people_count,
        {{ json_list_agg('record_id') }} as record_ids
    from cells
    group by talent_group, breakdown, breakdown_label, bucket

),

ranked as (

    select
        *,
        row_number() over (partition by talent_group, breakdown order by people_count, bucket) as smallest,
        sum(case when people_count < 5 then 1 else 0 end) over (partition by talent_group, breakdown) as small_cells
    from counted

),

final as (

    select
        talent_group || '/' || breakdown || '/' || bucket as talent_count_id,
        talent_group,
        breakdown,
        breakdown_label,
        bucket,
        case when breakdown = 'election_year' and bucket <> '未知' then cast(bucket as integer) end as bucket_year,
        people_count,
        people_count < 5 or (small_cells = 1 and smallest = 2) as is_suppressed,
        record_ids
    from ranked

)

select * from final
