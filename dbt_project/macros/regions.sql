{#- Names of districts and zones as common table expressions, one for every model that shows a place: `with
    {{ district_names() }}, {{ zone_names() }}` gives districts and zones of region_code and region_name. -#}
{%- macro region_names(cte, dimension) -%}
    {{ cte }} as (

        select
            region_code,
            region_name
        from {{ ref('regions') }}
        where dimension = '{{ dimension }}'

    )
{%- endmacro -%}

{%- macro district_names() -%}
    {{ region_names('districts', 'district') }}
{%- endmacro -%}

{%- macro zone_names() -%}
    {{ region_names('zones', 'zone') }}
{%- endmacro -%}
