{#- Every version of every record in schema raw, in one shape. The relations come from the generated _sources.yml, so a new source
    file is enough for its records to appear in the provenance marts; those of the house itself (class resolution) are left out, for they
    say nothing of the world: audit_entity_history shows them. `title` is the first column that names the thing recorded and is
    public. dbt knows the list only when it executes; while it parses, and without any source, the relation is empty. -#}
{%- macro union_record_versions() -%}
    {%- set wanted = ['title', 'name', 'outcome_title', 'name_v1', 'name_zh', 'names', 'name_en', 'original_doi', 'notice_doi',
        'indicator_name', 'item_name', 'fund_name', 'indicator'] -%}
    {%- set records = namespace(relations=[]) -%}
    {%- if execute -%}
        {%- for node in graph.sources.values() | sort(attribute='name') -%}
            {%- if node.source_name == 'raw' and node.config.meta.get('class', 'resolution') != 'resolution' -%}
                {%- set records.relations = records.relations + [node] -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for node in records.relations %}
        {%- set titles = [] -%}
        {%- for name in wanted if name in node.columns and node.columns[name].config.meta.get('classification') == 'public' -%}
            {%- set _ = titles.append("json_extract_string(names, '$[0].value')" if name == 'names' else name) -%}
        {%- endfor %}
        select
            _record_id as record_id,
            _version as version,
            '{{ node.name.split('__')[0] }}' as source,
            '{{ node.name.split('__')[1] }}' as record_type,
            '{{ node.config.meta['class'] }}' as record_class,
            cast(coalesce({{ (titles + ['null']) | join(', ') }}) as varchar) as title,
            _content_hash as content_hash,
            _batch as batch,
            _payload as payload,
            _pointer as pointer,
            _change as change,
            _is_current as is_current,
            _is_withdrawn as is_withdrawn,
            _received_at as received_at,
            _as_of as as_of_date,
            {{ list_text('_warnings') }} as warnings
        from {{ node.schema }}.{{ node.identifier }}
        {{ 'union all' if not loop.last }}
    {%- else %}
        select
            cast(null as varchar) as record_id,
            cast(null as bigint) as version,
            cast(null as varchar) as source,
            cast(null as varchar) as record_type,
            cast(null as varchar) as record_class,
            cast(null as varchar) as title,
            cast(null as varchar) as content_hash,
            cast(null as bigint) as batch,
            cast(null as integer) as payload,
            cast(null as varchar) as pointer,
            cast(null as varchar) as change,
            cast(null as boolean) as is_current,
            cast(null as boolean) as is_withdrawn,
            cast(null as timestamp) as received_at,
            cast(null as date) as as_of_date,
            cast(null as varchar) as warnings
        where false
    {%- endfor -%}
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
        when 'service' then '科技服务'
        when 'finance' then '财政与科技金融'
        when 'plan' then '规划指标与任务'
        when 'steward' then '人工处置'
        when 'resolution' then '实体识别'
        when 'reference' then '参照数据'
        else {{ value }}
    end
{%- endmacro -%}
