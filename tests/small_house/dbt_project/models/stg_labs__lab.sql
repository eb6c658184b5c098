{{ config(materialized='view', database='brain', schema='staging') }}
select * from {{ source('raw', 'labs__lab') }} where _is_current and not _is_withdrawn
