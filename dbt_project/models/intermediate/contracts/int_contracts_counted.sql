-- One row per contract, however many of its sides registered it. Both sides write the same parties, title, kind, day
-- and signed amount; a second stage, another day or another amount is another contract (rule 8: counted once, net of
-- cancellations).
with links as (

    select
        record_id,
        role,
        entity_id
    from {{ ref('int_institution_links') }}
    where role in ('seller', 'buyer')

),

parties as (

    select
        contracts.*,
        sellers.entity_id as seller_id,
        buyers.entity_id as buyer_id
    from {{ ref('stg_market__contract') }} as contracts
    left join links as sellers on contracts.record_id = sellers.record_id and sellers.role = 'seller'
    left join links as buyers on contracts.record_id = buyers.record_id and buyers.role = 'buyer'

),

-- a party is who it is, however it is spelled; what nobody could be told by is compared as it is written
registrations as (

    select
        *,
        {{ sha256_hex(
            "concat_ws('|', coalesce(seller_id, seller_credit_code, " ~ normalise_name('seller_name')
            ~ "), coalesce(buyer_id, buyer_credit_code, " ~ normalise_name('buyer_name') ~ "), "
            ~ normalise_name('title') ~ ", contract_kind, signed_date, signed_cny)"
        ) }} as contract_key
    from parties

),

together as (

    select
        contract_key,
        cast(count(*) as integer) as registration_count,
        -- a cancellation that one side alone has entered holds for the contract
        min(cancelled_date) as first_cancelled_date,
        {{ json_list_agg('contract_no') }} as contract_nos,
        {{ json_list_agg('record_id') }} as record_ids
    from registrations
    group by contract_key

),

ordered as (

    select
        *,
        row_number() over (
            partition by contract_key
            order by case registered_by when 'seller' then 0 else 1 end, contract_no
        ) as registration_order
    from registrations

),

ranked as (

    select
        ordered.*,
        together.registration_count,
        together.first_cancelled_date,
        together.contract_nos,
        together.record_ids
    from ordered
    inner join together on ordered.contract_key = together.contract_key

),

final as (

    select
        contract_no,
        title,
        contract_kind,
        seller_id,
        seller_name,
        seller_credit_code,
        seller_region_code,
        buyer_id,
        buyer_name,
        buyer_credit_code,
        buyer_region_code,
        left(seller_region_code, 4) = '6101' as is_output,
        left(buyer_region_code, 4) = '6101' as is_absorbed,
        industry,
        technology_node,
        signed_date,
        registered_date,
        {{ year_of('signed_date') }} as signed_year,
        signed_cny,
        amount_cny,
        technology_cny,
        status,
        amended_date,
        first_cancelled_date as cancelled_date,
        coalesce(first_cancelled_date <= {{ as_of() }}, false) as is_cancelled,
        coalesce(amended_date <= {{ as_of() }}, false) as is_amended,
        case when first_cancelled_date <= {{ as_of() }} then 0 else amount_cny end as net_cny,
        case when first_cancelled_date <= {{ as_of() }} then 0 else technology_cny end as net_technology_cny,
        registration_count,
        project_no,
        achievement_no,
        record_id,
        contract_nos,
        record_ids
    from ranked
    where registration_order = 1

)

select * from final
