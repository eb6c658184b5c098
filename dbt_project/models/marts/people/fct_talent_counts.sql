select
    talent_count_id,
    talent_group,
    breakdown,
    breakdown_label,
    bucket,
    bucket_year,
    case when not is_suppressed then people_count end as people_count,
    is_suppressed
from {{ ref('int_talents_counted') }}
