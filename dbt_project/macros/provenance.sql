{#- LIST of texts -> one text; NULL for an empty or absent list. -#}
{%- macro list_text(list, separator='、') -%}
    nullif(array_to_string({{ list }}, '{{ separator }}'), '')
{%- endmacro -%}

{#- Every relation of schema raw that holds records, from the generated _sources.yml: a new source file is enough for its
    records to appear in the provenance marts. Each item: relation, source, record, class, title (SQL that names the thing
    recorded; NULL where no such column is public). Empty while dbt parses. -#}
{%- macro record_relations() -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.sources.values() | sort(attribute='name') -%}
            {%- set class = node.config.meta.get('class') -%}
            {%- if node.source_name == 'raw' and class -%}
                {%- set titles = [] -%}
                {%- for wanted in ['title', 'name', 'outcome_title', 'name_v1', 'name_zh', 'names', 'name_en'] -%}
                    {%- set column = node.columns.get(wanted) -%}
                    {%- if column and column.config.meta.get('classification') == 'public' -%}
                        {%- do titles.append("json_extract_string(names, '$[0].value')" if wanted == 'names' else wanted) -%}
                    {%- endif -%}
                {%- endfor -%}
                {%- do found.append({
                    'relation': node.schema ~ '.' ~ node.identifier,
                    'source': node.name.split('__')[0],
                    'record': node.name.split('__')[1],
                    'class': class,
                    'title': 'coalesce(' ~ titles | join(', ') ~ ')' if titles else 'cast(null as varchar)',
                }) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro -%}

{#- Chinese names of the record classes (ingest.contract.CLASSES). -#}
{%- macro class_label(value) -%}
    case {{ value }}
        when 'platform' then '平台载体'
        when 'project' then '科技项目'
        when 'outcome' then '科技成果'
        when 'talent' then '科技人才'
        when 'expert' then '专家资源'
        when 'institution' then '机构'
        when 'integrity' then '科研诚信'
        when 'enterprise' then '企业'
        when 'report' then '科技报告'
        when 'reference' then '参照数据'
        else {{ value }}
    end
{%- endmacro -%}
