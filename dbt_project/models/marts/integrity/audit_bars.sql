with bars as (

    select * from {{ ref('int_bars') }}

),

appeals as (

    select
        case_no,
        array_agg(record_id) as record_ids
    from {{ ref('stg_integrity__appeal') }}
    group by case_no

),

repairs as (

    select
        measure_no,
        array_agg(record_id) as record_ids
    from {{ ref('stg_integrity__repair') }}
    group by measure_no

),

measures as (

    select
        record_id,
        measure_no
    from {{ ref('stg_integrity__measure') }}

),

final as (

    select
        b.bar_id,
        b.case_no,
        b.decision_no,
        b.decision_date,
        b.authority,
        b.subject_type,
        {{ subject_type_label('b.subject_type') }} as subject_type_label,
        b.entity_id,
        b.subject_name,
        b.subject_id_number as subject_id_number_masked,
        b.subject_credit_code,
        b.behaviour_code,
        {{ behaviour_label('b.behaviour_code') }} as behaviour_label,
        b.severity,
        {{ severity_label('b.severity') }} as severity_label,
        b.decision_rule_version,
        b.is_published,
        b.barred_from_date,
        b.stated_to_date,
        b.lifted_date,
        b.lifted_reason,
        b.free_date,
        b.barred_from_date <= {{ as_of() }} and coalesce({{ as_of() }} < b.free_date, true) as is_in_force,
        b.decision_record_id,
        b.measure_record_id,
        {{ json_list('flatten(' ~ list_of([
            list_of(['b.decision_record_id', 'b.measure_record_id']),
            'coalesce(a.record_ids, ' ~ empty_list() ~ ')',
            'coalesce(r.record_ids, ' ~ empty_list() ~ ')',
        ]) ~ ')') }} as record_ids
    from bars as b
    inner join measures as m on b.measure_record_id = m.record_id
    left join appeals as a on b.case_no = a.case_no
    left join repairs as r on m.measure_no = r.measure_no

)

select * from final
