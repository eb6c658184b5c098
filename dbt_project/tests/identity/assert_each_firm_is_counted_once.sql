-- Firms by entity, counted once more from the certificates and the links alone: two numbers of the register that were
-- found or decided to be one firm are one in every indicator of certificates, at the end of the last year and ever.
with certificates as (

    select
        certificates.kind,
        certificates.valid_from,
        least(certificates.ended_date, {{ next_day('certificates.valid_to') }}) as free_date,
        coalesce(links.entity_id, certificates.firm_no) as entity_id
    from {{ ref('stg_enterprises__qualification') }} as certificates
    left join {{ ref('int_institution_links') }} as links
        on certificates.record_id = links.record_id and links.role = 'firm'

),

kinds as (

    select
        'I07' as indicator_code,
        '高新技术企业' as kind,
        true as is_stock
    union all
    select
        'I08' as indicator_code,
        '科技型中小企业' as kind,
        false as is_stock

),

days as (

    select {{ day_after_year(year_of(as_of()) ~ ' - 1') }} as new_year

),

expected as (

    select
        kinds.indicator_code,
        count(distinct certificates.entity_id) as firm_count
    from kinds
    cross join days
    left join certificates
        on
            kinds.kind = certificates.kind
            and days.new_year > certificates.valid_from
            and (
                not kinds.is_stock
                or certificates.free_date is null
                or days.new_year <= certificates.free_date
            )
    group by kinds.indicator_code

)

select
    counted.indicator_code,
    counted.own_value,
    expected.firm_count
from {{ ref('fct_indicator_own_counts') }} as counted
inner join expected on counted.indicator_code = expected.indicator_code
where
    counted.dimension = '全市'
    and counted.indicator_year = {{ year_of(as_of()) }} - 1
    and counted.own_value != expected.firm_count
