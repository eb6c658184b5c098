-- One row per borrower with a loan outstanding: what the pool for risk compensation is exposed to with it.
with loans as (

    select * from {{ ref('fct_loan_risk') }}
    where outstanding_cny > 0

),

rules as (

    select * from {{ ref('finance_rules') }}

),

-- a borrower that nobody could identify stands for itself by its loan
borrowers as (

    select
        coalesce(institution_id, 'loan:' || loan_no) as borrower_id,
        max(institution_id) as institution_id,
        max_by(borrower_name, (paid_out_date, loan_no)) as borrower_name,
        count(*) as loan_count,
        sum(outstanding_cny) as outstanding_cny,
        sum(exposure_cny) as exposure_cny,
        count(*) filter (where is_default) as default_count,
        {{ json_list_agg('loan_no') }} as loan_nos,
        {{ json_list_agg(json_text('record_ids', '$[0]')) }} as record_ids
    from loans
    group by coalesce(institution_id, 'loan:' || loan_no)

),

final as (

    select
        b.borrower_id,
        b.institution_id,
        b.borrower_name,
        cast(b.loan_count as integer) as loan_count,
        b.loan_nos,
        cast(b.outstanding_cny as decimal(18, 2)) as outstanding_cny,
        cast(b.exposure_cny as decimal(18, 2)) as exposure_cny,
        r.exposure_cap_cny,
        coalesce(b.exposure_cny > r.exposure_cap_cny, false) as is_over_cap,
        coalesce(
            b.exposure_cny <= r.exposure_cap_cny and b.exposure_cny >= r.exposure_cap_cny * (1 - r.near_share), false
        ) as is_near_cap,
        cast(b.default_count as integer) as default_count,
        r.rule_version,
        r.source_document,
        b.record_ids
    from borrowers as b
    left join rules as r on {{ in_force('r', as_of()) }}

)

select * from final
