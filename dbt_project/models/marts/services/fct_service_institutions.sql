-- One row per service institution of the market's register, however often it is registered: what it may do, how it is
-- rated, and whether it served within the last months. To serve is to bring a demand together with an achievement, or
-- to be paid with an innovation voucher.
with {{ rules_in_force('service_rules') }},

{{ district_names() }},

{{ zone_names() }},

links as (

    select
        record_id,
        role,
        entity_id
    from {{ ref('int_institution_links') }}
    where role in ('self', 'service')

),

entries as (

    select
        links.entity_id as institution_id,
        i.*
    from {{ ref('stg_market__institution') }} as i
    inner join links on i.record_id = links.record_id and links.role = 'self'
    where i.is_service_institution

),

-- registered twice, the smaller number speaks
registered as (

    select
        institution_id,
        min_by(institution_name, institution_no) as institution_name,
        min_by(institution_type, institution_no) as service_type,
        min_by(rating, institution_no) filter (rating is not null) as rating,
        min_by(district_code, institution_no) filter (district_code is not null) as district_code,
        min_by(zone_code, institution_no) filter (zone_code is not null) as zone_code,
        min(established_date) as established_date,
        min_by(staff_count, institution_no) filter (staff_count is not null) as staff_count,
        bool_or(is_active) as is_alive,
        {{ json_list('flatten(array_agg(' ~ json_texts('qualifications') ~ '))') }} as qualifications,
        array_agg(record_id) as record_ids
    from entries
    group by institution_id

),

services as (

    select
        record_id,
        'meeting' as kind,
        held_date as service_date,
        result = '签订合同' as is_signed,
        cast(0 as decimal(18, 2)) as redeemed_cny
    from {{ ref('stg_market__match_event') }}
    where held_date <= {{ as_of() }}
    union all
    select
        record_id,
        'voucher' as kind,
        last_redeemed_date as service_date,
        false as is_signed,
        redeemed_cny
    from {{ ref('stg_finance__voucher') }}
    where last_redeemed_date <= {{ as_of() }}

),

judged as (

    select
        links.entity_id as institution_id,
        services.*,
        services.service_date > {{ months_after(as_of(), '-rules.window_months') }} as is_recent
    from services
    inner join links on services.record_id = links.record_id and links.role = 'service'
    cross join rules

),

counted as (

    select
        institution_id,
        cast(count(*) as integer) as service_count,
        max(service_date) as last_service_date,
        cast(sum(case when is_signed then 1 else 0 end) as integer) as signed_count,
        cast(sum(case when is_recent then 1 else 0 end) as integer) as recent_count,
        cast(sum(case when is_recent and kind = 'meeting' then 1 else 0 end) as integer) as recent_meeting_count,
        cast(sum(case when is_recent and kind = 'voucher' then 1 else 0 end) as integer) as recent_voucher_count,
        cast(sum(case when is_recent then redeemed_cny else 0 end) as decimal(18, 2)) as recent_voucher_cny,
        array_agg(record_id) filter (is_recent) as record_ids
    from judged
    group by institution_id

),

final as (

    select
        r.institution_id,
        r.institution_name,
        r.service_type,
        r.rating,
        r.qualifications,
        {{ json_list_size('r.qualifications') }} as qualification_count,
        districts.region_code as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        zones.region_code as zone_code,
        coalesce(zones.region_name, '未分配') as zone_name,
        r.established_date,
        r.staff_count,
        r.is_alive,
        coalesce(c.service_count, 0) as service_count,
        c.last_service_date,
        coalesce(c.signed_count, 0) as signed_count,
        coalesce(c.recent_count, 0) as recent_count,
        coalesce(c.recent_meeting_count, 0) as recent_meeting_count,
        coalesce(c.recent_voucher_count, 0) as recent_voucher_count,
        coalesce(c.recent_voucher_cny, 0) as recent_voucher_cny,
        case
            when not r.is_alive then '已终止'
            when coalesce(c.recent_count, 0) >= rules.least_services then '活跃'
            else '不活跃'
        end as activity_state,
        r.is_alive and coalesce(c.recent_count, 0) < rules.least_services as is_quiet,
        rules.rule_version,
        rules.source_document,
        {{ json_list('r.record_ids') }} as register_record_ids,
        {{ json_list('list_concat(r.record_ids, coalesce(c.record_ids, ' ~ empty_list() ~ '))') }} as record_ids
    from registered as r
    cross join rules
    left join counted as c on r.institution_id = c.institution_id
    left join districts on r.district_code = districts.region_code
    left join zones on r.zone_code = zones.region_code

)

select * from final
