-- Into what an institution was merged, and when. The register of units gives no day of the merger; its last change is
-- taken.
with units as (

    select
        record_id,
        {{ local_date('updated_at') }} as merged_date
    from {{ ref('stg_pds__unit') }}
    where status = '已合并'

),

final as (

    select
        own.entity_id as institution_id,
        min_by(successors.entity_id, (units.merged_date, successors.entity_id)) as successor_id,
        min(units.merged_date) as merged_date
    from units
    inner join {{ ref('int_institution_links') }} as own on units.record_id = own.record_id and own.role = 'self'
    inner join {{ ref('int_institution_links') }} as successors
        on units.record_id = successors.record_id and successors.role = 'successor'
    where own.entity_id <> successors.entity_id
    group by own.entity_id

)

select * from final
