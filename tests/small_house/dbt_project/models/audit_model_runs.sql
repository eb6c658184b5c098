{{ config(database='audit') }}
select run_id, model, status, row_count from {{ source('raw', 'journal__models') }}
