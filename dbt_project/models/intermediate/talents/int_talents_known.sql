-- Everybody of the register of talents once, whatever the number of their entries; the smallest number speaks.
with entries as (

    select
        links.entity_id as person_id,
        talents.*
    from {{ ref('stg_pds__talent') }} as talents
    inner join {{ ref('int_person_links') }} as links on talents.record_id = links.record_id and links.role = 'self'

),

final as (

    select
        person_id,
        min_by(industry, talent_no) as industry,
        min_by(category, talent_no) filter (category is not null) as category,
        min(left_date) as left_date,
        cast(count(*) as integer) as number_count,
        {{ json_list_agg('talent_no') }} as talent_nos,
        min_by(record_id, talent_no) as record_id,
        {{ json_list_agg('record_id') }} as record_ids
    from entries
    group by person_id

)

select * from final
