-- What officials may see of vetoes: how many parts were taken and how much public money went to barred subjects, by
-- year and kind of part. Cells of fewer than five persons keep their counts to themselves.
with vetoes as (

    select * from {{ ref('audit_vetoes') }}

),

parts as (

    -- one part may be barred by two decisions: it is one part, and its money is money once
    select
        event_record_id,
        event,
        event_label,
        event_year,
        event_date,
        role,
        role_label,
        subject_type,
        entity_id,
        max(amount_cny) as amount_cny,
        bool_or(not is_retro) as was_known,
        flatten(array_agg({{ json_texts('record_ids') }})) as record_ids
    from vetoes
    group by all

),

counted as (

    select
        event_year,
        event,
        event_label,
        role,
        role_label,
        subject_type,
        cast(count(*) as integer) as part_count,
        cast(count(distinct entity_id) as integer) as subject_count,
        cast(count(distinct event_record_id) as integer) as event_count,
        cast(count(*) filter (where was_known) as integer) as known_count,
        cast(sum(amount_cny) as decimal(18, 2)) as amount_cny,
        flatten(array_agg(record_ids)) as record_ids
    from parts
    group by all

),

final as (

    select
        event_year || '/' || event || '/' || role as veto_count_id,
        event_year,
        event,
        event_label,
        role,
        role_label,
        subject_type,
        {{ subject_type_label('subject_type') }} as subject_type_label,
        subject_count < 5 and subject_type = 'person' as is_suppressed,
        case when subject_count >= 5 or subject_type <> 'person' then part_count end as part_count,
        case when subject_count >= 5 or subject_type <> 'person' then subject_count end as subject_count,
        case when subject_count >= 5 or subject_type <> 'person' then event_count end as event_count,
        case when subject_count >= 5 or subject_type <> 'person' then known_count end as known_count,
        case when subject_count >= 5 or subject_type <> 'person' then amount_cny end as amount_cny,
        case
            when subject_type = 'person' then '[]'
            else {{ json_list('record_ids') }}
        end as record_ids
    from counted

)

select * from final
