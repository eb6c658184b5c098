-- The rule of the macro normalise_name, case by case: full-width forms, apostrophes, dashes, brackets, white space.
with cases as (

    select
        '西安交通大学（苏州）' as given,
        '西安交通大学(苏州)' as expected
    union all
    select
        'Ｘｉ’ａｎ　Ｊｉａｏｔｏｎｇ' as given,
        'xi''anjiaotong' as expected
    union all
    select
        'Xi‘an Jiao Tong University ' as given,
        'xi''anjiaotonguniversity' as expected
    union all
    select
        'A–B Centre' as given,
        'a-bcentre' as expected
    union all
    select
        '中国地质大学 (北京)' as given,
        '中国地质大学(北京)' as expected
    union all
    select
        '  ' as given,
        null as expected

)

select
    given,
    expected
from cases
where {{ normalise_name('given') }} is distinct from expected
