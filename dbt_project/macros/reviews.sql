{#- The day in Xi'an of a time in UTC. -#}
{%- macro local_date(value) -%}
    cast({{ value }} + interval '8 hours' as date)
{%- endmacro -%}

{#- The same day some years earlier; 29 February becomes the 28th. -#}
{%- macro years_before(day, years) -%}
    cast({{ day }} - to_years({{ years }}) as date)
{%- endmacro -%}

{#- Day on which a project was concluded or broken off, by its stages with dates; NULL while it is open. -#}
{%- macro closing_date(stages) -%}
    list_max(list_transform(
        list_filter({{ json_items(stages) }}, lambda x: json_extract_string(x, '$.stage') in ('结题', '终止')),
        lambda x: cast(json_extract_string(x, '$.date') as date)
    ))
{%- endmacro -%}

{%- macro conflict_kind_label(value) -%}
    {{ label_of(value, {
        'same_employer': '同一单位', 'declared_unit': '申报回避单位', 'shareholding': '持有股权', 'adviser': '师生关系',
        'joint_project': '三年内合作项目',
    }) }}
{%- endmacro -%}

{%- macro concentration_kind_label(value) -%}
    {{ label_of(value, {'leader_limit': '主持项目超限', 'effort': '投入工作量超过全时'}) }}
{%- endmacro -%}

{#- Number of a deliverable as it is compared: NFKC, upper case, without blanks. -#}
{%- macro deliverable_key(value) -%}
    nullif(regexp_replace(upper({{ nfkc(value) }}), '\s+', '', 'g'), '')
{%- endmacro -%}

{#- Only letters, digits and symbols: NFKC, without blanks, punctuation and control characters. -#}
{%- macro plain_letters(value) -%}
    regexp_replace({{ nfkc(value) }}, '[\p{P}\p{Z}\p{C}]+', '', 'g')
{%- endmacro -%}

{#- The different overlapping pieces of three characters of a text; of a shorter one the text itself. -#}
{%- macro shingles_of(value) -%}
    list_distinct(list_transform(range(1, greatest(2, length({{ value }}) - 1)), lambda i: substr({{ value }}, i, 3)))
{%- endmacro -%}
