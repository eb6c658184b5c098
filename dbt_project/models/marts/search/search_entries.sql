-- One line per thing that a name, a number or a word may be asked for, over every class of the open file. A thing is
-- found by all its names and numbers; people are no class here, for the open file knows none.
with institutions as (

    select
        'institution:' || institution_id as entry_id,
        '机构' as class_label,
        institution_name as title,
        institution_type_label as kind_label,
        coalesce(successor_name, supervising_department) as owner_name,
        city_name as place_name,
        cast(established_year as integer) as entry_year,
        coalesce(credit_code, ror_id, moe_code) as code,
        {{ list_of(['all_names', 'name_en', 'former_names', 'ror_id', 'moe_code', 'credit_code']) }} as words,
        record_ids
    from {{ ref('dim_institutions') }}
    -- a company is listed once, below
    where institution_id not in (select coalesce(c.institution_id, '') from {{ ref('dim_enterprises') }} as c)

),

enterprises as (

    -- a company that is also known as an institution is one entry, found by the names of both
    select
        'enterprise:' || companies.enterprise_id as entry_id,
        '企业' as class_label,
        companies.enterprise_name as title,
        companies.industry as kind_label,
        companies.exchange as owner_name,
        companies.province as place_name,
        cast(companies.list_year as integer) as entry_year,
        coalesce(companies.stock_code, replace(companies.enterprise_id, 'firm:', '')) as code,
        {{ list_of(['companies.former_names', 'units.all_names', 'units.name_en', 'units.credit_code']) }} as words,
        companies.record_ids
    from {{ ref('dim_enterprises') }} as companies
    left join {{ ref('dim_institutions') }} as units
        on companies.institution_id = units.institution_id

),

platforms as (

    select
        'platform:' || platform_id as entry_id,
        '平台载体' as class_label,
        platform_name as title,
        platform_type_label as kind_label,
        host_name as owner_name,
        city_name as place_name,
        cast(extract(year from approved_date) as integer) as entry_year,
        ror_id as code,
        {{ list_of(['name_en', 'host_names', 'platform_level_label', 'industry']) }} as words,
        record_ids
    from {{ ref('dim_platforms') }}

),

projects as (

    select
        'project:' || project_id as entry_id,
        '科技项目' as class_label,
        -- two projects of the open files have none (measured)
        coalesce(title, '（来源没有题名）') as title,
        category as kind_label,
        institution_name as owner_name,
        coalesce(district, province) as place_name,
        cast(start_year as integer) as entry_year,
        project_number as code,
        {{ list_of(['programme', 'discipline', 'city']) }} as words,
        record_ids
    from {{ ref('fct_projects') }}

),

outcomes as (

    select
        'outcome:' || outcome_id as entry_id,
        '科技成果' as class_label,
        title,
        form as kind_label,
        institution_name as owner_name,
        province as place_name,
        cast(completion_year as integer) as entry_year,
        certificate_number as code,
        {{ list_of(['programme', 'publisher', 'project_id']) }} as words,
        record_ids
    from {{ ref('fct_project_outcomes') }}

),

contracts as (

    select
        'contract:' || contract_no as entry_id,
        '技术合同' as class_label,
        title,
        contract_kind as kind_label,
        seller_name as owner_name,
        cast(null as varchar) as place_name,
        cast(signed_year as integer) as entry_year,
        contract_no as code,
        {{ list_of(['buyer_name', 'seller_credit_code', 'buyer_credit_code', 'technology_node']) }} as words,
        record_ids
    from {{ ref('fct_contracts') }}

),

rights as (

    select
        'right:' || ip_no as entry_id,
        '知识产权' as class_label,
        title,
        ip_kind as kind_label,
        owner_name,
        district_name as place_name,
        cast(extract(year from coalesce(granted_date, application_date)) as integer) as entry_year,
        ip_no as code,
        {{ list_of(['owner_credit_code', 'former_owner_name', 'industry']) }} as words,
        record_ids
    from {{ ref('fct_ip_rights') }}

),

money as (

    select
        'fiscal:' || item_no as entry_id,
        '财政资金' as class_label,
        item_name as title,
        special_fund as kind_label,
        recipient_name as owner_name,
        district_name as place_name,
        cast(fiscal_year as integer) as entry_year,
        item_no as code,
        {{ list_of(['project_no', 'department', 'support_mode']) }} as words,
        record_ids
    from {{ ref('fct_fiscal_items') }}

),

