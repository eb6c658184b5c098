{#- Chinese labels of our own codes, one place each. An unknown code gives NULL, which the marts' tests refuse. -#}

{%- macro label_of(value, labels) -%}
    case {{ value }}
        {%- for code, label in labels.items() %}
        when '{{ code }}' then '{{ label }}'
        {%- endfor %}
    end
{%- endmacro -%}

{%- macro institution_type_label(value) -%}
    {{ label_of(value, {
        'university': '高等院校', 'research': '科研院所', 'company': '企业', 'government': '政府机构', 'healthcare': '医疗机构',
        'service': '科技服务机构', 'nonprofit': '社会组织', 'archive': '档案与图书馆', 'other': '其他', 'unknown': '未分类',
    }) }}
{%- endmacro -%}

{%- macro status_label(value) -%}
    {{ label_of(value, {
        'active': '存续', 'inactive': '停止活动', 'withdrawn': '已撤回', 'listed': '在册', 'unknown': '未知',
        'rectifying': '整改', 'closed': '撤销',
    }) }}
{%- endmacro -%}

{%- macro platform_type_label(value) -%}
    {{ label_of(value, {
        'key_laboratory': '重点实验室', 'laboratory': '实验室', 'engineering_centre': '工程技术研究中心',
        'enterprise_centre': '企业技术中心', 'innovation_centre': '技术创新中心', 'research_centre': '研究中心',
        'science_park': '科技园', 'incubator': '科技企业孵化器', 'makerspace': '众创空间', 'accelerator': '加速器',
        'pilot_line': '中试平台', 'new_rd_institution': '新型研发机构', 'large_facility': '大科学装置', 'other': '其他',
    }) }}
{%- endmacro -%}

{%- macro platform_level_label(value) -%}
    {{ label_of(value, {
        'national': '国家级', 'provincial': '省级', 'municipal': '市级', 'unknown': '未标明',
    }) }}
{%- endmacro -%}

{%- macro case_type_label(value) -%}
    {{ label_of(value, {
        'retraction': '撤稿', 'concern': '表达关注', 'correction': '更正', 'reinstatement': '恢复', 'decision': '失信处理决定',
    }) }}
{%- endmacro -%}

{#- The eight behaviours of 科研失信行为调查处理规则 (国科发监〔2022〕221 号), article 2, in its order. -#}
{%- macro behaviour_label(value) -%}
    {{ label_of(value, {
        'B1': '抄袭剽窃、侵占', 'B2': '编造、伪造、篡改', 'B3': '买卖、代写、代投', 'B4': '不正当手段获取',
        'B5': '科技伦理违规', 'B6': '违反署名规范', 'B7': '违反学术出版规范', 'B8': '其他失信行为',
    }) }}
{%- endmacro -%}

{%- macro severity_label(value) -%}
    {{ label_of(value, {'minor': '较轻', 'serious': '较重', 'severe': '严重'}) }}
{%- endmacro -%}

{%- macro participation_label(value) -%}
    {{ label_of(value, {'application': '项目申报', 'award': '项目立项', 'payment': '经费拨付', 'review': '项目评审'}) }}
{%- endmacro -%}

{%- macro participation_role_label(value) -%}
    {{ label_of(value, {
        'leader': '项目负责人', 'member': '项目成员', 'expert': '评审专家', 'institution': '承担单位',
        'legal_representative': '单位法定代表人',
    }) }}
{%- endmacro -%}

{%- macro subject_type_label(value) -%}
    {{ label_of(value, {'publication': '论文', 'person': '个人', 'institution': '单位'}) }}
{%- endmacro -%}

{%- macro measure_kind_label(value) -%}
    {{ label_of(value, {
        'admonish': '诫勉谈话', 'criticise': '通报批评', 'publish': '公开通报', 'recover': '追回财政资金',
        'revoke': '撤销奖励或称号', 'bar': '取消申报、承担和评审资格',
    }) }}
{%- endmacro -%}

{%- macro case_status_label(value) -%}
    {{ label_of(value, {
        'in_force': '生效', 'appealed': '申诉中', 'revoked': '经申诉撤销', 'repaired': '已修复', 'expired': '已到期',
    }) }}
{%- endmacro -%}

{%- macro appeal_result_label(value) -%}
    {{ label_of(value, {'open': '复查中', 'upheld': '申诉成立，撤销决定', 'rejected': '维持原决定'}) }}
{%- endmacro -%}

{%- macro repair_result_label(value) -%}
    {{ label_of(value, {'open': '审核中', 'approved': '同意修复', 'refused': '不予修复'}) }}
{%- endmacro -%}
