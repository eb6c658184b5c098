-- One deliverable, by its kind and number, that more than one accepted project claims (一果多报).
with acceptances as (

    select
        record_id,
        project_no,
        acceptance_date,
        deliverables
    from {{ ref('stg_pds__acceptance') }}
    where acceptance_date <= {{ as_of() }}

),

claims as (

    select distinct
        acceptances.record_id,
        acceptances.project_no,
        {{ json_text('u.item', '$.kind') }} as deliverable_kind,
        {{ deliverable_key(json_text('u.item', '$.number')) }} as number_key,
        {{ clean_text(json_text('u.item', '$.number')) }} as deliverable_number,
        {{ clean_text(json_text('u.item', '$.title')) }} as title
    from acceptances
    cross join {{ explode(json_items('acceptances.deliverables'), 'u', 'item') }}

),

final as (

    select
        {{ entity_id('dup', "deliverable_kind || '|' || number_key") }} as duplicate_id,
        deliverable_kind,
        min(deliverable_number) as deliverable_number,
        min(title) as title,
        cast(count(distinct project_no) as integer) as project_count,
        {{ json_list_agg('project_no') }} as project_nos,
        {{ json_list_agg('record_id') }} as record_ids
    from claims
    where number_key is not null
    group by deliverable_kind, number_key
    having count(distinct project_no) > 1

)

select * from final
