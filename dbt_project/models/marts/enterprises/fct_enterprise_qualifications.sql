-- One row per certificate or register entry: when it is held, whether a later one of the same kind continues it, and
-- whether it lapses soon.
with qualifications as (

    select * from {{ ref('stg_enterprises__qualification') }}

),

firms as (

    select * from {{ ref('int_enterprise_firms') }}

),

rules as (

    select * from {{ ref('qualification_rules') }}

),

spells as (

    select
        *,
        -- first day on which it is not held any more; none while it has no end
        least(
            coalesce(ended_date, {{ days_after('valid_to', 1) }}),
            coalesce({{ days_after('valid_to', 1) }}, ended_date)
        ) as held_until
    from qualifications

),

-- another entry of the same kind that is known today, was not taken away and ends later
continued as (

    select
        s.record_id,
        min(n.qualification_no) as next_qualification_no,
        min(n.record_id) as next_record_id
    from spells as s
    inner join spells as n
        on
            s.firm_no = n.firm_no
            and s.kind = n.kind
            and s.qualification_no <> n.qualification_no
            and n.valid_from <= {{ as_of() }}
            and (n.ended_date is null or n.ended_date > {{ as_of() }})
            and (n.valid_to is null or s.valid_to < n.valid_to)
    where s.valid_to is not null
    group by s.record_id

),

final as (

    select
        s.qualification_no,
        'firm:' || s.firm_no as enterprise_id,
        s.firm_no,
        coalesce(f.firm_name, s.firm_name) as firm_name,
        f.firm_no is not null as is_in_register,
        coalesce(f.district_code, '未分配') as district_code,
        coalesce(f.district_name, '未分配') as district_name,
        coalesce(f.zone_code, '未分配') as zone_code,
        coalesce(f.zone_name, '未分配') as zone_name,
        f.industry,
        s.kind,
        r.rung_order,
        s.level,
        s.certificate_no,
        s.valid_from,
        s.valid_to,
        s.latest_year,
        s.latest_date,
        s.ended_date,
        s.status as register_status,
        s.held_until,
        s.valid_from <= {{ as_of() }} and (s.held_until is null or s.held_until > {{ as_of() }}) as is_held,
        c.next_qualification_no,
        c.next_qualification_no is not null as is_continued,
        coalesce(
            r.lapsing_months is not null
            and s.valid_from <= {{ as_of() }}
            and s.held_until > {{ as_of() }}
            and s.valid_to <= {{ months_after(as_of(), 'r.lapsing_months') }}
            and c.next_qualification_no is null,
            false
        ) as is_lapsing,
        case when s.held_until > {{ as_of() }} then {{ days_between(as_of(), 's.valid_to') }} end as days_left,
        coalesce({{ list_size('s.ip_numbers') }}, 0) as ip_count,
        s.authority,
        r.rule_version,
        r.source_document,
        s.record_id,
        {{ json_list('[s.record_id, f.record_id, c.next_record_id]') }} as record_ids
    from spells as s
    left join firms as f on s.firm_no = f.firm_no
    left join continued as c on s.record_id = c.record_id
    left join rules as r on s.kind = r.kind and {{ in_force('r', as_of()) }}

)

select * from final
