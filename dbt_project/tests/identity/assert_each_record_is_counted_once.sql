-- What is summed is summed once: a registration of a contract stands in one contract, a loan with one borrower, a right
-- in one line, whoever was merged with whom.
with contract_records as (

    select listed.record_id
    from {{ ref('fct_contracts') }} as contracts
    cross join {{ explode(json_texts('contracts.record_ids'), 'listed', 'record_id') }}
    where listed.record_id like 'market:contract:%'

),

loans as (

    select listed.loan_no
    from {{ ref('fct_borrower_exposure') }} as borrowers
    cross join {{ explode(json_texts('borrowers.loan_nos'), 'listed', 'loan_no') }}

),

sums as (

    select
        'contracts' as what,
        (select count(*) from contract_records) as listed_count,
        (select count(distinct record_id) from contract_records) as thing_count
    union all
    select
        'contract volumes' as what,
        (select sum(contract_count) from {{ ref('fct_contract_volumes') }}) as listed_count,
        (select count(*) from {{ ref('fct_contracts') }}) as thing_count
    union all
    select
        'loans' as what,
        (select count(*) from loans) as listed_count,
        (select count(distinct loan_no) from loans) as thing_count
    union all
    select
        'exposure of borrowers, in yuan' as what,
        (select sum(exposure_cny) from {{ ref('fct_borrower_exposure') }}) as listed_count,
        (select sum(exposure_cny) from {{ ref('fct_loan_risk') }}) as thing_count

)

select * from sums
where coalesce(listed_count, 0) != coalesce(thing_count, 0)
