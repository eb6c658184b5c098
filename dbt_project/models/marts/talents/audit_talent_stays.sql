-- One row per stay of a talent with an employer since the first year of the rule, mergers of the unit ending none, and
-- whether it lasted long enough to count as retained: by the version in force on the day on which it ended.
with {{ district_names() }},

jobs as (

    select * from {{ ref('int_talent_jobs') }}

),

stays as (

    select
        person_id,
        stay_no,
        min(from_date) as from_date,
        case when count(to_date) = count(*) then max(to_date) end as to_date,
        max_by(institution_id, job_no) as institution_id,
        max_by(institution_name, job_no) as institution_name,
        max_by(institution_type_label, job_no) as institution_type_label,
        max_by(district_code, job_no) as district_code,
        cast(count(*) - 1 as integer) as merger_count
    from jobs
    group by person_id, stay_no

),

final as (

    select
        stays.person_id || '#' || stays.from_date as stay_id,
        stays.person_id,
        stays.institution_id,
        stays.institution_name,
        coalesce(stays.institution_type_label, '未分类') as institution_type_label,
        districts.region_code as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        coalesce(talents.industry, '未知') as industry,
        stays.from_date,
        {{ year_of('stays.from_date') }} as from_year,
        stays.to_date,
        {{ months_after('stays.from_date', 'rules.kept_months') }} as kept_from_date,
        stays.merger_count,
        -- who came less than that ago may still stay: only older ones make a share
        {{ months_after('stays.from_date', 'rules.kept_months') }} <= {{ as_of() }} as is_judged,
        coalesce(stays.to_date < {{ months_after('stays.from_date', 'rules.kept_months') }}, false) as is_lost,
        case
            when stays.to_date < {{ months_after('stays.from_date', 'rules.kept_months') }} then '未留住'
            when {{ months_after('stays.from_date', 'rules.kept_months') }} <= {{ as_of() }} then '已留住'
            else '未满期限'
        end as state,
        rules.rule_version,
        rules.source_document,
        talents.record_id,
        talents.record_ids
    from stays
    inner join {{ ref('talent_rules') }} as rules on {{ in_force('rules', 'coalesce(stays.to_date, ' ~ as_of() ~ ')') }}
    inner join {{ ref('int_talents_known') }} as talents on stays.person_id = talents.person_id
    left join districts on stays.district_code = districts.region_code
    where {{ year_of('stays.from_date') }} >= rules.since_year

)

select * from final
