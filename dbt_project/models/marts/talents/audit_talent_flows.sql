select
    flow_id,
    flow_year,
    district_code,
    district_name,
    arrived_count,
    left_count,
    net_count,
    is_suppressed,
    rule_version,
    source_document,
    record_ids
from {{ ref('int_talent_flows') }}
