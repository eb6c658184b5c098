-- One row per pledge and right pledged: whether an earlier pledge of the same right was still in force when it was
-- registered. A release on the day of the next registration is none.
with pledges as (

    select * from {{ ref('stg_finance__ip_pledge') }}

),

rights as (

    select * from {{ ref('fct_ip_rights') }}

),

pledged as (

    select
        p.*,
        u.patent_no
    from pledges as p
    cross join {{ explode(split_list('p.patent_numbers', ';'), 'u', 'patent_no') }}

),

overlapping as (

    select
        p.record_id,
        p.patent_no,
        {{ json_list_agg('o.pledge_no') }} as other_pledge_nos,
        array_agg(o.record_id) as other_record_ids
    from pledged as p
    inner join pledged as o
        on
            p.patent_no = o.patent_no
            and p.pledge_no is distinct from o.pledge_no
            and p.registered_date < coalesce(o.released_date, cast('9999-12-31' as date))
            and o.registered_date < coalesce(p.released_date, cast('9999-12-31' as date))
    group by p.record_id, p.patent_no

),

final as (

    select
        p.pledge_no || '|' || p.patent_no as pledged_id,
        p.pledge_no,
        p.patent_no,
        r.ip_no is not null as is_in_ip_register,
        r.ip_kind,
        r.title,
        p.owner_name,
        p.bank_name,
        p.amount_cny as pledge_amount_cny,
        p.registered_date,
        p.released_date,
        p.released_date is null or p.released_date > {{ as_of() }} as is_in_force,
        o.record_id is not null as is_pledged_twice,
        coalesce(o.other_pledge_nos, '[]') as other_pledge_nos,
        {{ json_list("list_append(coalesce(o.other_record_ids, []), p.record_id)") }} as record_ids
    from pledged as p
    left join overlapping as o on p.record_id = o.record_id and p.patent_no = o.patent_no
    left join rights as r on p.patent_no = r.ip_no

)

select * from final
