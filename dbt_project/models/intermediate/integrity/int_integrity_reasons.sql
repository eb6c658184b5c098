-- One row per notice and reason, with the reason's group.
with notices as (

    select
        record_id,
        reasons
    from {{ ref('stg_retraction_watch__notice') }}

),

vocabulary as (

    select * from {{ ref('integrity_reasons') }}

),

final as (

    select
        n.record_id,
        u.reason,
        v.reason_label,
        coalesce(v.reason_group, 'other') as reason_group,
        coalesce(v.group_label, '未归类') as group_label,
        coalesce(v.gravity, 99) as gravity
    from notices as n
    cross join {{ explode('n.reasons', 'u', 'reason') }}
    left join vocabulary as v on u.reason = v.reason

)

select * from final
