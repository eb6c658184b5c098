-- Nobody is merged by name here. A PDS leader with a talent number is the talent of that number; every other
-- leader is known only as a name in one project.
with academicians as (

    select
        'academicians:' || {{ regex_group('record_id', '^academicians:(cae|cas)_academician:') }}
        || ':' || regexp_replace(record_id, '^academicians:(cae|cas)_academician:', '') as person_id,
        'academicians' as source,
        '院士' as person_kind,
        'source_key' as identity_basis,
        person_name,
        academy,
        division,
        cast(null as varchar) as field,
        cast(null as varchar) as professional_title,
        election_year,
        election_year_basis,
        cast(null as varchar) as institution_name,
        cast(null as varchar) as project_id,
        record_id,
        {{ json_list('[record_id]') }} as record_ids
    from {{ ref('int_academicians_elected') }}

),

talents as (

    select
        'pds:' || talent_no as person_id,
        'pds' as source,
        '人才' as person_kind,
        'source_key' as identity_basis,
        person_name,
        cast(null as varchar) as academy,
        cast(null as varchar) as division,
        discipline as field,
        academic_title as professional_title,
        cast(null as integer) as election_year,
        cast(null as varchar) as election_year_basis,
        employer_name as institution_name,
        cast(null as varchar) as project_id,
        record_id,
        {{ json_list('[record_id]') }} as record_ids
    from {{ ref('stg_pds__talent') }}

),

known_talents as (

    select talent_no from {{ ref('stg_pds__talent') }}

),

leaders as (

    select
        projects.project_id || '/leader' as person_id,
        projects.source,
        '项目负责人' as person_kind,
        'project_mention' as identity_basis,
        projects.leader_name as person_name,
        cast(null as varchar) as academy,
        cast(null as varchar) as division,
        projects.discipline as field,
        projects.leader_rank as professional_title,
        cast(null as integer) as election_year,
        cast(null as varchar) as election_year_basis,
        projects.institution_name,
        projects.project_id,
        {{ json_text('projects.record_ids', '$[0]') }} as record_id,
        projects.record_ids
    from {{ ref('int_projects_located') }} as projects
    left join known_talents on projects.leader_talent_no = known_talents.talent_no
    where projects.leader_name is not null and known_talents.talent_no is null

),

unioned as (

    select * from academicians
    union all
    select * from talents
    union all
    select * from leaders

),

links as (

    select * from {{ ref('int_institution_names') }}

),

final as (

    select
        unioned.person_id,
        unioned.source,
        unioned.person_kind,
        unioned.identity_basis,
        unioned.person_name,
        unioned.academy,
        unioned.division,
        unioned.field,
        unioned.professional_title,
        unioned.election_year,
        unioned.election_year_basis,
        unioned.institution_name,
        links.institution_id,
        unioned.project_id,
        unioned.record_id,
        unioned.record_ids
    from unioned
    left join links on {{ normalise_name('unioned.institution_name') }} = links.name_key

)

select * from final
