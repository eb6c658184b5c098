-- Every record by which a register knows an institution, in one shape. The anchor is the record's best identifier;
-- records of one register under one anchor are one institution.
with ror as (

    select
        1 as register_rank,
        'ror' as register,
        'ror:' || ror_id as anchor,
        record_id,
        status != 'withdrawn' as can_be_linked
    from {{ ref('int_ror_institutions') }}

),

moe as (

    select
        2 as register_rank,
        'moe' as register,
        'moe:' || school_code as anchor,
        record_id,
        true as can_be_linked
    from {{ ref('stg_moe__institution') }}

),

city as (

    -- one rank for both of the city's registers: equal credit codes are one anchor
    select
        3 as register_rank,
        register,
        coalesce('uscc:' || credit_code, 'name:' || {{ normalise_name('institution_name') }}) as anchor,
        record_id,
        true as can_be_linked
    from {{ ref('int_city_institutions') }}

),

final as (

    select * from ror
    union all
    select * from moe
    union all
    select * from city

)

select * from final
