-- Which scientific reports are owed, filed, late. A report names its obligation, or else its project and its kind; one
-- that was withdrawn from the register has not been filed.
with obligations as (

    select * from {{ ref('stg_pds__report_obligation') }}

),

reports as (

    select * from {{ ref('stg_reports__report') }}
    where filed_date <= {{ as_of() }}

),

rules as (

    select * from {{ ref('report_rules') }}

),

units as (

    select
        record_id,
        entity_id
    from {{ ref('int_institution_links') }}
    where role = 'unit'

),

answered as (

    select
        obligations.obligation_no,
        reports.record_id as report_record_id,
        reports.report_no,
        reports.filed_date,
        reports.openness as report_openness,
        reports.embargo_months as report_embargo_months,
        reports.open_date,
        row_number() over (
            partition by obligations.obligation_no
            order by reports.filed_date, reports.record_id
        ) as filing_order
    from obligations
    inner join reports
        on
            obligations.obligation_no = reports.obligation_no
            or (
                reports.obligation_no is null
                and obligations.project_no = reports.project_no
                and obligations.report_kind = reports.report_type
            )

),

judged as (

    select
        obligations.*,
        units.entity_id as unit_id,
        answered.report_record_id,
        answered.report_no,
        answered.filed_date,
        answered.report_openness,
        answered.report_embargo_months,
        answered.open_date,
        rules.rule_version,
        coalesce(
            answered.open_date > {{ years_after('answered.filed_date', 'rules.max_deferral_years') }}, false
        ) as is_deferred_too_long,
        case
            when answered.filed_date > obligations.due_date then '逾期呈交'
            when answered.filed_date is not null then '按期呈交'
            when obligations.state = '已免除' then '已免除'
            when obligations.due_date < {{ as_of() }} then '逾期未呈交'
            else '未到期'
        end as filing_state
    from obligations
    left join units on obligations.record_id = units.record_id
    left join answered on obligations.obligation_no = answered.obligation_no and answered.filing_order = 1
    left join rules on {{ in_force('rules', 'answered.filed_date') }}

),

final as (

    select
        obligation_no,
        project_no,
        report_kind,
        unit_id,
        unit_name,
        unit_credit_code,
        due_date,
        report_no,
        filed_date,
        filing_state,
        filing_state in ('逾期呈交', '逾期未呈交') as is_late,
        filing_state = '逾期未呈交' as is_overdue,
        case
            when filing_state in ('逾期呈交', '逾期未呈交')
                then {{ days_between('due_date', 'coalesce(filed_date, ' ~ as_of() ~ ')') }}
            else 0
        end as days_late,
        openness as asked_openness,
        report_openness as filed_openness,
        report_embargo_months as deferral_months,
        open_date,
        is_deferred_too_long,
        rule_version,
        {{ json_list(list_of(['record_id', 'report_record_id'])) }} as record_ids
    from judged

)

select * from final
