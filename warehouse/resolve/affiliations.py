"""From the text of an affiliation, in any language, to the institutions it names, or to none.

Two sets of trees weigh the candidates: the first each by itself, the second knowing what the first thinks of its
rivals. Both were trained on half of the public labelled sets (bench/matching.py names them and the split) and are
committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from warehouse.resolve.candidates import CAPITALS, FEATURES, NAME, SHARED_WORDS, Candidates, Reading
from warehouse.resolve.registry import Institution
from warehouse.resolve.trees import Trees

MODEL = Path(__file__).with_name("affiliations.json")
CERTAIN = 0.6  # every candidate this probable is an answer;
LIKELY = 0.45  # the best one already from here on
BATCH = 2_000
RULES = {NAME: "name", CAPITALS: "acronym", SHARED_WORDS: "similar_name"}


@dataclass(frozen=True)
class Match:
    """One institution found in a text. `rule`: name, other_order, acronym, similar_name or parent. `score`: 0 to 1."""

    id: str
    score: float
    rule: str


class Matcher:
    """Finds institutions of a registry in texts."""

    def __init__(self, institutions: Iterable[Institution], model: dict[str, Any] | None = None):
        model = model or json.loads(MODEL.read_text(encoding="utf-8"))
        if tuple(model["features"]) != FEATURES:
            raise ValueError("the committed weights belong to other features; train them again: see bench/matching.py")
        self.candidates = Candidates(institutions, model["prior"])
        self._alone, self._among = Trees(model["alone"]), Trees(model["among"])

    def match(self, texts: Iterable[str]) -> Iterator[list[Match]]:
        """For each text its institutions, best first; an empty list where none fits."""
        texts = iter(texts)
        while batch := list(islice(texts, BATCH)):
            yield from self._match(batch)

    def _match(self, texts: Sequence[str]) -> Iterator[list[Match]]:
        readings = [self.candidates.read(text) for text in texts]
        rows = [self.candidates.features(reading) for reading in readings]
        for reading, scores in zip(readings, self.probabilities(readings, rows), strict=True):
            yield [self._told(reading, number, score) for number, score in chosen(reading, scores)]

    def probabilities(self, readings: Sequence[Reading], rows: Sequence[list[list[Any]]]) -> list[np.ndarray]:
        """Per reading the probability of each of its candidates, in their order."""
        ends = np.cumsum([len(r) for r in rows])
        if not len(ends) or not ends[-1]:
            return [np.zeros(0) for _ in rows]
        flat = np.array([row for some in rows for row in some], dtype=float)
        alone = np.split(self._alone.probability(flat), ends[:-1])
        rivals = np.array([row for r, p in zip(readings, alone, strict=True) for row in rivalry(r, p)])
        return np.split(self._among.probability(np.hstack([flat, rivals])), ends[:-1])

    def _told(self, reading: Reading, number: int, score: float) -> Match:
        c = reading.candidates[number]
        rule = RULES.get(c.way, "parent")
        if rule == "name" and not c.in_order:
            rule = "other_order"
        return Match(self.candidates.institutions[number].id, round(float(score), 4), rule)


def rivalry(reading: Reading, probabilities: Sequence[float]) -> list[list[float]]:
    """What the second trees know more per candidate: its probability, the best of those that overlap it, the best of
    the others, the sum, how many are better, the best on the very same words, the sum of those that overlap."""
    found = list(reading.candidates.values())
    rows = []
    for i, c in enumerate(found):
        overlap = best_overlap = best_apart = total = best_same = 0.0
        better = 0
        for j, (d, p) in enumerate(zip(found, probabilities, strict=True)):
            if i == j:
                continue
            total += p
            better += p > probabilities[i]
            if d.start < c.end and d.end > c.start:
                overlap += p
                best_overlap = max(best_overlap, p)
                if d.start == c.start and d.end == c.end:
                    best_same = max(best_same, p)
            else:
                best_apart = max(best_apart, p)
        rows.append([probabilities[i], best_overlap, best_apart, total, better, best_same, overlap])
    return rows


def chosen(reading: Reading, probabilities: Sequence[float]) -> list[tuple[int, float]]:
    """The candidates that count as answers, best first."""
    ranked = sorted(zip(probabilities, reading.candidates, strict=True), key=lambda pn: (-pn[0], pn[1]))
    certain = [(number, p) for p, number in ranked if p >= CERTAIN]
    return certain or [(number, p) for p, number in ranked[:1] if p >= LIKELY]
