-- What effective decisions say of two mentions. Where two decisions say the opposite of the same two, the later counts.
with mentions as (

    select
        decisions.decision_no,
        decisions.entity_type,
        decisions.approved_date,
        decisions.decision_kind = 'merge' as is_together,
        u.mention_id,
        min(u.mention_id) over (partition by decisions.decision_no) as first_mention_id
    from {{ ref('int_entity_decisions') }} as decisions
    cross join {{ explode(json_texts('decisions.mention_ids'), 'u', 'mention_id') }}
    where decisions.decision_status = 'effective'

),

-- to join, each with the first is enough; to keep apart, each with each
pairs as (

    select
        a.decision_no,
        a.entity_type,
        a.approved_date,
        a.is_together,
        a.mention_id as mention_a,
        b.mention_id as mention_b
    from mentions as a
    inner join mentions as b on a.decision_no = b.decision_no and a.mention_id < b.mention_id
    where not a.is_together or a.mention_id = a.first_mention_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by entity_type, mention_a, mention_b order by approved_date desc, decision_no desc
        ) as rank_of_pair
    from pairs

)

select
    decision_no || '|' || mention_a || '|' || mention_b as pair_id,
    decision_no,
    entity_type,
    is_together,
    mention_a,
    mention_b
from ranked
where rank_of_pair = 1
