select
    need_no,
    need_year,
    published_date,
    industry,
    talent_level,
    need_count,
    supply_count,
    short_count,
    shortage_share,
    is_short,
    is_newest,
    is_suppressed,
    rule_version,
    source_document,
    supply_record_ids,
    {{ json_list(list_of(['record_id'])) }} as record_ids
from {{ ref('int_talent_shortages') }}
