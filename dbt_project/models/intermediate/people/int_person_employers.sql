-- One row per mention of a person and institution that employs them or that they head: the employer that the record
-- names beside the person and, in the registers of talents and experts, every employer that they ever had.
with mentions as (

    select
        mention_id,
        record_id,
        role,
        employer_role
    from {{ ref('int_person_mentions') }}
    where employer_role is not null

),

institutions as (

    select
        record_id,
        role,
        institution_id
    from {{ ref('int_institution_members') }}

),

named as (

    select
        mentions.mention_id,
        institutions.institution_id
    from mentions
    inner join institutions
        on mentions.record_id = institutions.record_id and mentions.employer_role = institutions.role

),

earlier as (

    select
        mentions.mention_id,
        institutions.institution_id
    from mentions
    inner join institutions
        on mentions.record_id = institutions.record_id and institutions.role like 'employer %'
    where mentions.role = 'self'

),

final as (

    select
        mention_id,
        institution_id as employer_id
    from named
    union
    select
        mention_id,
        institution_id as employer_id
    from earlier

)

select * from final
where employer_id is not null
