-- One row per job of a talent, in order. The district is that of the employer as the register of talents wrote it down
-- with the job, else that of the institution today. Where the unit was merged meanwhile the job goes on with its
-- successor: `stay_no` is the same for both.
with jobs as (

    select
        talents.record_id,
        talents.talent_no,
        'employer ' || u.place as role,
        {{ clean_code(json_text('u.item', '$.districtCode')) }} as district_code,
        cast({{ json_text('u.item', '$.from') }} as date) as from_date,
        cast({{ json_text('u.item', '$.to') }} as date) as to_date
    from {{ ref('stg_pds__talent') }} as talents
    cross join {{ explode_numbered(json_items('talents.employers'), 'u', 'place', 'item') }}

),

-- somebody with two entries has every job once
together as (

    select
        people.entity_id as person_id,
        jobs.from_date,
        min(jobs.to_date) as to_date,
        min_by(places.entity_id, jobs.talent_no) as institution_id,
        min_by(jobs.district_code, jobs.talent_no) as district_code
    from jobs
    inner join {{ ref('int_person_links') }} as people on jobs.record_id = people.record_id and people.role = 'self'
    inner join {{ ref('int_institution_links') }} as places
        on jobs.record_id = places.record_id and jobs.role = places.role
    group by people.entity_id, jobs.from_date

),

placed as (

    select
        together.person_id,
        together.from_date,
        together.to_date,
        together.institution_id,
        institutions.institution_name,
        institutions.institution_type_label,
        institutions.successor_institution_id,
        coalesce(together.district_code, institutions.district_code) as district_code,
        lag(together.to_date) over job_order as last_to_date,
        lag(institutions.successor_institution_id) over job_order as last_successor_id
    from together
    left join {{ ref('dim_institutions') }} as institutions on together.institution_id = institutions.institution_id
    window job_order as (partition by together.person_id order by together.from_date)

),

begun as (

    select
        *,
        case when last_to_date = from_date and last_successor_id = institution_id then 0 else 1 end as is_new_stay
    from placed

),

final as (

    select
        person_id,
        cast(row_number() over job_order as integer) as job_no,
        cast(sum(is_new_stay) over job_order as integer) as stay_no,
        institution_id,
        institution_name,
        institution_type_label,
        district_code,
        from_date,
        to_date,
        lag(district_code) over job_order as last_district_code
    from begun
    window job_order as (partition by person_id order by from_date)

)

select * from final
