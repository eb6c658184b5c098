{#- SHA-256 of a text as 64 lower-case hex digits; engines name the function differently. -#}
{%- macro sha256_hex(value) -%}
    sha256({{ value }})
{%- endmacro -%}

{#- Opaque, stable id of an entity: a prefix and 16 hex digits (64 bits: a collision among a million ids has a chance
    below 1 in 10 million) of the SHA-256 of its anchor, for example 'ror:017zhmm22'. Same anchor, same id, any run. -#}
{%- macro entity_id(prefix, anchor) -%}
    '{{ prefix }}_' || substr({{ sha256_hex(anchor) }}, 1, 16)
{%- endmacro -%}

{#- Last path part of a ROR address: https://ror.org/017zhmm22 -> 017zhmm22. -#}
{%- macro ror_code(value) -%}
    nullif(regexp_extract({{ value }}, '(0[a-hj-km-np-tv-z0-9]{6}[0-9]{2})/?$', 1), '')
{%- endmacro -%}
