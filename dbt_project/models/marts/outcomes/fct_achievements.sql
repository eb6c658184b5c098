-- Every achievement of the market and what became of it: contracts that transfer it, each once and net of
-- cancellations, and meetings at which it was discussed.
with {{ district_names() }},

achievements as (

    select * from {{ ref('stg_market__achievement') }}
    where published_date <= {{ as_of() }}

),

owners as (

    select
        record_id,
        entity_id
    from {{ ref('int_institution_links') }}
    where role = 'owner'

),

contracts as (

    select
        achievement_no,
        cast(sum(case when is_cancelled then 0 else 1 end) as integer) as contract_count,
        cast(sum(net_cny) as decimal(18, 2)) as contract_cny,
        min(case when not is_cancelled then signed_date end) as first_signed_date,
        array_agg(record_id) as record_ids
    from {{ ref('int_contracts_counted') }}
    where achievement_no is not null
    group by achievement_no

),

meetings as (

    select
        achievement_no,
        cast(count(*) as integer) as meeting_count
    from {{ ref('stg_market__match_event') }}
    group by achievement_no

),

final as (

    select
        a.achievement_no,
        a.title,
        a.form,
        owners.entity_id as owner_id,
        a.owner_name,
        districts.region_code as district_code,
        coalesce(districts.region_name, '未分配') as district_name,
        a.project_no,
        a.industry,
        a.technology_node,
        a.trl,
        a.price_cny,
        a.transfer_mode,
        a.published_date,
        a.status,
        a.closed_date,
        a.status = '在库' or coalesce(a.closed_date > {{ as_of() }}, false) as is_open,
        {{ days_between('a.published_date', as_of()) }} as days_since_published,
        coalesce(contracts.contract_count, 0) as contract_count,
        coalesce(contracts.contract_cny, 0) as contract_cny,
        contracts.first_signed_date,
        coalesce(meetings.meeting_count, 0) as meeting_count,
        a.status = '已转化' or coalesce(contracts.contract_count, 0) > 0 as is_transferred,
        {{ json_list('list_prepend(a.record_id, coalesce(contracts.record_ids, ' ~ empty_list() ~ '))') }} as record_ids
    from achievements as a
    left join owners on a.record_id = owners.record_id
    left join districts on a.district_code = districts.region_code
    left join contracts on a.achievement_no = contracts.achievement_no
    left join meetings on a.achievement_no = meetings.achievement_no

)

select * from final
