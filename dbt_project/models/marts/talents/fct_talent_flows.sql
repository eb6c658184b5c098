select
    flow_id,
    flow_year,
    district_code,
    district_name,
    case when not is_suppressed then arrived_count end as arrived_count,
    case when not is_suppressed then left_count end as left_count,
    case when not is_suppressed then net_count end as net_count,
    is_suppressed,
    rule_version,
    source_document
from {{ ref('int_talent_flows') }}
