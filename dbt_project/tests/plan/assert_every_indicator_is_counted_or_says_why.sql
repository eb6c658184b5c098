-- Of every indicator of the plan, and of where the 13th plan ended, it is said what the platform counts or why it
-- cannot.
select
    indicator_code,
    is_counted_here
from {{ ref('dim_indicators') }}
where
    left(indicator_code, 1) in ('I', 'S')
    and document_section is not null
    and (is_counted_here is null or own_count_note is null)
