-- How many of those who began a job stayed long enough, by one property at a time and by the year in which they began.
-- Cells under the least number that officials are shown are withheld, and so is what would give them away.
with {{ rules_in_force('talent_rules') }},

stays as (

    select * from {{ ref('audit_talent_stays') }}
    where is_judged

),

cells as (

    {% for breakdown, bucket, label in [
        ('total', "'全部'", "'全部'"),
        ('industry', 'industry', 'industry'),
        ('district', "coalesce(district_code, '未分配')", 'district_name'),
        ('employer_type', 'institution_type_label', 'institution_type_label'),
        ('employer', 'institution_id', 'institution_name'),
    ] %}
        select
            '{{ breakdown }}' as breakdown,
            {{ bucket }} as bucket,
            max({{ label }}) as bucket_label,
            from_year,
            count(*) as judged_count,
            sum(case when is_lost then 1 else 0 end) as lost_count,
            count(distinct person_id) as person_count
        from stays
        where {{ bucket }} is not null
        group by {{ bucket }}, from_year
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

judged as (

    select
        cells.*,
        rules.rule_version,
        rules.source_document,
        judged_count < rules.least_shown
        or lost_count between 1 and rules.least_shown - 1
        or judged_count - lost_count between 1 and rules.least_shown - 1 as is_suppressed
    from cells
    cross join rules

),

final as (

    select
        breakdown || '/' || bucket || '/' || from_year as retention_id,
        breakdown,
        {{ label_of('breakdown', {
            'total': '合计', 'industry': '重点产业', 'district': '属地区县', 'employer_type': '单位类型', 'employer': '单位',
        }) }} as breakdown_label,
        bucket,
        bucket_label,
        from_year,
        case when not is_suppressed then cast(judged_count as integer) end as judged_count,
        case when not is_suppressed then cast(lost_count as integer) end as lost_count,
        case when not is_suppressed then round((judged_count - lost_count) / cast(judged_count as double), 4) end
            as retained_share,
        is_suppressed,
        rule_version,
        source_document
    from judged

)

select * from final
