select _record_id as record_id, _content_hash as content_hash from {{ source('raw', 'labs__lab') }} where _is_current
