-- One row per place in a record where a person stands: a register's own entry (role self) or somebody whom a record
-- names, by name or by number. Whoever reports misconduct is left out: nobody shall be able to find out who that was.
with named as (

    {{ person_mention('stg_pds__talent', 'self', 'person_name', {
        'id_number': 'id_number', 'id_number_pseudonym': 'id_number_pseudonym', 'orcid': 'orcid',
        'phone_pseudonym': 'phone_pseudonym', 'email_pseudonym': 'email_pseudonym', 'talent_no': 'talent_no',
        'birth_year': 'birth_year', 'gender': 'gender', 'title': 'academic_title', 'discipline': 'discipline',
        'employer_name': 'employer_name', 'employer_role': "'employer'"
    }) }}
    union all
    {{ person_mention('stg_pds__talent', 'adviser', values={'talent_no': 'adviser_talent_no'}) }}
    union all
    {{ person_mention('stg_pds__expert', 'self', 'person_name', {
        'id_number': 'id_number', 'id_number_pseudonym': 'id_number_pseudonym', 'phone_pseudonym': 'phone_pseudonym',
        'email_pseudonym': 'email_pseudonym', 'talent_no': 'talent_no', 'expert_no': 'expert_no',
        'title': 'academic_title', 'discipline': 'discipline', 'employer_name': 'employer_name',
        'employer_role': "'employer'"
    }) }}
    union all
    {{ person_mention('stg_pds__unit', 'legal_representative', 'legal_representative_name', {
        'id_number': 'legal_representative_id_number',
        'id_number_pseudonym': 'legal_representative_id_number_pseudonym', 'employer_name': 'institution_name',
        'employer_role': "'self'", 'is_head': 'true'
    }) }}
    union all
    {{ person_mention('stg_pds__unit', 'contact', values={
        'phone_pseudonym': 'contact_phone_pseudonym', 'employer_name': 'institution_name', 'employer_role': "'self'"
    }) }}
    union all
    {{ person_mention('stg_pds__application', 'leader', 'leader_name', {
        'talent_no': 'leader_talent_no', 'discipline': 'discipline', 'activity_year': 'budget_year',
        'project': "'pds:' || coalesce(project_no, application_no)", 'employer_name': 'host_name',
        'employer_role': "'host'"
    }) }}
    union all
    {{ person_mentions_of_list('stg_pds__application', 'member', json_texts('m.member_talent_nos'), values={
        'talent_no': clean_code('u.item'), 'activity_year': 'm.budget_year',
        'project': "'pds:' || coalesce(m.project_no, m.application_no)"
    }) }}
    union all
    {{ person_mention('stg_pds__project', 'leader', 'leader_name', {
        'talent_no': 'leader_talent_no', 'discipline': 'discipline', 'activity_year': 'budget_year',
        'project': "'pds:' || project_no", 'employer_name': 'host_name', 'employer_role': "'host'"
    }) }}
    union all
    {{ person_mentions_of_list('stg_pds__project', 'member', json_texts('m.member_talent_nos'), values={
        'talent_no': clean_code('u.item'), 'activity_year': 'm.budget_year', 'project': "'pds:' || m.project_no"
    }) }}
    union all
    {{ person_mentions_of_list('stg_pds__project', 'effort', json_items('m.efforts'), values={
        'talent_no': clean_code(json_text('u.item', '$.talentNo')), 'activity_year': 'm.budget_year',
        'project': "'pds:' || m.project_no"
    }) }}
    union all
    {{ person_mention('stg_pds__review', 'expert', values={'expert_no': 'expert_no'}) }}
    union all
    {{ person_mention('stg_pds__envoy', 'envoy', values={
        'talent_no': 'talent_no', 'activity_year': year_of('from_date')
    }) }}
    union all
    {{ person_mention('stg_integrity__pledge', 'signatory', 'signatory_name', {
        'id_number': 'signatory_id_number', 'id_number_pseudonym': 'signatory_id_number_pseudonym',
        'activity_year': year_of('signed_date'), 'project': "'pds:' || project_no", 'employer_name': 'institution_name',
        'employer_role': "'institution'", 'is_head': "pledge_type = 'institution'"
    }) }}
    union all
    {{ person_mention('stg_integrity__report', 'subject', 'subject_name', {
        'activity_year': year_of('received_date'), 'project': "'pds:' || project_no", 'employer_name': 'employer_name',
        'employer_role': "'employer'"
    }, "subject_type = 'person'") }}
    union all
    {{ person_mention('stg_integrity__decision', 'subject', 'subject_name', {
        'id_number': 'subject_id_number', 'id_number_pseudonym': 'subject_id_number_pseudonym',
        'activity_year': year_of('decision_date'), 'project': "'pds:' || project_no", 'employer_name': 'employer_name',
        'employer_role': "'employer'"
    }, "subject_type = 'person'") }}
    union all
    {{ person_mentions_of_list('stg_reports__report', 'author', json_texts('m.author_names'), clean_text('u.item'), {
        'activity_year': year_of('m.filed_date'), 'project': "'pds:' || m.project_no", 'employer_name': 'm.unit_name',
        'employer_role': "'unit'"
    }) }}
    union all
    {{ person_mention('stg_nsfc__project', 'leader', 'leader_name', {
        'discipline': "'管理科学'", 'activity_year': year_of('start_date'), 'project': "'nsfc:' || project_number",
        'employer_name': 'institution_name', 'employer_role': "'institution'"
    }) }}
    union all
    {{ person_mention('stg_nssfc__project', 'leader', 'leader_name', {
        'title': 'leader_rank', 'discipline': 'discipline_text', 'activity_year': 'start_year',
        'project': "'nssfc:' || project_number", 'employer_name': 'institution_name', 'employer_role': "'institution'"
    }) }}
    union all
    {{ person_mention('stg_nssfc__outcome', 'leader', 'leader_name', {
        'activity_year': year_of('completion_date'), 'project': "'nssfc:' || project_number"
    }) }}
    union all
    {{ person_mention('stg_academicians__cas_academician', 'self', 'person_name', {'discipline': 'division'}) }}
    union all
    {{ person_mention('stg_academicians__cae_academician', 'self', 'person_name', {'discipline': 'division'}) }}

),

final as (

    select
        record_id || '#' || role as mention_id,
        record_id,
        role,
        {{ regex_group('record_id', '^([^:]*):') }} as source,
        person_name,
        id_number,
        id_number_pseudonym,
        orcid,
        phone_pseudonym,
        email_pseudonym,
        talent_no,
        expert_no,
        birth_year,
        gender,
        title,
        discipline,
        project,
        activity_year,
        employer_name,
        employer_role,
        coalesce(is_head, false) as is_head
    from named
    where
        coalesce(person_name, talent_no, expert_no, phone_pseudonym) is not null
        -- publishers and the like stand as leaders of 390 lines of NSSFC: no person
        and not coalesce(length(person_name) > 4 and {{ regex_matches(
            'person_name', '(出版社|出版集团|大学|学院|研究院|研究所|研究中心|委员会|公司|编辑部|杂志社|课题组)$'
        ) }}, false)

)

select * from final
