-- Every entry by which a register knows an institution, with all its names: its own ones, others that it goes by, and
-- those it has given up.
with ror_names as (

    select
        record_id,
        array_agg(distinct name) filter (where is_current and is_official) as own_names,
        array_agg(distinct name) filter (where is_current and not is_official) as other_names,
        array_agg(distinct name) filter (where not is_current) as former_names
    from {{ ref('int_ror_names') }}
    where not is_acronym
    group by record_id

),

ror as (

    select
        i.record_id,
        coalesce(i.name_zh, i.name_en) as name,
        cast(null as varchar) as credit_code,
        {{ list_of([number_of('ror', 'i.ror_id')]) }} as numbers,
        cast(null as varchar) as district_code,
        n.own_names,
        n.other_names,
        n.former_names,
        i.institution_type,
        {{ numbers_of('ror', 'list_append(i.parent_ror_ids, i.successor_ror_id)') }} as kin_numbers,
        -- the names of a withdrawn record link nothing: they stand on its successor
        i.status != 'withdrawn' as can_be_linked
    from {{ ref('int_ror_institutions') }} as i
    inner join ror_names as n on i.record_id = n.record_id

),

moe as (

    select
        record_id,
        institution_name as name,
        cast(null as varchar) as credit_code,
        {{ list_of([number_of('moe', 'school_code')]) }} as numbers,
        cast(null as varchar) as district_code,
        {{ list_of(['institution_name']) }} as own_names,
        {{ empty_list() }} as other_names,
        {{ empty_list() }} as former_names,
        'university' as institution_type,
        {{ empty_list() }} as kin_numbers,
        true as can_be_linked
    from {{ ref('stg_moe__institution') }}

),

city as (

    select
        c.record_id,
        c.institution_name as name,
        c.credit_code,
        {{ list_of(["c.register || ':' || c.institution_no"]) }} as numbers,
        c.district_code,
        {{ list_of(['c.institution_name']) }} as own_names,
        {{ list_of(['c.short_name', 'c.english_name']) }} as other_names,
        {{ json_texts('c.former_names') }} as former_names,
        c.institution_type,
        {{ list_of([number_of('pds', 'c.parent_no'), number_of('pds', 'c.successor_no')]) }} as kin_numbers,
        true as can_be_linked
    from {{ ref('int_city_institutions') }} as c
    where c.register != 'firm'

),

firms as (

    select
        record_id,
        firm_name as name,
        credit_code,
        {{ list_of([number_of('firm', 'firm_no'), number_of('stock', 'stock_code')]) }} as numbers,
        district_code,
        {{ list_of(['firm_name']) }} as own_names,
        {{ empty_list() }} as other_names,
        coalesce(former_names, {{ empty_list() }}) as former_names,
        'company' as institution_type,
        {{ numbers_of('firm', 'merged_firms') }} as kin_numbers,
        true as can_be_linked
    from {{ ref('stg_enterprises__firm') }}
    where is_current and not is_withdrawn

),

listed_companies as (

    -- the exchanges' lists know a company by its short name only
    select
        record_id,
        max_by(short_name, version_number) as name,
        cast(null as varchar) as credit_code,
        {{ list_of([number_of('stock', 'max(stock_code)')]) }} as numbers,
        cast(null as varchar) as district_code,
        {{ empty_list() }} as own_names,
        {{ list_of(['max_by(short_name, version_number)']) }} as other_names,
        array_agg(distinct short_name) as former_names,
        'company' as institution_type,
        {{ empty_list() }} as kin_numbers,
        true as can_be_linked
    from {{ ref('stg_listed_companies__company') }}
    where not is_withdrawn
    group by record_id

),

final as (

    select * from ror
    union all
    select * from moe
    union all
    select * from city
    union all
    select * from firms
    union all
    select * from listed_companies

)

select * from final
