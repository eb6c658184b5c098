-- One row per place in a record where an institution stands: a register's own entry (role self) or somebody who names
-- one, by name, credit code or number. The text of an affiliation may name several institutions or none; it is told by
-- is_free_text.
with named as (

    {{ institution_mention('stg_nsfc__project', 'institution', 'institution_name') }}
    union all
    {{ institution_mention('stg_nsfc__evaluation', 'institution', 'institution_name') }}
    union all
    {{ institution_mention('stg_nssfc__project', 'institution', 'institution_name') }}
    union all
    {{ institution_mention('stg_pds__application', 'host', 'host_name', 'host_credit_code', district='district_code') }}
    union all
    {{ institution_mention('stg_pds__project', 'host', 'host_name', 'host_credit_code', district='district_code') }}
    union all
    {{ institution_mention('stg_pds__call', 'owner', 'owner_name', 'owner_credit_code') }}
    union all
    {{ institution_mention('stg_pds__call', 'winner', 'winner_name', 'winner_credit_code') }}
    union all
    {{ institution_mention('stg_pds__report_obligation', 'unit', 'unit_name', 'unit_credit_code') }}
    union all
    {{ institution_mention('stg_pds__outreach_base', 'host', 'host_name', 'host_credit_code') }}
    union all
    {{ institution_mention('stg_pds__talent', 'employer', 'employer_name', 'employer_credit_code') }}
    union all
    {{ institution_mentions_of_list('stg_pds__talent', 'employer', 'employers') }}
    union all
    {{ institution_mention('stg_pds__expert', 'employer', 'employer_name', 'employer_credit_code') }}
    union all
    {{ institution_mentions_of_list('stg_pds__expert', 'employer', 'employers') }}
    union all
    {{ institution_mentions_of_list('stg_pds__expert', 'avoid_unit', 'avoid_units') }}
    union all
    {{ institution_mentions_of_list('stg_pds__expert', 'shareholding', 'shareholdings') }}
    union all
    {{ institution_mention('stg_pds__unit', 'parent', number=number_of('pds', 'parent_unit_no')) }}
    union all
    {{ institution_mention('stg_pds__unit', 'successor', number=number_of('pds', 'successor_unit_no')) }}
    union all
    {{ institution_mention('stg_market__contract', 'seller', 'seller_name', 'seller_credit_code') }}
    union all
    {{ institution_mention('stg_market__contract', 'buyer', 'buyer_name', 'buyer_credit_code') }}
    union all
    {{ institution_mention(
        'stg_market__achievement', 'owner', 'owner_name', 'owner_credit_code', district='district_code'
    ) }}
    union all
    {{ institution_mention(
        'stg_market__demand', 'owner', 'owner_name', 'owner_credit_code', district='district_code'
    ) }}
    union all
    {{ institution_mention(
        'stg_market__resource', 'owner', 'owner_name', 'owner_credit_code', district='district_code'
    ) }}
    union all
    {{ institution_mention(
        'stg_market__scenario', 'owner', 'owner_name', 'owner_credit_code', district='district_code'
    ) }}
    union all
    {{ institution_mention('stg_market__match_event', 'service', number=number_of('market', 'institution_no')) }}
    union all
    {{ institution_mention('stg_integrity__pledge', 'institution', 'institution_name', 'institution_credit_code') }}
    union all
    {{ institution_mention('stg_integrity__report', 'subject', 'subject_name', where="subject_type = 'institution'") }}
    union all
    {{ institution_mention('stg_integrity__report', 'employer', 'employer_name') }}
    union all
    {{ institution_mention(
        'stg_integrity__decision', 'subject', 'subject_name', 'subject_credit_code', where="subject_type = 'institution'"
    ) }}
    union all
    {{ institution_mention('stg_integrity__decision', 'employer', 'employer_name', 'employer_credit_code') }}
    union all
    {{ institution_mention('stg_reports__report', 'unit', 'unit_name', 'unit_credit_code') }}
    union all
    {{ institution_mention('stg_carriers__platform', 'host', 'host_name', 'host_credit_code') }}
    union all
    {{ institution_mention('stg_carriers__incubator', 'host', 'host_name', 'host_credit_code') }}
    union all
    {{ institution_mention('stg_carriers__tenant', 'firm', 'firm_name', 'credit_code') }}
    union all
    {{ institution_mention(
        'stg_enterprises__firm_year', 'firm', 'firm_name', 'credit_code', number_of('firm', 'firm_no')
    ) }}
    union all
    {{ institution_mention(
        'stg_enterprises__qualification', 'firm', 'firm_name', 'credit_code', number_of('firm', 'firm_no')
    ) }}
    union all
    {{ institution_mention(
        'stg_enterprises__ip', 'owner', 'owner_name', 'owner_credit_code', number_of('firm', 'firm_no')
    ) }}
    union all
    {{ institution_mention('stg_enterprises__ip', 'former_owner', 'former_owner_name') }}
    union all
    {{ institution_mention(
        'stg_enterprises__consortium', 'lead', 'lead_name', 'lead_credit_code', number_of('firm', 'lead_firm_no')
    ) }}
    union all
    {{ institution_mention('stg_finance__fiscal_item', 'recipient', 'recipient_name', 'recipient_credit_code') }}
    union all
    {{ institution_mention('stg_finance__fund', 'manager', 'manager_name', 'manager_credit_code') }}
    union all
    {{ institution_mention('stg_finance__fund_investment', 'firm', 'firm_name', 'firm_credit_code') }}
    union all
    {{ institution_mention('stg_finance__loan', 'borrower', 'borrower_name', 'borrower_credit_code') }}
    union all
    {{ institution_mention('stg_finance__ip_pledge', 'owner', 'owner_name', 'owner_credit_code') }}
    union all
    {{ institution_mention('stg_finance__voucher', 'holder', 'holder_name', 'holder_credit_code') }}
    union all
    {{ institution_mention('stg_finance__voucher', 'service', 'service_name', 'service_credit_code') }}
    union all
    {{ institution_mention(
        'stg_steward__correction', 'subject', code=clean_code('new_value'), where="field_name like '%credit_code'"
    ) }}

),

