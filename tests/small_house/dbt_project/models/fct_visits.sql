select _record_id as record_id, visited_on from {{ source('raw', 'labs__visit') }}
