select
    talent_count_id,
    talent_group,
    breakdown,
    bucket,
    people_count,
    is_suppressed,
    record_ids
from {{ ref('int_talents_counted') }}
