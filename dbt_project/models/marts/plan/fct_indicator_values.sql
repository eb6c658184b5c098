select
    value_id,
    indicator_code,
    indicator_name,
    indicator_year,
    dimension,
    unit_code,
    unit_name,
    indicator_value,
    measure_unit,
    definition_code,
    definition,
    definition_note,
    denominator,
    publisher,
    source_document,
    value_kind,
    is_lower_bound,
    revision,
    known_from,
    is_published_date_known,
    known_to,
    known_to is null as is_current,
    case comparability
        when 'consistent' then '口径一致'
        when 'unverified' then '口径待核'
        when 'different' then '口径不同'
    end as definition_state,
    is_usable and comparability != 'different' as is_in_plan_series,
    refusal_reason,
    {{ json_list(list_of(['record_id'])) }} as record_ids
from {{ ref('int_indicator_values') }}
