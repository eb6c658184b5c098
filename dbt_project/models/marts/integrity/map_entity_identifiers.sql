-- By what somebody may be asked for: the names and codes under which any record mentions an entity. ID numbers are
-- keyed pseudonyms, so only who holds the key can ask by one.
{%- set of_people = [
    ('name', 'person_name'), ('id_number', 'id_number_pseudonym'), ('orcid', 'orcid'), ('talent_no', 'talent_no'),
    ('expert_no', 'expert_no'),
] %}
{%- set of_institutions = [('name', 'name'), ('credit_code', 'credit_code')] %}
with people as (

    select
        mentions.*,
        links.entity_id
    from {{ ref('int_person_mentions') }} as mentions
    inner join {{ ref('int_person_links') }} as links on mentions.mention_id = links.mention_id

),

institutions as (

    select
        mentions.*,
        links.entity_id
    from {{ ref('int_institution_mentions') }} as mentions
    inner join {{ ref('int_institution_links') }} as links on mentions.mention_id = links.mention_id
    where not mentions.is_free_text

),

identifiers as (

    {% for scheme, column in of_people %}
        select
            entity_id,
            'person' as entity_type,
            '{{ scheme }}' as scheme,
            {{ column }} as identifier,
            record_id
        from people
        union all
    {% endfor %}
    {% for scheme, column in of_institutions %}
        select
            entity_id,
            'institution' as entity_type,
            '{{ scheme }}' as scheme,
            {{ column }} as identifier,
            record_id
        from institutions
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}

),

final as (

    select
        {{ entity_id('ident', "entity_id || '|' || scheme || '|' || identifier") }} as identifier_id,
        entity_id,
        entity_type,
        scheme,
        identifier,
        cast(count(distinct record_id) as integer) as record_count,
        {{ json_list_agg('record_id') }} as record_ids
    from identifiers
    where identifier is not null
    group by entity_id, entity_type, scheme, identifier

)

select * from final
