-- One row per person of a project or application: its leader and its members.
with parts as (

    select
        record_id,
        entity_id as person_id,
        bool_or(role = 'leader') as is_leader
    from {{ ref('int_person_links') }}
    where role = 'leader' or role like 'member %'
    group by record_id, entity_id

),

applications as (

    select
        record_id,
        'application' as kind,
        application_no,
        application_no as own_no,
        application_date as from_date,
        cast(null as date) as closed_date
    from {{ ref('stg_pds__application') }}

),

projects as (

    -- open from the approval until the day on which it was concluded or broken off
    select
        record_id,
        'project' as kind,
        application_no,
        project_no as own_no,
        approval_date as from_date,
        {{ closing_date('stages') }} as closed_date
    from {{ ref('stg_pds__project') }}

),

final as (

    select
        things.record_id,
        things.kind,
        things.application_no,
        things.own_no,
        parts.person_id,
        parts.is_leader,
        things.from_date,
        things.closed_date
    from (
        select * from applications
        union all
        select * from projects
    ) as things
    inner join parts on things.record_id = parts.record_id

)

select * from final
