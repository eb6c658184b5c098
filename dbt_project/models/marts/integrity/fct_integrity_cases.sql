with notices as (

    select * from {{ ref('stg_retraction_watch__notice') }}

),

decisions as (

    select * from {{ ref('int_integrity_decisions_measured') }}

),

affiliations as (

    select
        record_id,
        cast(count(distinct affiliation_number) as integer) as affiliation_count,
        cast(count(distinct affiliation_number) filter (where institution_id is not null) as integer) as linked_count,
        bool_or(names_china or institution_id is not null) as is_china
    from {{ ref('int_integrity_affiliations') }}
    group by record_id

),

reasons as (

    select
        record_id,
        cast(count(*) as integer) as reason_count,
        array_agg(coalesce(reason_label, reason)) as reason_labels,
        min_by(reason_group, (gravity, reason_group)) as reason_group,
        min_by(group_label, (gravity, reason_group)) as group_label
    from {{ ref('int_integrity_reasons') }}
    group by record_id

),

institutions as (

    select
        l.record_id,
        min_by(i.institution_id, (l.place, i.institution_id)) as institution_id,
        min_by(i.institution_name, (l.place, i.institution_id)) as institution_name,
        array_agg(i.institution_id) as institution_ids,
        bool_or(i.is_xian) as is_xian
    from {{ ref('int_integrity_institutions') }} as l
    inner join {{ ref('dim_institutions') }} as i on l.institution_id = i.institution_id
    group by l.record_id

),

notice_rows as (

    select
        n.record_id,
        'retraction_watch' as source,
        case n.nature
            when 'Retraction' then 'retraction'
            when 'Expression of concern' then 'concern'
            when 'Correction' then 'correction'
            when 'Reinstatement' then 'reinstatement'
        end as case_type,
        'publication' as subject_type,
        n.reasons,
        r.reason_labels,
        coalesce(r.reason_count, 0) as reason_count,
        r.reason_group,
        r.group_label,
        n.notice_date,
        n.original_date,
        cast(null as date) as effective_from,
        cast(null as date) as effective_to,
        cast(null as varchar) as severity,
        cast(null as varchar) as measure,
        cast(null as varchar) as status_label,
        cast(null as date) as lifted_date,
        cast(null as varchar) as appeal_result_label,
        cast(null as varchar) as repair_result_label,
        cast(null as varchar) as rule_version,
        n.notice_doi,
        n.original_doi,
        n.journal,
        n.publisher,
        n.article_type,
        coalesce(a.affiliation_count, 0) as affiliation_count,
        coalesce(a.linked_count, 0) as linked_affiliation_count,
        coalesce(a.is_china, false) as is_china,
        {{ list_of(['n.record_id']) }} as record_ids
    from notices as n
    left join affiliations as a on n.record_id = a.record_id
    left join reasons as r on n.record_id = r.record_id

),

decision_rows as (

    select
        d.record_id,
        'integrity' as source,
        'decision' as case_type,
        d.subject_type,
        {{ list_of([behaviour_label('d.behaviour_code')]) }} as reasons,
        {{ list_of([behaviour_label('d.behaviour_code')]) }} as reason_labels,
        1 as reason_count,
        d.behaviour_code as reason_group,
        {{ behaviour_label('d.behaviour_code') }} as group_label,
        d.decision_date as notice_date,
        cast(null as date) as original_date,
        d.barred_from_date as effective_from,
        d.barred_to_date as effective_to,
        {{ severity_label('d.severity') }} as severity,
        d.measure,
        {{ case_status_label('d.status') }} as status_label,
        d.lifted_date,
        {{ appeal_result_label('d.appeal_result') }} as appeal_result_label,
        {{ repair_result_label('d.repair_result') }} as repair_result_label,
        d.rule_version,
        cast(null as varchar) as notice_doi,
        cast(null as varchar) as original_doi,
        cast(null as varchar) as journal,
        cast(null as varchar) as publisher,
        cast(null as varchar) as article_type,
        1 as affiliation_count,
        case when i.record_id is null then 0 else 1 end as linked_affiliation_count,
        true as is_china,
        d.record_ids
    from decisions as d
    left join institutions as i on d.record_id = i.record_id

),

unioned as (

    select * from notice_rows
    union all
    select * from decision_rows

),

final as (

    select
        {{ entity_id('case', 'u.record_id') }} as case_id,
        u.source,
        u.case_type,
        {{ case_type_label('u.case_type') }} as case_type_label,
        u.subject_type,
        {{ subject_type_label('u.subject_type') }} as subject_type_label,
        {{ json_list('u.reasons') }} as reasons,
        {{ json_list('u.reason_labels') }} as reason_labels,
        u.reason_count,
        u.reason_group,
        u.group_label as reason_group_label,
        u.notice_date,
        {{ year_of('u.notice_date') }} as notice_year,
        u.original_date,
        {{ days_between('u.original_date', 'u.notice_date') }} as days_to_notice,
        u.effective_from,
        u.effective_to,
        u.severity,
        u.measure,
        u.status_label,
        u.lifted_date,
        u.appeal_result_label,
        u.repair_result_label,
        u.rule_version,
        u.notice_doi,
        u.original_doi,
        u.journal,
        u.publisher,
        u.article_type,
        u.affiliation_count,
        u.linked_affiliation_count,
        u.affiliation_count - u.linked_affiliation_count as unlinked_affiliation_count,
        i.institution_id,
        i.institution_name,
        {{ json_list('i.institution_ids') }} as institution_ids,
        u.is_china,
        coalesce(i.is_xian, false) as is_xian,
        u.record_id,
        {{ json_list('u.record_ids') }} as record_ids
    from unioned as u
    left join institutions as i on u.record_id = i.record_id

)

select * from final
