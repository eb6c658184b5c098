-- The members of each person: every mention with the entity it belongs to, what it makes of the person, and how much
-- its word counts when the person is described (voice, 1 first): a register's own entry, then the newest record.
with mentions as (

    select * from {{ ref('int_person_mentions') }}

),

links as (

    select * from {{ ref('int_person_links') }}

),

joined as (

    select
        m.mention_id,
        m.record_id,
        m.role,
        m.source,
        l.entity_id as person_id,
        -- Chinese names carry no blanks, whatever forms are filled in with
        case
            when {{ is_chinese('m.person_name') }} then replace(m.person_name, ' ', '')
            else m.person_name
        end as person_name,
        m.title,
        m.discipline,
        m.activity_year,
        m.employer_name,
        m.employer_role,
        l.rule,
        case
            when m.role = 'self' and m.source = 'academicians' then '院士'
            when m.role = 'self' and m.expert_no is not null then '专家'
            when m.role = 'self' then '人才'
            when m.role = 'expert' then '专家'
            when m.role = 'leader' and m.record_id like 'pds:application:%' then '项目申报人'
            when m.role = 'leader' then '项目负责人'
            when m.role like 'member %' or m.role like 'effort %' then '项目成员'
            when m.role = 'adviser' then '导师'
            when m.role = 'envoy' then '科技特派员'
            when m.role = 'legal_representative' then '法定代表人'
            when m.role = 'contact' then '单位联系人'
            when m.role = 'signatory' then '承诺人'
            when m.role like 'author %' then '报告作者'
            when m.role = 'subject' then '诚信案件当事人'
        end as person_kind
    from mentions as m
    inner join links as l on m.mention_id = l.mention_id

),

final as (

    select
        *,
        row_number() over (
            partition by person_id
            order by
                case person_kind
                    when '院士' then 1
                    when '人才' then 2
                    when '专家' then 3
                    when '项目负责人' then 4
                    else 5
                end asc,
                activity_year desc nulls last,
                mention_id asc
        ) as voice
    from joined

)

select * from final
