{#- Chinese labels of what is told about entities. -#}

{%- macro entity_type_label(value) -%}
    {{ label_of(value, {'institution': '机构', 'person': '人员'}) }}
{%- endmacro -%}

{%- macro entity_event_label(value) -%}
    {{ label_of(value, {
        'created': '新建', 'merged_into': '并入', 'split_from': '拆出', 'member_moved': '记录转入',
    }) }}
{%- endmacro -%}

{%- macro entity_decision_label(value) -%}
    {{ label_of(value, {'merge': '合并', 'split': '拆分'}) }}
{%- endmacro -%}

{%- macro entity_decision_status_label(value) -%}
    {{ label_of(value, {
        'effective': '已执行', 'proposed': '尚未批准', 'self_approved': '提出人自行批准，不生效', 'revoked': '已撤销',
        'unknown_record': '找不到记录', 'unclear_record': '记录中有多个对象，须写明角色', 'one_record': '只涉及一个对象',
        'overruled': '与其他决定冲突，未执行',
    }) }}
{%- endmacro -%}
