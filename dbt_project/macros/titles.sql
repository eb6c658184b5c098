{#- Key under which two spellings of one title or of one list of names are the same: normalise_name, then letters and
    digits only, because sources differ in dashes, quotes, dots and blanks (祛魅-复魅 and 祛魅·复魅). NULL for an empty text. -#}
{%- macro title_key(value) -%}
    nullif(regexp_replace({{ normalise_name(value) }}, '[^\p{L}\p{N}]+', '', 'g'), '')
{%- endmacro -%}

{#- Year in which the text says that the person was elected to the academy (its name without 中国), NULL where it does not say:
    "1994年当选为中国工程院院士", "1991当选为中国科学院学部委员", "2007年当选工程院院士". The earliest one, because some are elected
    to a second division later. The academy must follow the verb at once, so that "当选为第三世界科学院院士" does not count; blanks
    do not matter, for the pages break words with them. -#}
{%- macro election_year(value, academy) -%}
    cast(list_min(regexp_extract_all(
        regexp_replace({{ value }}, '[\s\x{a0}\x{2002}\x{3000}]+', '', 'g'),
        '([12][0-9]{3})年?(?:[0-9]{1,2}月)?[^。；、0-9]{0,6}(?:当选|增选|遴选|入选|选聘|被选|选为)(?:成|为|首批|首届)*(?:中国)?{{ academy }}[^。；，,0-9]{0,14}(?:院士|委员)',
        1
    )) as integer)
{%- endmacro -%}

{#- What makes two NSSFC lines one project: the approval number and the leader, or the title and the leader where there is no
    number. Used for projects and for their outcomes alike. -#}
{%- macro nssfc_project_key(number, title_key, leader_key) -%}
    coalesce({{ number }}, coalesce({{ title_key }}, '')) || '|' || coalesce({{ leader_key }}, '')
{%- endmacro -%}

{#- First form that the text names, variants folded; texts name up to three at once, often without a separator (专著研报). -#}
{%- macro outcome_form(value) -%}
    case
        when {{ value }} is null then null
        when {{ value }} like '专著%' or {{ value }} like '编著%' or {{ value }} like '主编%' then '专著'
        when {{ value }} like '研究报告%' or {{ value }} like '研报%' then '研究报告'
        when {{ value }} like '论文集%' or {{ value }} like '论文（集）%' or {{ value }} like '论文(集)%' or {{ value }} like '专题论文集%' then '论文集'
        when {{ value }} like '论文%' or {{ value }} like '系列论文%' then '论文'
        when {{ value }} like '译著%' then '译著'
        when {{ value }} like '软件%' then '软件'
        when {{ value }} like '工具书%' then '工具书'
        when {{ value }} like '数据库%' then '数据库'
        else '其他'
    end
{%- endmacro -%}

{#- Aggregate: the texts of a group in the order of another value, joined by 、. -#}
{%- macro string_agg_ordered(value, order) -%}
    string_agg({{ value }}, '、' order by {{ order }})
{%- endmacro -%}
