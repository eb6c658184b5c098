-- Every place of a document that names a figure of an indicator: as delivered, else as the plan itself reads.
with delivered as (

    select * from {{ ref('stg_statistics__indicator_mention') }}

),

printed as (

    select * from {{ ref('plan_mentions') }}

),

targets as (

    select distinct
        indicator_code,
        target_year,
        target_value,
        base_year,
        baseline_value
    from {{ ref('int_plan_targets') }}
    where dimension = '全市'

),

unioned as (

    select
        mention_no,
        indicator_code,
        document_section,
        mention_kind,
        indicator_year,
        mentioned_value,
        measure_unit,
        quoted_text,
        source_document,
        {{ json_list(list_of(['record_id'])) }} as record_ids
    from delivered
    union all
    select
        printed.mention_no,
        printed.indicator_code,
        printed.document_section,
        printed.mention_kind,
        printed.indicator_year,
        printed.mentioned_value,
        printed.measure_unit,
        printed.quoted_text,
        '西安市“十四五”科技创新发展规划（市政发〔2022〕1号）' as source_document,
        {{ json_list(empty_list()) }} as record_ids
    from printed
    left join delivered
        on
            printed.indicator_code = delivered.indicator_code
            and printed.document_section = delivered.document_section
            and printed.mention_kind = delivered.mention_kind
            and printed.indicator_year = delivered.indicator_year
            and printed.mentioned_value = delivered.mentioned_value
    where delivered.record_id is null

),

aimed as (

    select distinct indicator_code from targets

),

agreeing as (

    select distinct unioned.mention_no
    from unioned
    inner join targets
        on
            unioned.indicator_code = targets.indicator_code
            and (
                (
                    unioned.mention_kind in ('目标值', '隐含目标')
                    and unioned.indicator_year = targets.target_year
                    and unioned.mentioned_value = targets.target_value
                )
                or (
                    unioned.mention_kind = '基期值'
                    and unioned.indicator_year = targets.base_year
                    and unioned.mentioned_value = targets.baseline_value
                )
            )

),

final as (

    select
        unioned.mention_no,
        unioned.indicator_code,
        indicators.indicator_name,
        unioned.document_section,
        unioned.mention_kind,
        unioned.indicator_year,
        unioned.mentioned_value,
        unioned.measure_unit,
        unioned.quoted_text,
        unioned.source_document,
        cast(count(*) over (partition by unioned.indicator_code) as integer) as indicator_mentions,
        -- nothing to agree with where the indicator has no target
        case when aimed.indicator_code is not null then agreeing.mention_no is not null end as agrees_with_target,
        unioned.record_ids
    from unioned
    left join {{ ref('dim_indicators') }} as indicators on unioned.indicator_code = indicators.indicator_code
    left join aimed on unioned.indicator_code = aimed.indicator_code
    left join agreeing on unioned.mention_no = agreeing.mention_no

)

select * from final
