"""Two small tools for whole arrays: rows of different lengths, and a fixed set of codes in which many are looked up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

_BITS = 22


class Lists:
    """Rows of numbers of different lengths, one after the other."""

    def __init__(self, rows: Sequence[Iterable[int]]):
        rows = [list(r) for r in rows]
        self.starts = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(r) for r in rows], out=self.starts[1:])
        self.values = np.array([v for r in rows for v in r], dtype=np.int64)

    @property
    def sizes(self) -> np.ndarray:
        return np.diff(self.starts)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Per row the sum of what its numbers stand for in `values`; rows are not empty."""
        return np.add.reduceat(values[self.values], self.starts[:-1]) if len(self.values) else values[:0]

    def of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All numbers of the given rows, each with the place of its row in `rows`."""
        sizes = self.starts[rows + 1] - self.starts[rows]
        whose = np.repeat(np.arange(len(rows)), sizes)
        within = np.arange(len(whose)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return whose, self.values[self.starts[rows][whose] + within]


class Codes:
    """A set of different 64-bit codes; a table of bits rules out most others before they are searched for."""

    def __init__(self, codes: np.ndarray):
        self._order = np.argsort(codes, kind="stable")
        self._codes = codes[self._order]
        self._bits = np.zeros(1 << _BITS, dtype=bool)
        self._bits[codes & np.uint64((1 << _BITS) - 1)] = True

    def find(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places in `codes` of those that are in the set, and their places in the set as it was given."""
        if not len(self._codes):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        maybe = np.flatnonzero(self._bits[codes & np.uint64((1 << _BITS) - 1)])
        at = np.searchsorted(self._codes, codes[maybe])
        at[at == len(self._codes)] = 0
        known = self._codes[at] == codes[maybe]
        return maybe[known], self._order[at[known]]


def among(codes: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Which of `codes` are in the sorted array `some`."""
    if not len(some):
        return np.zeros(len(codes), dtype=bool)
    at = np.searchsorted(some, codes)
    at[at == len(some)] = 0
    return some[at] == codes


def first_of_each(codes: np.ndarray) -> np.ndarray:
    """Which entries of an array sorted by code are the first of their code."""
    first = np.ones(len(codes), dtype=bool)
    first[1:] = codes[1:] != codes[:-1]
    return first
