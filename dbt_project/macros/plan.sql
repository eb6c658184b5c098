{#- The plan's indicators: what several of their models say alike. -#}

{#- Years from the first to the last, as a list for explode(). -#}
{%- macro year_list(first, last) -%}
    generate_series({{ first }}, {{ last }})
{%- endmacro -%}

{#- First day on which a figure of a year can be known: the year has to be over. -#}
{%- macro day_after_year(year) -%}
    cast(cast({{ year }} + 1 as varchar) || '-01-01' as date)
{%- endmacro -%}

{#- required(t) = b + (T - b)(t - t0)/(t1 - t0): the straight line from the baseline to the target. A floor asks for the target
    every year, and so does a yearly minimum that has no baseline. NULL where there is no baseline: none is imputed. -#}
{%- macro required_value(mode, baseline, target, base_year, year, target_year, is_annual_minimum) -%}
    case
        when {{ mode }} = '保底' or ({{ is_annual_minimum }} and {{ baseline }} is null) then {{ target }}
        else
            round(
                {{ baseline }}
                + ({{ target }} - {{ baseline }}) * ({{ year }} - {{ base_year }}) / ({{ target_year }} - {{ base_year }}), 6
            )
    end
{%- endmacro -%}

{#- Progress by mode: growth, stock and cumulative counts by what was added to the baseline, so that standing still is 0 %; a floor
    and a yearly flow by the value itself. A target that equals its baseline asks for nothing to be added: by the value. -#}
{%- macro progress_of(mode, actual, baseline, required) -%}
    round(
        case
            when {{ mode }} in ('保底', '年度流量') or {{ required }} = {{ baseline }}
                then {{ actual }} / nullif({{ required }}, 0)
            else ({{ actual }} - {{ baseline }}) / ({{ required }} - {{ baseline }})
        end, 6
    )
{%- endmacro -%}

{#- The state of an indicator. `rule`: alias of a row of indicator_state_rules. -#}
{%- macro indicator_state(actual, required, target, progress, year, target_year, rule) -%}
    case
        when {{ actual }} is null then '无数据'
        when {{ required }} is null then '无基线'
        when
            {{ rule }}.can_exceed
            and (
                ({{ year }} < {{ target_year }} and {{ actual }} >= {{ target }})
                or ({{ year }} >= {{ target_year }} and {{ actual }} > {{ target }})
            )
            then '已超额'
        when {{ progress }} >= {{ rule }}.on_track_min then '正常'
        when {{ progress }} >= {{ rule }}.warning_min then '预警'
        else '滞后'
    end
{%- endmacro -%}

{#- A number as text without a trailing .0: 22.2, 12263. -#}
{%- macro plain_number(value) -%}
    regexp_replace(cast({{ value }} as varchar), '\.0$', '')
{%- endmacro -%}

{#- The day after a day: registers give the last day of validity, spans the first day without. -#}
{%- macro next_day(value) -%}
    cast({{ value }} + interval 1 day as date)
{%- endmacro -%}
