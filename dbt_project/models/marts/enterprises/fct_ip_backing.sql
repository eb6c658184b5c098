-- One row per 高新技术企业 certificate and right named in its application: whether the right was the firm's and had effect
-- on the day of recognition.
with certificates as (

    select * from {{ ref('stg_enterprises__qualification') }}
    where kind = '高新技术企业'

),

rights as (

    select * from {{ ref('stg_enterprises__ip') }}

),

firms as (

    select * from {{ ref('int_enterprise_firms') }}

),

-- every name of a firm, today's, former ones and those of its certificates: a right that was transferred names its
-- former owner by name only, and each register types names in its own way
firm_names as (

    select
        firm_no,
        {{ title_key('firm_name') }} as name_key
    from firms
    union
    select
        firm_no,
        {{ title_key('firm_name') }} as name_key
    from certificates
    union
    select
        f.firm_no,
        {{ title_key('u.former_name') }} as name_key
    from firms as f
    cross join {{ explode('f.former_names', 'u', 'former_name') }}

),

named as (

    select
        c.record_id,
        c.qualification_no,
        c.firm_no,
        c.firm_name,
        c.valid_from,
        u.ip_no
    from certificates as c
    cross join {{ explode('c.ip_numbers', 'u', 'ip_no') }}

),

compared as (

    select
        n.*,
        r.record_id as ip_record_id,
        r.kind as ip_kind,
        r.title,
        case
            when r.transferred_date is null or r.transferred_date <= n.valid_from then r.firm_no = n.firm_no
            else former.firm_no is not null
        end as is_own,
        r.granted_date <= n.valid_from and (r.expired_date is null or r.expired_date > n.valid_from) as has_effect
    from named as n
    left join rights as r on n.ip_no = r.ip_no
    left join firm_names as former
        on
            n.firm_no = former.firm_no
            and {{ title_key('r.former_owner_name') }} = former.name_key

),

final as (

    select
        c.qualification_no || '|' || c.ip_no as backing_id,
        c.qualification_no,
        'firm:' || c.firm_no as enterprise_id,
        c.firm_no,
        coalesce(f.firm_name, c.firm_name) as firm_name,
        f.firm_no is not null as is_in_register,
        coalesce(f.district_code, '未分配') as district_code,
        coalesce(f.district_name, '未分配') as district_name,
        coalesce(f.zone_code, '未分配') as zone_code,
        coalesce(f.zone_name, '未分配') as zone_name,
        c.valid_from,
        c.ip_no,
        c.ip_kind,
        c.title,
        coalesce(c.is_own and c.has_effect, false) as is_backing,
        case
            when c.ip_record_id is null then '知识产权库中没有此编号'
            when not coalesce(c.is_own, false) and not coalesce(c.has_effect, false) then '认定日不属于该企业，且当日无效'
            when not coalesce(c.is_own, false) then '认定日不属于该企业'
            when not coalesce(c.has_effect, false) then '认定日未授权或已失效'
        end as defect,
        {{ json_list('[c.record_id, c.ip_record_id, f.record_id]') }} as record_ids
    from compared as c
    left join firms as f on c.firm_no = f.firm_no

)

select * from final
