select
    need_no,
    need_year,
    published_date,
    industry,
    talent_level,
    need_count,
    case when not is_suppressed then supply_count end as supply_count,
    case when not is_suppressed then short_count end as short_count,
    case when not is_suppressed then shortage_share end as shortage_share,
    is_short,
    is_newest,
    is_suppressed,
    rule_version,
    source_document,
    {{ json_list(list_of(['record_id'])) }} as record_ids
from {{ ref('int_talent_shortages') }}
