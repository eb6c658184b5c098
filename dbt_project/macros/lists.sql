{#- LIST of texts -> one text; NULL for an empty or absent list. -#}
{%- macro list_text(list, separator='、') -%}
    nullif(array_to_string({{ list }}, '{{ separator }}'), '')
{%- endmacro -%}

{#- Aggregate: the texts of a group in the order of another value, joined by a separator. -#}
{%- macro string_agg_ordered(value, order, separator='、') -%}
    string_agg({{ value }}, '{{ separator }}' order by {{ order }})
{%- endmacro -%}
