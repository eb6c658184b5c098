"""Pairs of texts that are alike: all of them, and no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.rules import similarity
from warehouse.rules.similarity import similar_pairs

TEXTS = st.lists(st.frozensets(st.integers(0, 12)), max_size=12)


def found(texts: list[frozenset[int]], threshold: float) -> dict[tuple[int, int], float]:
    pairs = [(n, piece) for n, text in enumerate(texts) for piece in sorted(text)]
    a, b, scores = similar_pairs(*np.array(pairs, np.int64).reshape(-1, 2).T, threshold)
    return {(int(x), int(y)): float(s) for x, y, s in zip(a, b, scores, strict=True)}


def by_hand(texts: list[frozenset[int]], threshold: float) -> dict[tuple[int, int], float]:
    scores = {
        (i, j): len(texts[i] & texts[j]) / len(texts[i] | texts[j])
        for j in range(len(texts))
        for i in range(j)
        if texts[i] & texts[j]
    }
    return {pair: score for pair, score in scores.items() if score >= threshold - 1e-9}


@pytest.mark.parametrize("first", [1, 2, 30])
@pytest.mark.parametrize("threshold", [0.2, 0.6, 0.8, 1.0])
@given(texts=TEXTS)
def test_every_pair_from_the_threshold_on_is_found_and_no_other(first, threshold, texts):
    """However few of the rarest pieces must be shared before a pair is counted out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "FIRST", first)
        assert found(texts, threshold) == pytest.approx(by_hand(texts, threshold))


def test_exactly_the_threshold_counts():
    assert found([frozenset({1, 2, 3}), frozenset({1, 2, 3, 4, 5})], 0.6) == {(0, 1): 0.6}


def test_no_texts_no_pairs():
    assert found([], 0.6) == {}


def test_a_threshold_that_finds_everything_is_refused():
    with pytest.raises(ValueError, match="threshold"):
        found([frozenset({1})], 0)
