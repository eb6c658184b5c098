-- In every dimension the parts, 未分配 among them, are the city's figure: one unit too many or too few fails the build.
-- Where a part was not published 未分配 takes what is left, and that cannot be less than nothing.
select
    indicator_code,
    indicator_year,
    dimension,
    max(city_value) - sum(unit_value) as difference,
    min(case when is_unassigned then unit_value end) as unassigned_value
from {{ ref('fct_indicator_breakdown') }}
group by indicator_code, indicator_year, dimension
having
    coalesce(abs(max(city_value) - sum(unit_value)), 1) > 0.005
    or coalesce(min(case when is_unassigned then unit_value end), -1) < 0
