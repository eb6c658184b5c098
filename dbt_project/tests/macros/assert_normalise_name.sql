-- The rule of the macro normalise_name, case by case: full-width forms, kinds of apostrophe, dash, bracket and white space.
with cases as (

    select * from (
        values
        ('西安交通大学（苏州）', '西安交通大学(苏州)'),
        ('Ｘｉ’ａｎ　Ｊｉａｏｔｏｎｇ', 'xi''anjiaotong'),
        ('Xi‘an Jiao Tong University ', 'xi''anjiaotonguniversity'),
        ('A–B Centre', 'a-bcentre'),
        ('中国地质大学 (北京)', '中国地质大学(北京)'),
        ('  ', null)
    ) as t (given, expected)

)

select given, expected
from cases
where {{ normalise_name('given') }} is distinct from expected
