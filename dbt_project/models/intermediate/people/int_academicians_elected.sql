-- Members of both academies with the year of election. Where the biography names exactly one year of election to the person's own academy,
-- that year counts: the source's field holds 1901 for unknown, and for 17 scientists the year of some other academy.
-- Measured where both speak: all 602 engineers agree, 676 of 693 scientists agree, and the other 17 texts name the true year.
with engineers as (

    select
        record_id,
        '中国工程院' as academy,
        person_name,
        division,
        source_election_year,
        {{ election_years('biography', '中国工程院') }} as years_in_text
    from {{ ref('stg_academicians__cae_academician') }}

),

scientists as (

    select
        record_id,
        '中国科学院' as academy,
        person_name,
        division,
        source_election_year,
        {{ election_years('biography', '中国科学院') }} as years_in_text
    from {{ ref('stg_academicians__cas_academician') }}

),

unioned as (

    select * from engineers
    union all
    select * from scientists

),

read as (

    select
        *,
        case when array_length(years_in_text) = 1 then cast(years_in_text[1] as integer) end as year_in_text
    from unioned

),

final as (

    select
        record_id,
        academy,
        person_name,
        division,
        source_election_year,
        coalesce(year_in_text, source_election_year) as election_year,
        case
            when year_in_text is not null and year_in_text is distinct from source_election_year then 'biography'
            when source_election_year is not null then 'source'
            else 'unknown'
        end as election_year_basis
    from read

)

select * from final
