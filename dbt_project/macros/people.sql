{#- Year in which the text says that the person was elected to the academy (its name without 中国), NULL where it does not say:
    "1994年当选为中国工程院院士", "1991当选为中国科学院学部委员", "2007年当选工程院院士". The earliest one, because some are elected
    to a second division later. The academy must follow the verb at once, so that "当选为第三世界科学院院士" does not count; blanks
    do not matter, for the pages break words with them. -#}
{%- macro election_year(value, academy) -%}
    cast(list_min(regexp_extract_all(
        regexp_replace({{ value }}, '[\s\x{a0}\x{2002}\x{3000}]+', '', 'g'),
        '([12][0-9]{3})年?(?:[0-9]{1,2}月)?[^。；、0-9]{0,6}'
        || '(?:当选|增选|遴选|入选|选聘|被选|选为)(?:成|为|首批|首届)*(?:中国)?{{ academy }}[^。；，,0-9]{0,14}(?:院士|委员)',
        1
    )) as integer)
{%- endmacro -%}

{#- Mentions of people: one select per place in a record where one stands, all in one shape. What the place does not say is
    left out; `employer_role` is the place in the same record that says whose person it is, `project` a number with its
    scheme before it (pds:2021ZD-00012). `where` keeps the rows in which the place means a person. -#}
{%- macro person_mention(model, role, name='null', values={}, where='true') -%}
    select
        record_id,
        '{{ role }}' as role,
        cast({{ name }} as varchar) as person_name,
        {{ person_mention_values(values) }}
    from {{ ref(model) }}
    where {{ where }}
{%- endmacro -%}

{#- The same for a list: roles `role 1`, `role 2`, … in the order of the list; `values` may use u.item. -#}
{%- macro person_mentions_of_list(model, role, list, name='null', values={}) -%}
    select
        m.record_id,
        '{{ role }} ' || u.place as role,
        cast({{ name }} as varchar) as person_name,
        {{ person_mention_values(values) }}
    from {{ ref(model) }} as m
    cross join {{ explode_numbered(list, 'u', 'place', 'item') }}
{%- endmacro -%}

{%- macro person_mention_values(values) -%}
    {%- set types = {
        'id_number': 'varchar', 'id_number_pseudonym': 'varchar', 'orcid': 'varchar', 'phone_pseudonym': 'varchar',
        'email_pseudonym': 'varchar', 'talent_no': 'varchar', 'expert_no': 'varchar', 'birth_year': 'integer',
        'gender': 'varchar', 'title': 'varchar', 'discipline': 'varchar', 'project': 'varchar', 'activity_year': 'integer',
        'employer_name': 'varchar', 'employer_role': 'varchar', 'is_head': 'boolean'
    } -%}
    {%- for column, type in types.items() %}
        cast({{ values.get(column, 'null') }} as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro -%}
