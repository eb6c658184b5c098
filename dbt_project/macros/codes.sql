{#- A code as it should have been typed: full-width letters, digits, brackets and blanks become half-width, no white
    space at all, upper case. NULL for an empty one. For credit codes, region codes and numbers of documents. -#}
{%- macro clean_code(value) -%}
    nullif(
        regexp_replace(
            upper(translate(
                {{ value }},
                '０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ（）－　',
                '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ()- '
            )),
            '\s+', '', 'g'
        ),
        ''
    )
{%- endmacro -%}

{#- Number of a document, its year in the brackets that GB/T 9704 wants: 〔2022〕, however it was typed. -#}
{%- macro document_number(value) -%}
    translate({{ clean_code(value) }}, '[]【】［］', '〔〕〔〕〔〕')
{%- endmacro -%}

{#- Amounts as CNY with two decimals; registers give 万元, statistical forms give 千元. -#}
{%- macro wan_cny(value) -%}
    cast(round({{ value }} * 10000, 2) as decimal(18, 2))
{%- endmacro -%}

{%- macro thousand_cny(value) -%}
    cast(round({{ value }} * 1000, 2) as decimal(18, 2))
{%- endmacro -%}
