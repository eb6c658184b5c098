{#- Year in which the text says that the person was elected to the academy (its name without 中国), NULL where it does not say:
    "1994年当选为中国工程院院士", "1991当选为中国科学院学部委员", "2007年当选工程院院士". The earliest one, because some are elected
    to a second division later. The academy must follow the verb at once, so that "当选为第三世界科学院院士" does not count; blanks
    do not matter, for the pages break words with them. -#}
{%- macro election_year(value, academy) -%}
    cast(list_min(regexp_extract_all(
        regexp_replace({{ value }}, '[\s\x{a0}\x{2002}\x{3000}]+', '', 'g'),
        '([12][0-9]{3})年?(?:[0-9]{1,2}月)?[^。；、0-9]{0,6}'
        || '(?:当选|增选|遴选|入选|选聘|被选|选为)(?:成|为|首批|首届)*(?:中国)?{{ academy }}[^。；，,0-9]{0,14}(?:院士|委员)',
        1
    )) as integer)
{%- endmacro -%}
