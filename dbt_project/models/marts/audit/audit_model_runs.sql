select
    run_id,
    model,
    status,
    row_count,
    seconds,
    built_at
from {{ source('raw', 'journal__models') }}
