{{ config(database='audit') }}
select lab_code, head_name from {{ ref('stg_labs__lab') }}
