select
    contract_no,
    title,
    contract_kind,
    seller_id,
    seller_name,
    seller_credit_code,
    seller_region_code,
    buyer_id,
    buyer_name,
    buyer_credit_code,
    buyer_region_code,
    is_output,
    is_absorbed,
    case
        when is_output and is_absorbed then '本市供本市用'
        when is_output then '输出'
        when is_absorbed then '吸纳'
        else '市外'
    end as direction,
    industry,
    technology_node,
    signed_date,
    signed_year,
    registered_date,
    status,
    signed_cny,
    amount_cny,
    technology_cny,
    net_cny,
    net_technology_cny,
    is_amended,
    amended_date,
    is_amended and amount_cny != signed_cny as is_amount_amended,
    is_cancelled,
    cancelled_date,
    registration_count,
    registration_count > 1 as is_registered_twice,
    contract_nos,
    project_no,
    achievement_no,
    record_ids
from {{ ref('int_contracts_counted') }}
