-- Rule 4 of the plan, second half (查重): pairs of applications that have so many pieces of title and abstract in common.
with rules as (

    select * from {{ ref('similarity_rules') }}

),

scored as (

    select * from {{ ref('int_similar_applications') }}

),

applications as (

    select * from {{ ref('stg_pds__application') }}

),

final as (

    select
        {{ entity_id('sim', "s.record_a || '|' || s.record_b") }} as similar_id,
        a.application_no as application_no_a,
        b.application_no as application_no_b,
        a.title as title_a,
        b.title as title_b,
        a.budget_year as year_a,
        b.budget_year as year_b,
        a.project_no as project_no_a,
        b.project_no as project_no_b,
        round(s.similarity, 4) as similarity,
        case when s.similarity >= r.hold_from then 'hold' else 'flag' end as level,
        case when s.similarity >= r.hold_from then '疑似重复，暂缓' else '相似，需核查' end as level_label,
        r.rule_version,
        r.source_document as rule_source,
        {{ json_list(list_of(['s.record_a', 's.record_b'])) }} as record_ids
    from scored as s
    inner join applications as a on s.record_a = a.record_id
    inner join applications as b on s.record_b = b.record_id
    inner join rules as r on {{ in_force('r', 'greatest(a.application_date, b.application_date)') }}
    where s.similarity >= r.flag_from

)

select * from final
