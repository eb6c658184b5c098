-- Pairs of entities that may be one, for a steward to decide: the likeliest pair of mentions of each. The value is the
-- number of mentions that would get another entity, which is the smaller side; then what both sides hold together.
with edges as (

    select
        'institution' as entity_type,
        mention_a,
        mention_b,
        probability,
        rule,
        evidence
    from {{ ref('int_institution_edges') }}
    where is_uncertain
    union all
    select
        'person' as entity_type,
        mention_a,
        mention_b,
        probability,
        rule,
        evidence
    from {{ ref('int_person_edges') }}
    where is_uncertain

),

links as (

    select * from {{ ref('int_entity_links') }}

),

sizes as (

    select
        entity_type,
        entity_id,
        count(*) as mention_count
    from links
    group by entity_type, entity_id

),

-- in the order of the entities, so that a pair is one pair however its edges are turned
pairs as (

    select
        edges.entity_type,
        edges.probability,
        edges.rule,
        edges.evidence,
        least(a.entity_id, b.entity_id) as entity_a,
        greatest(a.entity_id, b.entity_id) as entity_b,
        case when a.entity_id < b.entity_id then a.mention_id else b.mention_id end as mention_a,
        case when a.entity_id < b.entity_id then b.mention_id else a.mention_id end as mention_b
    from edges
    inner join links as a on edges.entity_type = a.entity_type and edges.mention_a = a.mention_id
    inner join links as b on edges.entity_type = b.entity_type and edges.mention_b = b.mention_id
    where a.entity_id != b.entity_id

),

decided as (

    select distinct
        least(a.entity_id, b.entity_id) as entity_a,
        greatest(a.entity_id, b.entity_id) as entity_b
    from {{ ref('int_entity_decision_pairs') }} as told
    inner join links as a on told.entity_type = a.entity_type and told.mention_a = a.mention_id
    inner join links as b on told.entity_type = b.entity_type and told.mention_b = b.mention_id
    where not told.is_together

),

ranked as (

    select
        pairs.*,
        row_number() over (
            partition by pairs.entity_type, pairs.entity_a, pairs.entity_b
            order by
                pairs.probability desc, pairs.mention_a asc, pairs.mention_b asc, pairs.rule asc, pairs.evidence asc
        ) as rank_of_pair
    from pairs
    left join decided on pairs.entity_a = decided.entity_a and pairs.entity_b = decided.entity_b
    where decided.entity_a is null

),

names as (

    select
        mention_id,
        name
    from {{ ref('int_institution_mentions') }}

)

select
    ranked.entity_a || '|' || ranked.entity_b as review_id,
    ranked.entity_type,
    {{ entity_type_label('ranked.entity_type') }} as entity_type_label,
    least(sizes_a.mention_count, sizes_b.mention_count) as review_value,
    sizes_a.mention_count + sizes_b.mention_count as mention_count,
    ranked.probability,
    ranked.rule,
    ranked.evidence,
    ranked.entity_a,
    ranked.mention_a,
    case when ranked.entity_type = 'institution' then names_a.name end as name_a,
    ranked.entity_b,
    ranked.mention_b,
    case when ranked.entity_type = 'institution' then names_b.name end as name_b,
    {{ json_list(list_of([
        regex_group('ranked.mention_a', '^(.*)#[^#]*$'), regex_group('ranked.mention_b', '^(.*)#[^#]*$')
    ])) }} as record_ids
from ranked
inner join sizes as sizes_a on ranked.entity_type = sizes_a.entity_type and ranked.entity_a = sizes_a.entity_id
inner join sizes as sizes_b on ranked.entity_type = sizes_b.entity_type and ranked.entity_b = sizes_b.entity_id
left join names as names_a on ranked.mention_a = names_a.mention_id
left join names as names_b on ranked.mention_b = names_b.mention_id
where ranked.rank_of_pair = 1
