{#- Schemas carry the layer's own name (staging, intermediate, reference, main), never "<target>_<layer>". -#}
{%- macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro -%}
