-- One row per innovation voucher: what was redeemed against its limit and its last day. Amounts of this register are
-- yuan already.
with vouchers as (

    select * from {{ ref('stg_finance__voucher') }}

),

final as (

    select
        voucher_no,
        holder_name,
        service_name,
        service_type,
        issued_date,
        valid_to_date,
        limit_cny,
        redeemed_cny,
        last_redeemed_date,
        voucher_status,
        coalesce(redeemed_cny / nullif(cast(limit_cny as double), 0), 0) as redeemed_share,
        coalesce(redeemed_cny > limit_cny, false) as is_over_limit,
        coalesce(last_redeemed_date > valid_to_date, false) as is_redeemed_late,
        {{ json_list('[record_id]') }} as record_ids
    from vouchers

)

select * from final
