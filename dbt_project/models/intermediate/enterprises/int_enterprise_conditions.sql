-- One row per firm, year, rung and condition: the figure beside the border of the rule version that judges it. Shares
-- are compared as amounts (R&D * 100 against percent * revenue): a figure on the border is not lost in a division.
with firm_years as (

    select
        *,
        row_number() over (partition by firm_no order by year desc) = 1 as is_newest
    from {{ ref('stg_enterprises__firm_year') }}

),

-- the newest figures are judged by today's rule, older ones by that of the end of the year in which they served
judged as (

    select
        *,
        case when is_newest then {{ as_of() }} else {{ year_end('year + 1') }} end as judged_date
    from firm_years

),

small as (

    select
        f.*,
        '科技型中小企业' as rung,
        r.*
    from judged as f
    inner join {{ ref('ladder_small_firm_rules') }} as r on {{ in_force('r', 'f.judged_date') }}

),

high_tech as (

    select
        f.*,
        '高新技术企业' as rung,
        case
            when f.revenue_cny <= r.small_revenue_cny then r.small_rd_percent
            when f.revenue_cny <= r.medium_revenue_cny then r.medium_rd_percent
            else r.large_rd_percent
        end as min_rd_percent,
        r.*
    from judged as f
    inner join {{ ref('ladder_high_tech_rules') }} as r on {{ in_force('r', 'f.judged_date') }}

),

double_five as (

    select
        f.*,
        '双五企业' as rung,
        r.*
    from judged as f
    inner join {{ ref('ladder_double_five_rules') }} as r on {{ in_force('r', 'f.judged_date') }}

),

conditions as (

    {{ ladder_condition('small', 1, 'staff', '职工总数', 'most',
        'staff_count', 'max_staff',
        'staff_count', 'max_staff', '人') }}
    union all
    {{ ladder_condition('small', 2, 'revenue', '营业收入', 'most',
        'revenue_cny', 'max_revenue_cny') }}
    union all
    {{ ladder_condition('small', 3, 'assets', '资产总额', 'most',
        'assets_cny', 'max_assets_cny') }}
    union all
    {{ ladder_condition('small', 4, 'score', '综合评价得分', 'least',
        'score', 'min_score',
        'score', 'min_score', '分') }}
    union all
    {{ ladder_condition('small', 5, 'staff_score', '科技人员得分', 'above',
        'staff_score', 'staff_score_above',
        'staff_score', 'staff_score_above', '分') }}
    union all
    {{ ladder_condition('high_tech', 1, 'rd_share', '研发费用占营业收入', 'least',
        'rd_expense_cny * 100', 'revenue_cny * min_rd_percent',
        '100.0 * rd_expense_cny / nullif(revenue_cny, 0)', 'min_rd_percent', '%') }}
    union all
    {{ ladder_condition('high_tech', 2, 'high_tech_share', '高新技术收入占营业收入', 'least',
        'high_tech_revenue_cny * 100', 'revenue_cny * min_high_tech_percent',
        '100.0 * high_tech_revenue_cny / nullif(revenue_cny, 0)', 'min_high_tech_percent', '%') }}
    union all
    {{ ladder_condition('double_five', 1, 'revenue', '营业收入', 'above',
        'revenue_cny', 'revenue_above_cny') }}
    union all
    {{ ladder_condition('double_five', 2, 'rd_share', '研发费用占营业收入', 'above',
        'rd_expense_cny * 100', 'revenue_cny * rd_percent_above',
        '100.0 * rd_expense_cny / nullif(revenue_cny, 0)', 'rd_percent_above', '%') }}

),

compared as (

    select
        *,
        -- two digits are enough, except where they would make a figure look as if it met the border
        round(shown_value, case when round(shown_value, 2) = shown_border then 7 else 2 end) as told_value,
        case way
            when 'most' then measured <= border
            when 'least' then measured >= border
            when 'above' then measured > border
        end as holds,
        case way
            when 'most' then measured > border and measured <= border * (1 + near_share)
            when 'least' then measured < border and measured >= border * (1 - near_share)
            when 'above' then measured <= border and measured >= border * (1 - near_share)
        end as is_only_just_missed
    from conditions

),

final as (

    select
        record_id || '#' || rung || '#' || condition_code as condition_id,
        record_id,
        firm_no,
        year,
        is_newest,
        filed_date,
        judged_date,
        rung,
        rule_version,
        condition_code,
        condition_name,
        condition_order,
        measured,
        border,
        holds,
        is_only_just_missed,
        condition_name || ' '
        || coalesce({{ number_text('told_value') }} || ' ' || measure_unit, '无数据')
        || case way when 'most' then '，应不超过 ' when 'least' then '，应不低于 ' when 'above' then '，应高于 ' end
        || {{ number_text('shown_border') }} || ' ' || measure_unit as explanation
    from compared

)

select * from final
