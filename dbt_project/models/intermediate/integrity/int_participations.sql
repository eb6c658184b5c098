-- One row per part that somebody takes: in an application on the day it was handed in, in a project on the days of its
-- award and of each payment, in a review on its day. A host takes part with its legal representative. What lies after
-- the day of the build has not happened.
with parts as (

    select
        record_id,
        case when role like 'member %' then 'member' else role end as role,
        'person' as subject_type,
        entity_id
    from {{ ref('int_person_links') }}
    where
        {{ begins_with('record_id', "'pds:'") }}
        and (role in ('leader', 'expert') or role like 'member %')
    union all
    select
        record_id,
        'institution' as role,
        'institution' as subject_type,
        entity_id
    from {{ ref('int_institution_links') }}
    where {{ begins_with('record_id', "'pds:'") }} and role = 'host'

),

heads as (

    -- who heads an institution: by the register of units, and by the pledges that its head signed. An institution that
    -- is registered twice, or that changed its head, has several
    select
        units.entity_id as institution_id,
        heads.entity_id
    from {{ ref('int_institution_links') }} as units
    inner join {{ ref('int_person_links') }} as heads on units.record_id = heads.record_id
    where units.role = 'self' and heads.role = 'legal_representative'
    union
    select
        institutions.entity_id as institution_id,
        signatories.entity_id
    from {{ ref('stg_integrity__pledge') }} as pledges
    inner join {{ ref('int_institution_links') }} as institutions on pledges.record_id = institutions.record_id
    inner join {{ ref('int_person_links') }} as signatories on pledges.record_id = signatories.record_id
    where
        pledges.pledge_type = 'institution' and institutions.role = 'institution' and signatories.role = 'signatory'

),

parties as (

    select * from parts
    union all
    select
        parts.record_id,
        'legal_representative' as role,
        'person' as subject_type,
        heads.entity_id
    from parts
    inner join heads on parts.entity_id = heads.institution_id
    where parts.role = 'institution'

),

projects as (

    select * from {{ ref('stg_pds__project') }}

),

payments as (

    select
        record_id,
        cast({{ json_text('item', '$.date') }} as date) as event_date,
        {{ wan_cny("cast(" ~ json_text('item', '$.amount') ~ " as decimal(18, 4))") }} as amount_cny
    from projects
    cross join {{ explode(json_items('payments'), 'u', 'item') }}

),

events as (

    select
        record_id,
        'application' as event,
        application_date as event_date,
        requested_fiscal_cny as amount_cny
    from {{ ref('stg_pds__application') }}
    union all
    select
        record_id,
        'award' as event,
        approval_date as event_date,
        fiscal_budget_cny as amount_cny
    from projects
    union all
    select
        record_id,
        'payment' as event,
        event_date,
        sum(amount_cny) as amount_cny
    from payments
    group by record_id, event_date
    union all
    select
        record_id,
        'review' as event,
        review_date as event_date,
        null as amount_cny
    from {{ ref('stg_pds__review') }}

),

final as (

    select distinct
        e.record_id,
        e.event,
        e.event_date,
        cast(e.amount_cny as decimal(18, 2)) as amount_cny,
        p.role,
        p.subject_type,
        p.entity_id
    from events as e
    inner join parties as p on e.record_id = p.record_id
    where e.event_date <= {{ as_of() }}

)

select * from final
