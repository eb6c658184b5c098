{#- Text. Each function that engines spell differently stands here once; models never call it by its engine's name. -#}

{#- White space of any width, as a character class: engines differ in what \s covers, so the wide ones are named. -#}
{%- macro space_class() -%}
    [\s\x{a0}\x{2000}-\x{200b}\x{3000}\x{feff}]
{%- endmacro -%}

{#- NFKC as far as names and codes need it: composed letters, then full-width letters, digits and punctuation to
    half-width, superscripts to digits, the kinds of middle dot to one. DuckDB has NFC only; what is left out (ligatures,
    squared letters) stands in 31 of the 150,000 names of the sources, all foreign (measured). -#}
{%- macro nfkc(value) -%}
    translate(
        nfc_normalize({{ value }}),
        '！＂＃＄％＆＇（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［＼］＾＿｀ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～²³¹º･•・․',
        '!"#$%&''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~231o····'
    )
{%- endmacro -%}

{#- Key under which two spellings of one name are the same: NFKC, lower case, one apostrophe and one dash, no white
    space at all. NULL for an empty name. White space goes entirely because Chinese names carry none, and because
    "Xi'an Jiao Tong University" and "Xi'an Jiaotong University" shall meet. -#}
{%- macro normalise_name(value) -%}
    nullif(
        regexp_replace(
            translate(lower({{ nfkc(value) }}), '’‘`´ʼ′‐‑‒–—―−', '''''''''''''-------'),
            '{{ space_class() }}+', '', 'g'
        ),
        ''
    )
{%- endmacro -%}

{#- One line: runs of white space become one blank, both ends are trimmed, an empty text becomes NULL. -#}
{%- macro clean_text(value) -%}
    nullif(trim(regexp_replace({{ value }}, '{{ space_class() }}+', ' ', 'g')), '')
{%- endmacro -%}

{#- A Chinese text broken over lines has no blank where the break was. -#}
{%- macro join_lines(value) -%}
    nullif(trim(regexp_replace({{ value }}, '\s*[\r\n]+\s*', '', 'g')), '')
{%- endmacro -%}

{#- The few HTML entities that bibliographic sources leave in titles. -#}
{%- macro unescape_html(value) -%}
    {%- set plain -%}
        replace(replace(replace(replace(replace(
            {{ value }}, '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&amp;', '&')
    {%- endset -%}
    {{ clean_text(plain) }}
{%- endmacro -%}

{#- First capture group of a pattern, NULL where it does not match. -#}
{%- macro regex_group(value, pattern, group=1) -%}
    nullif(regexp_extract({{ value }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro -%}

{%- macro regex_matches(value, pattern) -%}
    regexp_matches({{ value }}, '{{ pattern }}')
{%- endmacro -%}

{%- macro begins_with(value, start) -%}
    starts_with({{ value }}, {{ start }})
{%- endmacro -%}

{#- Parts of a text between the matches of a pattern. -#}
{%- macro split_at(value, pattern) -%}
    string_split_regex({{ value }}, '{{ pattern }}')
{%- endmacro -%}

{#- Whether a name is written in Chinese characters. -#}
{%- macro is_chinese(value) -%}
    regexp_matches({{ value }}, '[\x{4e00}-\x{9fff}]')
{%- endmacro -%}

{#- Kind of institution by the ending of its Chinese name; for names that no register knows. Order matters: an academy of
    sciences ends like a college (科学院). -#}
{%- macro institution_type_of_name(name) -%}
    case
        when regexp_matches({{ name }}, '(科学院|研究院|研究所|研究中心|实验室|设计院|工程院)$') then 'research'
        when regexp_matches({{ name }}, '(大学|学院|学校|党校)$|(大学|学院).{2,12}(学院|系|部|中心)$') then 'university'
        when regexp_matches({{ name }}, '(医院|卫生院)$') then 'healthcare'
        when regexp_matches({{ name }}, '(公司|集团|厂)$') then 'company'
        when regexp_matches({{ name }}, '(厅|局|委员会|政府|委|部|处)$') then 'government'
        when regexp_matches({{ name }}, '(学会|协会|基金会|联合会)$') then 'nonprofit'
        when regexp_matches({{ name }}, '(图书馆|档案馆|博物馆|博物院)$') then 'archive'
        else 'unknown'
    end
{%- endmacro -%}
