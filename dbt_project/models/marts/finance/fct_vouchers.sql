-- One row per innovation voucher: what was redeemed against its limit and its last day. Amounts of this register are
-- yuan already.
with vouchers as (

    select * from {{ ref('stg_finance__voucher') }}

),

links as (

    select
        record_id,
        role,
        entity_id
    from {{ ref('int_institution_links') }}
    where role in ('holder', 'service')

),

final as (

    select
        vouchers.voucher_no,
        holders.entity_id as holder_id,
        vouchers.holder_name,
        services.entity_id as service_id,
        vouchers.service_name,
        vouchers.service_type,
        vouchers.issued_date,
        vouchers.valid_to_date,
        vouchers.limit_cny,
        vouchers.redeemed_cny,
        vouchers.last_redeemed_date,
        vouchers.voucher_status,
        coalesce(vouchers.redeemed_cny / nullif(cast(vouchers.limit_cny as double), 0), 0) as redeemed_share,
        coalesce(vouchers.redeemed_cny > vouchers.limit_cny, false) as is_over_limit,
        coalesce(vouchers.last_redeemed_date > vouchers.valid_to_date, false) as is_redeemed_late,
        {{ json_list('[vouchers.record_id]') }} as record_ids
    from vouchers
    left join links as holders on vouchers.record_id = holders.record_id and holders.role = 'holder'
    left join links as services on vouchers.record_id = services.record_id and services.role = 'service'

)

select * from final
