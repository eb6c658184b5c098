with links as (

    select * from {{ ref('int_integrity_institutions') }}

),

cases as (

    select * from {{ ref('fct_integrity_cases') }}

),

institutions as (

    select * from {{ ref('dim_institutions') }}

),

final as (

    select
        c.case_id || ':' || l.institution_id as case_institution_id,
        c.case_id,
        l.institution_id,
        i.institution_name,
        i.province_name,
        i.is_xian,
        l.link_rule,
        c.case_type_label,
        c.reason_group_label,
        c.notice_date,
        c.notice_year,
        c.record_ids
    from links as l
    inner join cases as c on {{ entity_id('case', 'l.record_id') }} = c.case_id
    inner join institutions as i on l.institution_id = i.institution_id

)

select * from final
