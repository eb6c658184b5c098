{#- LIST of texts -> one text; NULL for an empty or absent list. -#}
{%- macro list_text(list, separator='、') -%}
    nullif(array_to_string({{ list }}, '{{ separator }}'), '')
{%- endmacro -%}

{#- Aggregate: the texts of a group in the order of another value, joined by 、. -#}
{%- macro string_agg_ordered(value, order) -%}
    string_agg({{ value }}, '、' order by {{ order }})
{%- endmacro -%}
