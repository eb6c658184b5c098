-- Every name under which a project or platform names its host, once, with the institution it means. Names that no
-- register knows, or that several institutions bear, become institutions of their own.
with projects as (

    select
        institution_name as name,
        institution_credit_code as credit_code,
        district_code,
        {{ json_texts('record_ids') }} as record_ids
    from {{ ref('int_projects_unioned') }}

),

platforms as (

    select
        host_name as name,
        host_credit_code as credit_code,
        cast(null as varchar) as district_code,
        {{ list_of(['record_id']) }} as record_ids
    from {{ ref('stg_carriers__platform') }}
    union all
    select
        host_name as name,
        host_credit_code as credit_code,
        cast(null as varchar) as district_code,
        {{ list_of(['record_id']) }} as record_ids
    from {{ ref('stg_carriers__incubator') }}

),

unioned as (

    select * from projects
    union all
    select * from platforms

),

spellings as (

    -- names repeat 70,000 times: count each spelling first, normalise it once
    select
        name,
        credit_code,
        district_code,
        count(*) as mention_count,
        flatten(array_agg(record_ids)) as record_ids
    from unioned
    where name is not null
    group by name, credit_code, district_code

),

mentions as (

    select
        *,
        {{ normalise_name('name') }} as name_key
    from spellings

),

code_counts as (

    select
        name_key,
        credit_code,
        sum(mention_count) as code_count
    from mentions
    where credit_code is not null
    group by name_key, credit_code

),

codes as (

    -- the code that stands most often beside the name
    select
        name_key,
        max_by(credit_code, (code_count, credit_code)) as credit_code
    from code_counts
    group by name_key

),

grouped as (

    select
        m.name_key,
        max_by(m.name, (m.mention_count, m.name)) as name,
        min(c.credit_code) as credit_code,
        min(m.district_code) as district_code,
        cast(sum(m.mention_count) as bigint) as mention_count,
        flatten(array_agg(m.record_ids)) as record_ids
    from mentions as m
    left join codes as c on m.name_key = c.name_key
    where m.name_key is not null
    group by m.name_key

),

known_names as (

    select * from {{ ref('int_institution_registered_names') }}

),

known_codes as (

    select
        anchor,
        institution_id
    from {{ ref('int_institutions_resolved') }}
    where {{ begins_with('anchor', "'uscc:'") }}

),

final as (

    select
        g.name_key,
        g.name,
        g.credit_code,
        g.district_code,
        g.mention_count,
        g.record_ids,
        coalesce(c.institution_id, n.institution_id) is not null as is_registered,
        case
            when c.institution_id is not null then 'credit_code'
            when n.institution_id is not null then 'name'
            else 'single'
        end as link_rule,
        coalesce(
            c.institution_id,
            n.institution_id,
            {{ entity_id('inst', "coalesce('uscc:' || g.credit_code, 'name:' || g.name_key)") }}
        ) as institution_id
    from grouped as g
    left join known_codes as c on 'uscc:' || g.credit_code = c.anchor
    left join known_names as n on g.name_key = n.name_key

)

select * from final