funds as (

    select
        'fund:' || fund_no as entry_id,
        '科技金融' as class_label,
        fund_name as title,
        fund_type as kind_label,
        manager_name as owner_name,
        cast(null as varchar) as place_name,
        cast(extract(year from founded_date) as integer) as entry_year,
        fund_no as code,
        {{ empty_list() }} as words,
        record_ids
    from {{ ref('fct_fund_leverage') }}

),

tasks as (

    select
        'task:' || task_no as entry_id,
        '规划任务' as class_label,
        task_title as title,
        indicator_name as kind_label,
        owner_name,
        coalesce(zone_name, district_name) as place_name,
        cast(extract(year from due_date) as integer) as entry_year,
        task_no as code,
        {{ list_of(['lead_department', 'helping_departments', 'indicator_code']) }} as words,
        record_ids
    from {{ ref('fct_plan_tasks') }}

),

indicators as (

    select
        'indicator:' || indicator_code as entry_id,
        '规划指标' as class_label,
        indicator_name as title,
        indicator_group as kind_label,
        lead_department as owner_name,
        cast(null as varchar) as place_name,
        cast(null as integer) as entry_year,
        indicator_code as code,
        {{ list_of(['definition', 'document_section']) }} as words,
        record_ids
    from {{ ref('dim_indicators') }}

),

notices as (

    -- what was decided about a person is no entry, with or without the name
    select
        'notice:' || case_id as entry_id,
        '科研诚信' as class_label,
        coalesce(institution_name, original_doi, notice_doi, case_id) as title,
        case_type_label as kind_label,
        coalesce(journal, publisher) as owner_name,
        cast(null as varchar) as place_name,
        cast(notice_year as integer) as entry_year,
        coalesce(original_doi, notice_doi) as code,
        {{ list_of(['reason_group_label', 'publisher', 'notice_doi']) }} as words,
        record_ids
    from {{ ref('fct_integrity_cases') }}
    where coalesce(subject_type, '') != 'person'

),

others as (

    -- classes that are lists of records and nothing more
    select
        'record:' || record_id as entry_id,
        record_class_label as class_label,
        title,
        case record_type
            when 'report' then '科技报告'
            when 'achievement' then '登记成果'
            when 'demand' then '技术需求'
            when 'resource' then '共享资源'
            when 'scenario' then '应用场景'
            when 'consortium' then '创新联合体'
            when 'guide' then '申报指南'
            when 'call' then '揭榜挂帅榜单'
        end as kind_label,
        cast(null as varchar) as owner_name,
        cast(null as varchar) as place_name,
        cast(extract(year from as_of_date) as integer) as entry_year,
        {{ regex_group('record_id', '^[^:]+:[^:]+:(.*)$') }} as code,
        {{ empty_list() }} as words,
        {{ json_list(list_of(['record_id'])) }} as record_ids
    from {{ ref('record_proofs') }}
    where
        -- achievements of a project stand above
        record_id not in (select record_id from {{ ref('fct_project_outcomes') }})
        and record_type in ('report', 'achievement', 'demand', 'resource', 'scenario', 'consortium', 'guide', 'call')
        and source in ('reports', 'market', 'enterprises', 'pds')
        and title is not null
        and not is_withdrawn

),

entries as (

    select * from institutions
    union all
    select * from enterprises
    union all
    select * from platforms
    union all
    select * from projects
    union all
    select * from outcomes
    union all
    select * from contracts
    union all
    select * from rights
    union all
    select * from money
    union all
    select * from funds
    union all
    select * from tasks
    union all
    select * from indicators
    union all
    select * from notices
    union all
    select * from others

),

joined as (

    -- the separator is no letter that anybody types, so a word never matches over the border of two fields
    select
        *,
        {{ list_text("list_concat([title, code, owner_name, kind_label, place_name], words)", '|') }} as entry_words
    from entries

),

final as (

    select
        entry_id,
        class_label,
        title,
        kind_label,
        owner_name,
        place_name,
        entry_year,
        code,
        {{ normalise_name('entry_words') }} as search_text,
        {{ json_text('record_ids', '$[0]') }} as record_id,
        record_ids
    from joined

)

select * from final
