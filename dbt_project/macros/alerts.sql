{#- Severities of alerts, in Chinese and in their order. -#}
{%- macro alert_severity_label(value) -%}
    {{ label_of(value, {'notice': '提示', 'warning': '预警', 'serious': '严重', 'critical': '紧急'}) }}
{%- endmacro -%}

{%- macro alert_severity_order(value) -%}
    case {{ value }} when 'notice' then 1 when 'warning' then 2 when 'serious' then 3 when 'critical' then 4 end
{%- endmacro -%}

{#- Who answers for a firm or a project: its zone, else its district, else nobody yet (the rule names somebody). -#}
{%- macro place_owner_kind(zone, district) -%}
    case when {{ zone }} is not null then 'zone' when {{ district }} is not null then 'district' end
{%- endmacro -%}

{%- macro place_owner(zone, district) -%}
    coalesce({{ zone }}, {{ district }})
{%- endmacro -%}

{#- Conditions as rows of an alert mart. A condition has rule_code, subject, subject_label, owner_kind, owner_name, since_date,
    due_date (or NULL), detail, trace_key, record_ids; the rule of today gives the rest. One alert per rule and subject. -#}
{%- macro alert_rows(conditions) -%}
    select
        {{ entity_id('alert', "c.rule_code || '|' || c.subject") }} as alert_id,
        c.rule_code,
        r.kind,
        r.kind_label,
        case
            when r.raised_days >= 0 and {{ days_between('c.since_date', as_of()) }} >= r.raised_days
                then r.raised_severity
            when r.raised_days < 0 and {{ days_between(as_of(), 'c.due_date') }} <= -r.raised_days
                then r.raised_severity
            else r.severity
        end as severity,
        coalesce(c.owner_kind, r.default_owner_kind) as owner_kind,
        coalesce(c.owner_name, r.default_owner) as owner_name,
        c.subject,
        c.since_date,
        r.rule_label || '：' || c.subject_label as title,
        c.detail as alert_text,
        'docs/runbook-alerts.zh-CN.md#' || c.rule_code as runbook,
        replace(r.next_command, '{ref}', c.trace_key) as next_command,
        r.rule_version,
        r.source_document,
        c.record_ids
    from {{ conditions }} as c
    inner join {{ ref('alert_rules') }} as r on c.rule_code = r.rule_code and {{ in_force('r', as_of()) }}
{%- endmacro -%}

{#- The columns of an alert mart, in their order. -#}
{%- macro alert_columns() -%}
        alert_id,
        rule_code,
        kind,
        kind_label,
        severity,
        {{ alert_severity_label('severity') }} as severity_label,
        cast({{ alert_severity_order('severity') }} as integer) as severity_order,
        owner_kind,
        {{ label_of('owner_kind', {'department': '部门', 'district': '区县', 'zone': '开发区', 'engineer': '数据工程'}) }}
            as owner_kind_label,
        owner_name,
        subject,
        since_date,
        {{ days_between('since_date', as_of()) }} as days_open,
        title,
        alert_text,
        runbook,
        next_command,
        rule_version,
        source_document,
        record_ids
{%- endmacro -%}
