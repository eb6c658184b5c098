-- One row per event: a firm comes to hold a kind of qualification, or holds it no more. A certificate that begins no
-- later than the day after the one before is its continuation and no event.
with spells as (

    select * from {{ ref('fct_enterprise_qualifications') }}
    where valid_from <= {{ as_of() }}

),

ordered as (

    select
        *,
        -- open spells reach as far as days go
        max(coalesce(held_until, cast('9999-12-31' as date))) over (
            partition by firm_no, kind order by valid_from, qualification_no
            rows between unbounded preceding and 1 preceding
        ) as held_before_until,
        min(valid_from) over (
            partition by firm_no, kind order by valid_from, qualification_no
            rows between 1 following and unbounded following
        ) as next_valid_from,
        max(coalesce(held_until, cast('9999-12-31' as date))) over (
            partition by firm_no, kind order by valid_from, qualification_no
            rows between 1 following and unbounded following
        ) as held_after_until
    from spells

),

entered as (

    select
        qualification_no || '#entered' as flow_id,
        'entered' as flow_kind,
        '进入' as flow_label,
        valid_from as flow_date,
        case when held_before_until is null then '首次认定' else '重新认定' end as reason,
        *
    from ordered
    where held_before_until is null or held_before_until < valid_from

),

departed as (

    select
        qualification_no || '#left' as flow_id,
        'left' as flow_kind,
        '离开' as flow_label,
        held_until as flow_date,
        case when ended_date = held_until then register_status else '到期未续' end as reason,
        *
    from ordered
    where
        held_until <= {{ as_of() }}
        and (held_before_until is null or held_before_until <= held_until)
        and (held_after_until is null or held_after_until <= held_until or next_valid_from > held_until)

),

unioned as (

    select * from entered
    union all
    select * from departed

),

final as (

    select
        flow_id,
        enterprise_id,
        firm_no,
        firm_name,
        is_in_register,
        district_code,
        district_name,
        zone_code,
        zone_name,
        industry,
        kind,
        rung_order,
        flow_kind,
        flow_label,
        flow_date,
        {{ year_of('flow_date') }} as flow_year,
        case when flow_kind = 'entered' then 1 else -1 end as change_count,
        reason,
        qualification_no,
        record_ids
    from unioned

)

select * from final
