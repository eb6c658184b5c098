{#- Mentions of institutions: one select per place in a record where one stands, all in one shape. `number` is a number
    in a register with its scheme before it (pds:DW000001); `where` keeps the rows in which the place means one. -#}
{%- macro institution_mention(model, role, name='null', code='null', number='null', district='null', where='true') -%}
    select
        record_id,
        '{{ role }}' as role,
        cast({{ name }} as varchar) as name,
        cast({{ code }} as varchar) as credit_code,
        {{ list_of(['cast(' ~ number ~ ' as varchar)']) }} as numbers,
        cast({{ district }} as varchar) as district_code
    from {{ ref(model) }}
    where {{ where }}
{%- endmacro -%}

{#- The same for a JSON list of {name, creditCode}: roles `role 1`, `role 2`, … in the order of the list. -#}
{%- macro institution_mentions_of_list(model, role, list) -%}
    select
        m.record_id,
        '{{ role }} ' || u.place as role,
        {{ clean_text(json_text('u.item', '$.name')) }} as name,
        {{ clean_code(json_text('u.item', '$.creditCode')) }} as credit_code,
        {{ empty_list() }} as numbers,
        cast(null as varchar) as district_code
    from {{ ref(model) }} as m
    cross join {{ explode_numbered(json_items('m.' ~ list), 'u', 'place', 'item') }}
{%- endmacro -%}

{#- Scheme before a number; NULL without one. -#}
{%- macro number_of(scheme, number) -%}
    '{{ scheme }}:' || {{ number }}
{%- endmacro -%}

{#- Element of a list by its place from 1; NULL behind the end. -#}
{%- macro element_of(list, place) -%}
    {{ list }}[{{ place }}]
{%- endmacro -%}

{#- A list without its NULLs. -#}
{%- macro without_nulls(list) -%}
    list_filter({{ list }}, lambda x: x is not null)
{%- endmacro -%}

{#- Numbers of a list, each with its scheme. -#}
{%- macro numbers_of(scheme, list) -%}
    list_transform({{ without_nulls(list) }}, lambda x: {{ number_of(scheme, 'x') }})
{%- endmacro -%}
