-- Every name of every version of a ROR record, schema 1 and 2 in one shape.
with versions as (

    select * from {{ ref('stg_ror__organization') }}

),

schema_2 as (

    select
        v.record_id,
        v.version_number,
        {{ json_text('u.item', '$.value') }} as name,
        {{ json_text('u.item', '$.lang') }} as language,
        {{ json_texts(json_part('u.item', '$.types')) }} as kinds
    from versions as v
    cross join {{ explode(json_items('v.names'), 'u', 'item') }}

),

schema_1 as (

    select
        record_id,
        version_number,
        name_v1 as name,
        'en' as language,
        {{ list_of(["'ror_display'", "'label'"]) }} as kinds
    from versions
    where name_v1 is not null
    union all
    select
        v.record_id,
        v.version_number,
        {{ json_text('u.item', '$.label') }} as name,
        {{ json_text('u.item', '$.iso639') }} as language,
        {{ list_of(["'label'"]) }} as kinds
    from versions as v
    cross join {{ explode(json_items('v.labels_v1'), 'u', 'item') }}
    union all
    select
        v.record_id,
        v.version_number,
        u.item as name,
        null as language,
        {{ list_of(["'alias'"]) }} as kinds
    from versions as v
    cross join {{ explode(json_texts('v.aliases_v1'), 'u', 'item') }}
    union all
    select
        v.record_id,
        v.version_number,
        u.item as name,
        null as language,
        {{ list_of(["'acronym'"]) }} as kinds
    from versions as v
    cross join {{ explode(json_texts('v.acronyms_v1'), 'u', 'item') }}

),

unioned as (

    select * from schema_2
    union all
    select * from schema_1

),

final as (

    select
        n.record_id,
        v.ror_id,
        n.version_number,
        v.is_current,
        v.release,
        {{ clean_text('n.name') }} as name,
        {{ normalise_name('n.name') }} as name_key,
        n.language,
        array_contains(n.kinds, 'ror_display') as is_display,
        array_contains(n.kinds, 'label') or array_contains(n.kinds, 'ror_display') as is_official,
        not array_contains(n.kinds, 'ror_display')
        and not array_contains(n.kinds, 'label')
        and not array_contains(n.kinds, 'alias') as is_acronym,
        {{ is_chinese('n.name') }} as is_chinese
    from unioned as n
    inner join versions as v
        on n.record_id = v.record_id and n.version_number = v.version_number
    where {{ clean_text('n.name') }} is not null

)

select * from final
