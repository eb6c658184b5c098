-- One row per person. What describes somebody is taken from the record that knows best: a register's own entry before
-- what others say, the newest before older ones.
with members as (

    select * from {{ ref('int_person_members') }}

),

institutions as (

    select
        record_id,
        role,
        institution_id
    from {{ ref('int_institution_members') }}

),

academicians as (

    select * from {{ ref('int_academicians_elected') }}

),

described as (

    select
        members.*,
        institutions.institution_id,
        academicians.academy,
        academicians.division,
        academicians.election_year,
        academicians.election_year_basis
    from members
    left join institutions
        on members.record_id = institutions.record_id and members.employer_role = institutions.role
    left join academicians on members.record_id = academicians.record_id and members.role = 'self'

),

-- the spelling that most records use, Chinese before romanised
names as (

    select
        person_id,
        person_name,
        row_number() over (
            partition by person_id
            order by {{ is_chinese('person_name') }} desc, count(*) desc, min(voice) asc, person_name asc
        ) as place
    from members
    where person_name is not null
    group by person_id, person_name

),

spellings as (

    select
        person_id,
        min_by(person_name, place) as person_name,
        {{ json_list_agg('case when place > 1 then person_name end') }} as other_names
    from names
    group by person_id

),

borne as (

    select distinct
        person_id,
        person_kind
    from members

),

kinds as (

    select
        person_id,
        {{ string_agg_ordered('person_kind', 'person_kind') }} as person_kind
    from borne
    group by person_id

),

people as (

    select
        person_id,
        case
            when count(*) = 1 then 'single'
            when max(case when rule = 'name' then 1 else 0 end) = 1 then 'name'
            else 'identifier'
        end as identity_basis,
        min_by(academy, voice) filter (academy is not null) as academy,
        min_by(division, voice) filter (division is not null) as division,
        min_by(discipline, voice) filter (discipline is not null and academy is null) as field,
        min_by(title, voice) filter (title is not null) as professional_title,
        min_by(election_year, voice) filter (academy is not null) as election_year,
        min_by(election_year_basis, voice) filter (academy is not null) as election_year_basis,
        min_by(employer_name, voice) filter (employer_name is not null) as institution_name,
        min_by(institution_id, voice) filter (employer_name is not null) as institution_id,
        cast(count(distinct source) as integer) as source_count,
        cast(count(distinct record_id) as integer) as record_count,
        min_by(record_id, voice) as record_id
    from described
    group by person_id

),

-- a decision of a steward is one of the reasons why a person is one
shown as (

    select
        person_id,
        {{ json_list_agg('record_id') }} as record_ids
    from (
        select
            person_id,
            record_id
        from described
        union all
        select
            entity_id as person_id,
            record_id
        from {{ ref('int_entity_decision_links') }}
        where is_applied
    ) as records
    group by person_id

),

final as (

    select
        people.person_id,
        kinds.person_kind,
        people.identity_basis,
        spellings.person_name,
        coalesce(spellings.other_names, '[]') as other_names,
        people.academy,
        people.division,
        people.field,
        people.professional_title,
        people.election_year,
        people.election_year_basis,
        people.institution_name,
        people.institution_id,
        people.source_count,
        people.record_count,
        people.record_id,
        shown.record_ids
    from people
    inner join shown on people.person_id = shown.person_id
    inner join kinds on people.person_id = kinds.person_id
    left join spellings on people.person_id = spellings.person_id

)

select * from final
