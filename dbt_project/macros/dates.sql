{#- Dates. A text that is no date gives NULL, never an error: the contract decides what is refused. -#}

{#- try_date(value, '%m/%d/%Y'): leading part of the text up to the first blank or T, read by a strptime format. -#}
{%- macro try_date(value, format='%Y-%m-%d') -%}
    cast(try_strptime(regexp_extract({{ value }}, '^[^ T]*'), '{{ format }}') as date)
{%- endmacro -%}

{%- macro year_of(value) -%}
    cast(extract(year from {{ value }}) as integer)
{%- endmacro -%}

{%- macro days_between(start, end) -%}
    cast(date_diff('day', {{ start }}, {{ end }}) as integer)
{%- endmacro -%}
