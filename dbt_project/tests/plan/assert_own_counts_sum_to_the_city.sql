-- Every thing counted stands in each dimension exactly once, so that each sums to the city by itself.
with sums as (

    select
        indicator_code,
        indicator_year,
        dimension,
        sum(own_value) as parts_value
    from {{ ref('fct_indicator_own_counts') }}
    group by indicator_code, indicator_year, dimension

)

select
    parts.indicator_code,
    parts.indicator_year,
    parts.dimension,
    parts.parts_value - city.parts_value as difference
from sums as parts
inner join sums as city
    on
        parts.indicator_code = city.indicator_code
        and parts.indicator_year = city.indicator_year
        and city.dimension = '全市'
where abs(parts.parts_value - city.parts_value) > 0.005
