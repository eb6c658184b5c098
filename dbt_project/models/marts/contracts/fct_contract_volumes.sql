-- What a year's contracts come to, by kind; and what a plain sum of all registrations would have said instead.
with contracts as (

    select * from {{ ref('int_contracts_counted') }}

),

registered as (

    select
        {{ year_of('signed_date') }} as signed_year,
        contract_kind,
        sum(amount_cny) as registered_cny
    from {{ ref('stg_market__contract') }}
    group by {{ year_of('signed_date') }}, contract_kind

),

summed as (

    select
        signed_year,
        contract_kind,
        cast(count(*) as integer) as contract_count,
        cast(sum(case when is_cancelled then 1 else 0 end) as integer) as cancelled_count,
        cast(sum(case when registration_count > 1 then 1 else 0 end) as integer) as registered_twice_count,
        sum(net_cny) as net_cny,
        sum(net_technology_cny) as technology_cny,
        sum(case when is_output then net_cny else 0 end) as output_cny,
        sum(case when is_absorbed then net_cny else 0 end) as absorbed_cny,
        sum(case when is_cancelled then amount_cny else 0 end) as cancelled_cny,
        {{ json_list_agg('record_id') }} as record_ids
    from contracts
    group by signed_year, contract_kind

),

final as (

    select
        summed.signed_year || '|' || summed.contract_kind as volume_id,
        summed.signed_year,
        summed.contract_kind,
        summed.contract_count,
        summed.cancelled_count,
        summed.registered_twice_count,
        cast(summed.net_cny as decimal(18, 2)) as net_cny,
        cast(summed.technology_cny as decimal(18, 2)) as technology_cny,
        cast(summed.output_cny as decimal(18, 2)) as output_cny,
        cast(summed.absorbed_cny as decimal(18, 2)) as absorbed_cny,
        cast(summed.cancelled_cny as decimal(18, 2)) as cancelled_cny,
        cast(registered.registered_cny as decimal(18, 2)) as registered_cny,
        -- registered twice, once too much
        cast(registered.registered_cny - summed.net_cny - summed.cancelled_cny as decimal(18, 2)) as repeated_cny,
        summed.record_ids
    from summed
    inner join registered
        on summed.signed_year = registered.signed_year and summed.contract_kind = registered.contract_kind

)

select * from final
