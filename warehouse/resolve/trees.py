"""Gradient-boosted trees as plain arrays: trained in bench/, committed as JSON, evaluated without their library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

MOST_LEAVES = 32


class Trees:
    """A sum of decision trees over numbers, turned into a probability.

    `tables`: per tree the lists feature, threshold, left, right (of inner nodes; a negative child −n−1 is leaf n) and
    leaf (values, at most MOST_LEAVES). A row goes left where its feature is at most the threshold.

    No row is walked down a tree. Each tree's leaves are numbered from left to right; a row that goes right at a node
    cannot end in a leaf on the node's left, so those bits are struck out, for all rows at once. Of the bits that remain
    the lowest is the row's leaf (QuickScorer, Lucchese et al., SIGIR 2015).
    """

    def __init__(self, tables: list[Mapping[str, list[Any]]]):
        self._trees = []
        for table in tables:
            leaves: list[float] = []
            struck: dict[int, int] = {}
            _number_leaves(table, 0, leaves, struck)
            if len(leaves) > MOST_LEAVES:
                raise ValueError(f"a tree has {len(leaves)} leaves, at most {MOST_LEAVES} are possible")
            nodes = [
                (table["feature"][node], table["threshold"][node], np.uint32(bits ^ 0xFFFFFFFF))
                for node, bits in struck.items()
            ]
            self._trees.append((nodes, np.array(leaves)))

    def probability(self, rows: np.ndarray) -> np.ndarray:
        """Probability per row of `rows` (n × features)."""
        columns = np.ascontiguousarray(rows.T, dtype=float)
        total = np.zeros(len(rows))
        right = np.empty(len(rows), dtype=bool)
        alive, bits = np.empty(len(rows), dtype=np.uint32), np.empty(len(rows), dtype=np.uint32)
        for nodes, leaves in self._trees:
            alive.fill(0xFFFFFFFF)
            for feature, threshold, kept in nodes:
                np.greater(columns[feature], threshold, out=right)
                # all bits where a row goes left, those kept where it goes right; much faster than a choice per row
                np.subtract(right, np.uint32(1), out=bits, dtype=np.uint32)
                np.bitwise_or(bits, kept, out=bits)
                np.bitwise_and(alive, bits, out=alive)
            total += leaves[_lowest_bit(alive)]
        return 1 / (1 + np.exp(-total))


def _number_leaves(table: Mapping[str, list[Any]], node: int, leaves: list[float], struck: dict[int, int]) -> int:
    """Append the leaves below a node from left to right; note for inner nodes which leaves going right strikes out.
    Returns the leaves below the node as bits."""
    if node < 0 or not table["feature"]:
        leaves.append(table["leaf"][-node - 1 if node < 0 else 0])
        return 1 << (len(leaves) - 1)
    left = _number_leaves(table, table["left"][node], leaves, struck)
    struck[node] = left
    return left | _number_leaves(table, table["right"][node], leaves, struck)


def _lowest_bit(bits: np.ndarray) -> np.ndarray:
    """Place of the lowest bit set."""
    return np.frexp((bits & -bits).astype(np.float64))[1] - 1
