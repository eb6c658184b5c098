{#- Whether a dated rule is in force on a day: from its first day on, up to the day before it no longer is. -#}
{%- macro in_force(rule, day) -%}
    {{ rule }}.valid_from <= {{ day }} and ({{ rule }}.valid_to is null or {{ day }} < {{ rule }}.valid_to)
{%- endmacro -%}

{#- A number in a sentence: at most seven digits behind the point and no zeros at the end. -#}
{%- macro number_text(value) -%}
    rtrim(rtrim(cast(cast({{ value }} as decimal(18, 7)) as varchar), '0'), '.')
{%- endmacro -%}

{#- The same day some days, months or years later; the last day of a month that is too short. -#}
{%- macro days_after(day, days) -%}
    cast({{ day }} + to_days(cast({{ days }} as integer)) as date)
{%- endmacro -%}

{%- macro months_after(day, months) -%}
    cast({{ day }} + to_months(cast({{ months }} as integer)) as date)
{%- endmacro -%}

{%- macro years_after(day, years) -%}
    {{ months_after(day, '12 * ' ~ years) }}
{%- endmacro -%}

{#- The last day of a year. -#}
{%- macro year_end(year) -%}
    cast(({{ year }}) || '-12-31' as date)
{%- endmacro -%}

{#- One condition of a rung as rows: `measured` beside `border`, both as they are compared, and as they are told. `way`: most
    (the border is allowed), least (likewise) or above (it is not). Amounts of CNY are told in 万元. -#}
{%- macro ladder_condition(rung, order, code, label, way, measured, border, told=none, told_border=none, unit='万元') -%}
    select
        record_id,
        firm_no,
        year,
        is_newest,
        filed_date,
        judged_date,
        rung,
        rule_version,
        near_share,
        '{{ code }}' as condition_code,
        '{{ label }}' as condition_name,
        {{ order }} as condition_order,
        '{{ way }}' as way,
        cast({{ measured }} as decimal(38, 4)) as measured,
        cast({{ border }} as decimal(38, 4)) as border,
        cast({{ told or measured ~ ' / 10000' }} as double) as shown_value,
        cast({{ told_border or border ~ ' / 10000' }} as double) as shown_border,
        '{{ unit }}' as measure_unit
    from {{ rung }}
{%- endmacro -%}

{#- The version of a rule that is in force today, as a common table expression named `rules`. -#}
{%- macro rules_in_force(rule) -%}
    rules as (

        select * from {{ ref(rule) }} as r
        where {{ in_force('r', as_of()) }}

    )
{%- endmacro -%}

{#- Whether a text is one of the words of a list that is joined by 、; false for no text. -#}
{%- macro is_in_words(value, words) -%}
    coalesce(list_contains(string_split({{ words }}, '、'), {{ value }}), false)
{%- endmacro -%}

{#- Rounded to the nearest number of so many digits, a half to the even one: a half is as often rounded up as down. -#}
{%- macro round_half_even(value, digits) -%}
    round_even({{ value }}, {{ digits }})
{%- endmacro -%}
