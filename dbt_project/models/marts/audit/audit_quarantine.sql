with quarantined as (

    select * from {{ source('raw', 'quarantine__records') }}

),

sources as (

    select * from {{ source('raw', 'sources') }}

),

final as (

    select
        quarantined.quarantine_id,
        quarantined.source,
        sources.title as source_title,
        quarantined.record as record_type,
        quarantined.batch,
        quarantined.payload,
        quarantined.pointer,
        quarantined.record_id,
        {{ first_of('quarantined.reasons') }} as main_reason,
        {{ list_text('quarantined.reasons') }} as reasons,
        quarantined.raw_json,
        quarantined.quarantined_at
    from quarantined
    left join sources on quarantined.source = sources.source

)

select * from final
