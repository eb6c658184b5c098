-- The versions of the veto rule, for those who check an answer.
with rules as (

    select * from {{ ref('veto_rules') }}

),

final as (

    select
        rule_version || '/' || severity as veto_rule_id,
        rule_version,
        severity,
        blocks_leader,
        blocks_member,
        blocks_expert,
        blocks_institution,
        blocks_legal_representative,
        valid_from,
        valid_to,
        source_document,
        basis
    from rules

)

select * from final
