-- One row per fund: who put what into it, what it invested, and what came beside it.
with funds as (

    select * from {{ ref('stg_finance__fund') }}

),

investments as (

    select
        fund_no,
        count(*) as investment_count,
        sum(amount_cny) as invested_cny,
        sum(beside_cny) as beside_cny,
        sum(returned_cny) as returned_cny,
        count(left_date) as left_count,
        array_agg(record_id) as record_ids
    from {{ ref('stg_finance__fund_investment') }}
    group by fund_no

),

rules as (

    select * from {{ ref('finance_rules') }}

),

final as (

    select
        f.fund_no,
        f.fund_name,
        f.fund_type,
        f.fund_status,
        f.manager_name,
        coalesce(f.zone_code, '未分配') as zone_code,
        f.founded_date,
        f.ends_date,
        f.public_cny,
        f.private_cny,
        f.private_cny / nullif(cast(f.public_cny as double), 0) as leverage,
        r.min_leverage,
        -- compared as amounts: a fund exactly on the border is not lost in a division
        coalesce(f.private_cny < r.min_leverage * f.public_cny, false) as is_low_leverage,
        cast(coalesce(i.investment_count, 0) as integer) as investment_count,
        cast(coalesce(i.invested_cny, 0) as decimal(18, 2)) as invested_cny,
        cast(coalesce(i.beside_cny, 0) as decimal(18, 2)) as beside_cny,
        cast(coalesce(i.left_count, 0) as integer) as left_count,
        cast(coalesce(i.returned_cny, 0) as decimal(18, 2)) as returned_cny,
        r.rule_version,
        r.source_document,
        {{ json_list("list_append(coalesce(i.record_ids, []), f.record_id)") }} as record_ids
    from funds as f
    left join investments as i on f.fund_no = i.fund_no
    left join rules as r on {{ in_force('r', as_of()) }}

)

select * from final
