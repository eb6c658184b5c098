-- Targets handed down to all districts or all zones, 未分配 among them, are the city's target of the same document. A
-- table from which a row was refused is not summed.
with city as (

    select * from {{ ref('dim_indicator_targets') }}
    where dimension = '全市'

)

select
    parts.indicator_code,
    parts.target_year,
    parts.dimension,
    parts.valid_from,
    max(city.target_value) - sum(parts.target_value) as difference
from {{ ref('dim_indicator_targets') }} as parts
inner join city
    on
        parts.indicator_code = city.indicator_code
        and parts.target_year = city.target_year
        and parts.valid_from = city.valid_from
where parts.dimension in ('区县', '开发区')
group by parts.indicator_code, parts.target_year, parts.dimension, parts.valid_from
having
    count(*) = case parts.dimension when '区县' then 14 else 9 end
    and abs(max(city.target_value) - sum(parts.target_value)) > 0.005
