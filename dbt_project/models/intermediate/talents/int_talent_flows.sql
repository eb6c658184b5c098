-- Who came and who went, by year and district: a change of employer takes one person from one district to another, a
-- first job or a departure from the city counts on one side. A pause between two jobs is no departure.
with {{ rules_in_force('talent_rules') }},

{{ district_names() }},

jobs as (

    select * from {{ ref('int_talent_jobs') }}

),

talents as (

    select * from {{ ref('int_talents_known') }}

),

moves as (

    select
        {{ year_of('from_date') }} as flow_year,
        district_code,
        1 as came,
        0 as went,
        person_id
    from jobs
    where job_no = 1 or last_district_code is distinct from district_code
    union all
    select
        {{ year_of('from_date') }} as flow_year,
        last_district_code as district_code,
        0 as came,
        1 as went,
        person_id
    from jobs
    where job_no > 1 and last_district_code is distinct from district_code
    union all
    select
        {{ year_of('talents.left_date') }} as flow_year,
        jobs.district_code,
        0 as came,
        1 as went,
        jobs.person_id
    from jobs
    inner join talents on jobs.person_id = talents.person_id and jobs.to_date = talents.left_date

),

counted as (

    select
        moves.flow_year,
        coalesce(districts.region_code, '') as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        cast(sum(moves.came) as integer) as arrived_count,
        cast(sum(moves.went) as integer) as left_count,
        cast(sum(moves.came) - sum(moves.went) as integer) as net_count,
        {{ json_list_agg('talents.record_id') }} as record_ids
    from moves
    inner join talents on moves.person_id = talents.person_id
    left join districts on moves.district_code = districts.region_code
    group by moves.flow_year, coalesce(districts.region_code, ''), coalesce(districts.region_name, '未分配')

),

final as (

    select
        counted.flow_year || '/' || coalesce(nullif(counted.district_code, ''), '未分配') as flow_id,
        counted.flow_year,
        nullif(counted.district_code, '') as district_code,
        counted.district_name,
        counted.arrived_count,
        counted.left_count,
        counted.net_count,
        counted.arrived_count between 1 and rules.least_shown - 1
        or counted.left_count between 1 and rules.least_shown - 1 as is_suppressed,
        rules.rule_version,
        rules.source_document,
        counted.record_ids
    from counted
    cross join rules
    where counted.flow_year >= rules.since_year

)

select * from final
