-- Every version of every record of every source, in the order in which the contracts name them. The relations come from the
-- generated list of sources, so a new source file needs nothing here.
{%- set relations = record_relations() %}
with versions as (

    {% for r in relations -%}
    select
        _record_id as record_id,
        _version as version,
        '{{ r.source }}' as source,
        '{{ r.record }}' as record_type,
        '{{ r.class }}' as record_class,
        cast({{ r.title }} as varchar) as title,
        _content_hash as content_hash,
        _batch as batch,
        _payload as payload,
        _pointer as pointer,
        _change as change,
        _is_current as is_current,
        _is_withdrawn as is_withdrawn,
        _received_at as received_at,
        _as_of as as_of_date,
        {{ list_text('_warnings') }} as warnings
    from {{ r.relation }}
    {% if not loop.last %}union all{% endif %}
    {% else -%}
    select
        cast(null as varchar) as record_id,
        cast(null as bigint) as version,
        cast(null as varchar) as source,
        cast(null as varchar) as record_type,
        cast(null as varchar) as record_class,
        cast(null as varchar) as title,
        cast(null as varchar) as content_hash,
        cast(null as bigint) as batch,
        cast(null as integer) as payload,
        cast(null as varchar) as pointer,
        cast(null as varchar) as change,
        cast(null as boolean) as is_current,
        cast(null as boolean) as is_withdrawn,
        cast(null as timestamp) as received_at,
        cast(null as date) as as_of_date,
        cast(null as varchar) as warnings
    where false
    {% endfor %}
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
