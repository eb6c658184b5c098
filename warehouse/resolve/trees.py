"""Gradient-boosted trees as plain arrays: trained in bench/, committed as JSON, evaluated without their library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class Trees:
    """A sum of decision trees over numbers, turned into a probability.

    `tables`: per tree the lists feature, threshold, left, right (of inner nodes; a negative child −n−1 is leaf n) and
    leaf (values). A row goes left where its feature is at most the threshold.
    """

    def __init__(self, tables: list[Mapping[str, list[Any]]]):
        self.depth = max(_depth(t) for t in tables)
        size = 2**self.depth
        # every tree filled up to the same depth: the children of node n are 2n+1 and 2n+2, the leaves come last
        self.feature = np.zeros((len(tables), size - 1), dtype=np.int32)
        self.threshold = np.full((len(tables), size - 1), np.inf)
        self.leaf = np.zeros((len(tables), size))
        for tree, table in enumerate(tables):
            self._fill(tree, table, 0, 0)

    def _fill(self, tree: int, table: Mapping[str, list[Any]], node: int, place: int) -> None:
        inner = self.feature.shape[1]
        if node < 0 or not table["feature"]:
            if place >= inner:
                self.leaf[tree, place - inner] = table["leaf"][-node - 1 if node < 0 else 0]
            else:  # a leaf above the last row: both ways lead to it
                self._fill(tree, table, node, 2 * place + 1)
                self._fill(tree, table, node, 2 * place + 2)
            return
        self.feature[tree, place] = table["feature"][node]
        self.threshold[tree, place] = table["threshold"][node]
        self._fill(tree, table, table["left"][node], 2 * place + 1)
        self._fill(tree, table, table["right"][node], 2 * place + 2)

    def probability(self, rows: np.ndarray) -> np.ndarray:
        """Probability per row of `rows` (n × features)."""
        flat, offset = rows.ravel(), np.arange(len(rows)) * rows.shape[1]
        total = np.zeros(len(rows))
        inner = self.feature.shape[1]
        for feature, threshold, leaf in zip(self.feature, self.threshold, self.leaf, strict=True):
            node = np.zeros(len(rows), dtype=np.intp)
            for _ in range(self.depth):
                node = 2 * node + 1 + (flat[offset + feature[node]] > threshold[node])
            total += leaf[node - inner]
        return 1 / (1 + np.exp(-total))


def _depth(table: Mapping[str, list[Any]], node: int = 0) -> int:
    if node < 0 or not table["feature"]:
        return 0
    return 1 + max(_depth(table, table["left"][node]), _depth(table, table["right"][node]))
