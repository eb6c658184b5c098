-- One row per loan: how late it is, whether it is in default, and what the pool for risk compensation would still have
-- to pay for it.
with loans as (

    select * from {{ ref('stg_finance__loan') }}

),

links as (

    select * from {{ ref('int_institution_links') }}
    where role = 'borrower'

),

rules as (

    select * from {{ ref('finance_rules') }}

),

dated as (

    select
        *,
        repaid_date <= {{ as_of() }} as is_repaid,
        greatest(
            {{ days_between('due_date', 'least(coalesce(repaid_date, ' ~ as_of() ~ '), ' ~ as_of() ~ ')') }}, 0
        ) as days_late,
        compensated_date <= {{ as_of() }} as is_compensated
    from loans
    where paid_out_date <= {{ as_of() }}

),

final as (

    select
        d.loan_no,
        k.entity_id as institution_id,
        d.borrower_name,
        d.bank_name,
        d.product,
        d.amount_cny,
        cast(d.rate_percent as double) as rate_percent,
        cast(d.compensation_ratio as double) as compensation_ratio,
        d.paid_out_date,
        d.due_date,
        d.repaid_date,
        d.loan_status,
        d.days_late,
        d.days_late >= r.default_days as is_default,
        cast(case when d.is_repaid then 0 else d.amount_cny end as decimal(18, 2)) as outstanding_cny,
        -- nothing more is owed by the pool once it has paid its part
        cast(
            case when d.is_repaid or d.is_compensated then 0 else round(d.amount_cny * d.compensation_ratio, 2) end
            as decimal(18, 2)
        ) as exposure_cny,
        d.exposure_cny as reported_exposure_cny,
        d.compensated_date,
        cast(coalesce(d.compensated_cny, 0) as decimal(18, 2)) as compensated_cny,
        r.rule_version,
        r.source_document,
        {{ json_list('[d.record_id]') }} as record_ids
    from dated as d
    left join links as k on d.record_id = k.record_id
    left join rules as r on {{ in_force('r', as_of()) }}

)

select * from final
