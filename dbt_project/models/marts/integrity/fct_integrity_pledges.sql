-- The pledges of research integrity: which institution stands behind each, and whether the project that it is for is
-- known. Who signed is nobody's business here.
with pledges as (

    select * from {{ ref('stg_integrity__pledge') }}
    where signed_date <= {{ as_of() }}

),

institutions as (

    select
        record_id,
        entity_id
    from {{ ref('int_institution_links') }}
    where role = 'institution'

),

projects as (

    select
        project_no,
        record_id
    from {{ ref('stg_pds__project') }}

),

final as (

    select
        pledges.pledge_no,
        pledges.pledge_type,
        {{ label_of('pledges.pledge_type', {
            'applicant': '项目负责人承诺', 'institution': '单位承诺', 'expert': '评审专家承诺',
        }) }} as pledge_type_label,
        pledges.status,
        {{ label_of('pledges.status', {'valid': '有效', 'revoked': '已撤销'}) }} as status_label,
        institutions.entity_id as institution_id,
        pledges.institution_name,
        pledges.project_no,
        projects.project_no is not null as is_project_known,
        pledges.signed_date,
        {{ year_of('pledges.signed_date') }} as signed_year,
        pledges.text_version,
        {{ json_list(list_of(['pledges.record_id', 'projects.record_id'])) }} as record_ids
    from pledges
    left join institutions on pledges.record_id = institutions.record_id
    left join projects on pledges.project_no = projects.project_no

)

select * from final
