-- Title and abstract of each application cut into overlapping pieces of three characters, NFKC, without blanks,
-- punctuation and control characters. The rarer a piece, the smaller its number.
with texts as (

    select
        record_id,
        {{ plain_letters("coalesce(title, '') || coalesce(abstract, '')") }} as plain
    from {{ ref('stg_pds__application') }}

),

pieces as (

    select
        record_id,
        unnest({{ shingles_of('plain') }}) as piece
    from texts
    where plain <> ''

),

numbered as (

    -- a piece by its number: the fewer applications have it, the smaller
    select
        piece,
        row_number() over (order by count(*), piece) - 1 as piece_number
    from pieces
    group by piece

),

final as (

    select
        pieces.record_id,
        numbered.piece_number
    from pieces
    inner join numbered on pieces.piece = numbered.piece

)

select * from final