members as (

    -- names and codes of the members stand in two lists of one order
    select
        c.record_id,
        'member ' || u.place as role,
        {{ clean_text('u.item') }} as name,
        {{ clean_code(element_of('c.member_credit_codes', 'u.place')) }} as credit_code,
        {{ empty_list() }} as numbers,
        cast(null as varchar) as district_code
    from {{ ref('stg_enterprises__consortium') }} as c
    cross join {{ explode_numbered('c.member_names', 'u', 'place', 'item') }}

),

merged_firms as (

    select
        f.record_id,
        'merged_firm ' || u.place as role,
        cast(null as varchar) as name,
        cast(null as varchar) as credit_code,
        {{ list_of([number_of('firm', clean_code('u.item'))]) }} as numbers,
        cast(null as varchar) as district_code
    from {{ ref('stg_enterprises__firm') }} as f
    cross join {{ explode_numbered('f.merged_firms', 'u', 'place', 'item') }}
    where f.is_current and not f.is_withdrawn

),

laboratory_hosts as (

    select
        l.record_id,
        'host ' || u.place as role,
        {{ clean_text(regex_group('u.item', '^[Pp]arent:(.*)$')) }} as name,
        cast(null as varchar) as credit_code,
        {{ empty_list() }} as numbers,
        cast(null as varchar) as district_code
    from {{ ref('stg_ror_laboratories__laboratory') }} as l
    cross join {{ explode_numbered('l.relations', 'u', 'place', 'item') }}

),

affiliations as (

    select
        n.record_id,
        'affiliation ' || u.place as role,
        {{ clean_text('u.item') }} as name,
        cast(null as varchar) as credit_code,
        {{ empty_list() }} as numbers,
        cast(null as varchar) as district_code
    from {{ ref('stg_retraction_watch__notice') }} as n
    cross join {{ explode_numbered('n.affiliations', 'u', 'place', 'item') }}

),

mentioned as (

    select
        *,
        false as is_free_text
    from named
    union all
    select
        *,
        false as is_free_text
    from members
    union all
    select
        *,
        false as is_free_text
    from laboratory_hosts
    union all
    select
        *,
        false as is_free_text
    from merged_firms
    union all
    select
        *,
        true as is_free_text
    from affiliations

),

unioned as (

    select
        record_id,
        'self' as role,
        name,
        credit_code,
        numbers,
        district_code,
        own_names,
        other_names,
        former_names,
        institution_type,
        kin_numbers,
        can_be_linked,
        false as is_free_text
    from {{ ref('int_institution_self_mentions') }}
    union all
    select
        record_id,
        role,
        name,
        credit_code,
        numbers,
        district_code,
        {{ empty_list() }} as own_names,
        {{ empty_list() }} as other_names,
        {{ empty_list() }} as former_names,
        cast(null as varchar) as institution_type,
        {{ empty_list() }} as kin_numbers,
        true as can_be_linked,
        is_free_text
    from mentioned
    where coalesce(name, credit_code, {{ first_of('numbers') }}) is not null

),

spellings as (

    -- names repeat 70,000 times: normalise each spelling once
    select
        name,
        {{ normalise_name('name') }} as name_key
    from (select distinct name from unioned) as spelt

),

final as (

    select
        u.record_id || '#' || u.role as mention_id,
        u.record_id,
        u.role,
        {{ regex_group('u.record_id', '^([^:]*):') }} as source,
        u.name,
        s.name_key,
        u.credit_code,
        {{ without_nulls('u.numbers') }} as numbers,
        u.own_names,
        u.other_names,
        u.former_names,
        u.district_code,
        u.institution_type,
        {{ without_nulls('u.kin_numbers') }} as kin_numbers,
        u.can_be_linked,
        u.role = 'self' as is_registered,
        u.is_free_text
    from unioned as u
    left join spellings as s on u.name = s.name

)

select * from final
