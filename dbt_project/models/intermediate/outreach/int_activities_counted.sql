-- The activities of each base and each envoy within the months of the rule. Only what was registered counts.
with {{ rules_in_force('activity_rules') }},

activities as (

    select
        activities.*,
        coalesce(activities.base_no, activities.envoy_no) as holder_no,
        activities.held_date > {{ months_after(as_of(), '-rules.window_months') }} as is_recent,
        coalesce(activities.filed_date <= {{ as_of() }}, false) as is_filed
    from {{ ref('stg_pds__activity') }} as activities
    cross join rules
    where activities.held_date <= {{ as_of() }}

),

final as (

    select
        holder_no,
        cast(count(*) as integer) as activity_count,
        max(held_date) as last_held_date,
        cast(sum(case when is_recent and is_filed then 1 else 0 end) as integer) as recent_count,
        cast(sum(case when is_recent and not is_filed then 1 else 0 end) as integer) as recent_unfiled_count,
        cast(sum(case when is_recent and is_filed then participant_count else 0 end) as integer) as recent_participants,
        array_agg(record_id) filter (is_recent) as record_ids
    from activities
    where holder_no is not null
    group by holder_no

)

select * from final
