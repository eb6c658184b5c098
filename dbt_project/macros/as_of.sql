{#- The date a build describes: the newest committed batch. A build twice over the same batches is the same build. -#}
{%- macro as_of() -%}
    {%- if execute and var('as_of') is none -%}
        {{ exceptions.raise_compiler_error("the variable as_of is missing; run `brain build`, or pass --vars '{as_of: 2026-01-31}'") }}
    {%- endif -%}
    cast('{{ var("as_of") or "1970-01-01" }}' as date)
{%- endmacro -%}
