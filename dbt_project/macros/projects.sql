{#- What makes projects and outcomes of the funds one. -#}

{#- Key under which two spellings of one title or of one list of names are the same: normalise_name, then letters and
    digits only, because sources differ in dashes, quotes, dots and blanks (祛魅-复魅 and 祛魅·复魅). NULL for an empty text. -#}
{%- macro title_key(value) -%}
    nullif(regexp_replace({{ normalise_name(value) }}, '[^\p{L}\p{N}]+', '', 'g'), '')
{%- endmacro -%}

{#- Id of an NSFC project. The placeholder 0 is no number; the record that carries it is told by its id. -#}
{%- macro nsfc_project_id(number, record_id) -%}
    case
        when {{ number }} is null then 'nsfc:~' || substr({{ sha256_hex(record_id) }}, 1, 8)
        else 'nsfc:' || {{ number }}
    end
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
        when {{ regex_matches(value, '^(专著|编著|主编)') }} then '专著'
        when {{ regex_matches(value, '^(研究报告|研报)') }} then '研究报告'
        when {{ regex_matches(value, '^(专题)?论文(集|（集）|\\(集\\))') }} then '论文集'
        when {{ regex_matches(value, '^(系列)?论文') }} then '论文'
        when {{ value }} like '译著%' then '译著'
        when {{ value }} like '软件%' then '软件'
        when {{ value }} like '工具书%' then '工具书'
        when {{ value }} like '数据库%' then '数据库'
        else '其他'
    end
{%- endmacro -%}
