-- Every version of every record of every source. The relations come from the generated list of sources, so a new
-- source file needs nothing here.
with versions as (

    {{ union_record_versions() }}

),

batches as (

    select * from {{ source('raw', 'ledger__batches') }}

),

payloads as (

    select * from {{ source('raw', 'ledger__payloads') }}

),

sources as (

    select * from {{ source('raw', 'sources') }}

),

final as (

    select
        versions.*,
        sources.title as source_title,
        payloads.url as payload_url,
        payloads.stored_sha256 as payload_sha256,
        payloads.segment,
        payloads.payload_offset,
        payloads.length as payload_length
    from versions
    left join batches on versions.batch = batches.seq
    left join payloads on batches.fetch_id = payloads.fetch_id and versions.payload = payloads.payload
    left join sources on versions.source = sources.source

)

select * from final
