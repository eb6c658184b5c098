-- One row per decision with what followed from it: its measures, from when to when somebody is barred, whether an
-- appeal or a repair ended that early. A measure, an appeal or a repair without its decision bars nobody and is left
-- out here.
with decisions as (

    select * from {{ ref('stg_integrity__decision') }}

),

bars as (

    -- the first free day of a bar: its end, or the day on which it was lifted if that came earlier
    select
        *,
        case when measure_kind = 'bar' then from_date end as barred_from_date,
        case
            when measure_kind <> 'bar' then null
            when lifted_date < to_date or to_date is null then lifted_date
            else to_date
        end as free_date
    from {{ ref('stg_integrity__measure') }}

),

measures as (

    select
        case_no,
        {{ string_agg_ordered(measure_kind_label('measure_kind'), 'measure_no', '；') }} as measure,
        min(barred_from_date) as barred_from_date,
        -- a bar without an end outlasts every other one
        case
            when not bool_or(measure_kind = 'bar' and free_date is null) then max(free_date)
        end as barred_to_date,
        max(lifted_date) as lifted_date,
        max_by(lifted_reason, lifted_date) filter (where lifted_date is not null) as lifted_reason,
        array_agg(record_id) as record_ids
    from bars
    group by case_no

),

appeals as (

    select
        case_no,
        max_by(coalesce(result, 'open'), (filed_date, appeal_no)) as appeal_result,
        array_agg(record_id) as record_ids
    from {{ ref('stg_integrity__appeal') }}
    group by case_no

),

repairs as (

    select
        case_no,
        max_by(coalesce(result, 'open'), (filed_date, repair_no)) as repair_result,
        array_agg(record_id) as record_ids
    from {{ ref('stg_integrity__repair') }}
    group by case_no

),

final as (

    select
        d.*,
        m.measure,
        m.barred_from_date,
        -- a bar that was lifted before it began bars nobody: it ends on the day on which it begins
        case
            when m.barred_to_date < m.barred_from_date then m.barred_from_date
            else m.barred_to_date
        end as barred_to_date,
        m.lifted_date,
        m.lifted_reason,
        a.appeal_result,
        r.repair_result,
        flatten({{ list_of([
            '[d.record_id]',
            'coalesce(m.record_ids, ' ~ empty_list() ~ ')',
            'coalesce(a.record_ids, ' ~ empty_list() ~ ')',
            'coalesce(r.record_ids, ' ~ empty_list() ~ ')',
        ]) }}) as record_ids
    from decisions as d
    left join measures as m on d.case_no = m.case_no
    left join appeals as a on d.case_no = a.case_no
    left join repairs as r on d.case_no = r.case_no

)

select * from final
