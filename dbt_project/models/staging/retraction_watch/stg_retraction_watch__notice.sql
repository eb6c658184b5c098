with source as (

    select * from {{ source('raw', 'retraction_watch__notice') }}

),

renamed as (

    select
        _record_id as record_id,
        nature,
        notice_date,
        original_date,
        lower(trim(notice_doi)) as notice_doi,
        lower(trim(original_doi)) as original_doi,
        article_type,
        {{ unescape_html('container') }} as journal,
        {{ unescape_html('publisher') }} as publisher,
        funder,
        {{ python_list('institutions') }} as affiliations,
        {{ python_list("replace(reasons, '+', '')") }} as reasons,
        {{ python_list('machine_ror_ids') }} as machine_ror_ids
    from source
    where _is_current and not _is_withdrawn

)

select * from renamed
