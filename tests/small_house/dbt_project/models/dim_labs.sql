select
    lab_code,
    lab_name,
    field,
    budget as budget_cny,
    cast('{{ var("as_of") }}' as date) as as_of_date,
    {% if var("leak", false) %}head_name as motto,{% endif %}
    _received_at as last_received_at,
    cast(to_json([_record_id]) as varchar) as record_ids
from {{ ref('stg_labs__lab') }}
