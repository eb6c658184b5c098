{#- Text. Each function that engines spell differently stands here once; models never call it by its engine's name. -#}

{#- Key under which two spellings of one name are the same: NFKC (full-width letters, brackets and spaces become
    half-width), lower case, one apostrophe and one dash, no white space at all. NULL for an empty name.
    White space goes entirely because Chinese names carry none, and "Xi'an Jiaotong" = "Xi'anJiaotong" is wanted. -#}
{%- macro normalise_name(value) -%}
    nullif(
        regexp_replace(
            regexp_replace(
                regexp_replace(lower(nfkc({{ value }})), '[’‘`´ʼ′]', '''', 'g'),
                '[‐‑‒–—―−]', '-', 'g'
            ),
            '\s+', '', 'g'
        ),
        ''
    )
{%- endmacro -%}

{#- One line: runs of white space become one blank, both ends are trimmed, an empty text becomes NULL. -#}
{%- macro clean_text(value) -%}
    nullif(trim(regexp_replace({{ value }}, '\s+', ' ', 'g')), '')
{%- endmacro -%}

{#- A Chinese text broken over lines has no blank where the break was. -#}
{%- macro join_lines(value) -%}
    nullif(trim(regexp_replace({{ value }}, '\s*[\r\n]+\s*', '', 'g')), '')
{%- endmacro -%}

{#- First capture group of a pattern, NULL where it does not match. -#}
{%- macro regex_group(value, pattern, group=1) -%}
    nullif(regexp_extract({{ value }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro -%}

{%- macro regex_matches(value, pattern) -%}
    regexp_matches({{ value }}, '{{ pattern }}')
{%- endmacro -%}

{#- Whether a name is written in Chinese characters. -#}
{%- macro is_chinese(value) -%}
    regexp_matches({{ value }}, '[\x{4e00}-\x{9fff}]')
{%- endmacro -%}
