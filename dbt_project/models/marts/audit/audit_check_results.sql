select
    run_id,
    gate,
    case gate when 'arrival' then '到货' when 'release' then '发布' else gate end as gate_label,
    suite,
    source,
    record as record_type,
    batch,
    check_name,
    column_name,
    success as is_success,
    severity,
    case severity when 'hold' then '拦截' when 'warn' then '提醒' else severity end as severity_label,
    observed,
    expected,
    checked_at
from {{ source('raw', 'journal__checks') }}
