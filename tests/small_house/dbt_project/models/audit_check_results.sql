{{ config(database='audit') }}
select run_id, gate, check_name, success as is_success from {{ source('raw', 'journal__checks') }}
