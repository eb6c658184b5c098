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

from warehouse.resolve.candidates import CAPITALS, NAME, SHARED_WORDS, Reading, Table, read, take
from warehouse.resolve.features import FEATURES, RIVALRY, features, rivalry
from warehouse.resolve.lexicon import Lexicon
from warehouse.resolve.registry import Institution
from warehouse.resolve.trees import Trees

MODEL = Path(__file__).with_name("affiliations.json")
# A candidate this probable is an answer. Of 0.55, 0.6, 0.65, 0.7 the one at which the query log's F1 is highest over
# the folds of the half trained on, label errors out: 0.894, precision 0.917 (Crossref 0.933, S2AFF 0.968).
CERTAIN = 0.65
HOPELESS = 0.01  # what the first trees think less of than this the second need not weigh
BATCH = 2_000
REMEMBERED = 1 << 17  # texts whose answers are kept, since registers and papers repeat themselves
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
        if tuple(model["features"]) != FEATURES + RIVALRY:
            raise ValueError("the committed weights belong to other features; train them again: see bench/matching.py")
        self.names = Lexicon(institutions, model["experience"])
        self._alone, self._among = Trees(model["alone"]), Trees(model["among"])
        self._known: dict[str, list[Match]] = {}

    def match(self, texts: Iterable[str]) -> Iterator[list[Match]]:
        """For each text its institutions, best first; an empty list where none fits."""
        texts = iter(texts)
        while batch := list(islice(texts, BATCH)):
            if len(self._known) > REMEMBERED:
                self._known.clear()
            new = list(dict.fromkeys(t for t in batch if t not in self._known))
            self._known.update(zip(new, self._match(new), strict=True))
            yield from (list(self._known[t]) for t in batch)

    def _match(self, texts: Sequence[str]) -> list[list[Match]]:
        reading, probability = self.weigh(texts)
        answers = chosen(reading.candidates, probability)
        c = take(reading.candidates, answers)
        found: list[list[Match]] = [[] for _ in texts]
        columns = (c["text"], c["number"], probability[answers], c["way"], c["in_order"])
        for text, number, score, way, in_order in zip(*(column.tolist() for column in columns), strict=True):
            rule = "other_order" if way == NAME and not in_order else RULES.get(way, "parent")
            found[text].append(Match(self.names.institutions[number].id, round(score, 4), rule))
        return found

    def weigh(self, texts: Sequence[str]) -> tuple[Reading, np.ndarray]:
        """The texts' candidates, and the probability of each."""
        reading = read(self.names, texts)
        alone = features(self.names, reading)
        probability = self._alone.probability(alone)
        rivals = rivalry(self.names, reading.candidates, probability)
        hopeful = np.flatnonzero(probability >= HOPELESS)
        probability[hopeful] = self._among.probability(np.hstack([alone[hopeful], rivals[hopeful]]))
        return reading, probability


def chosen(candidates: Table, probability: np.ndarray) -> np.ndarray:
    """Rows of the candidates that count as answers, by text, the best first."""
    order = np.lexsort((candidates["number"], -probability, candidates["text"]))
    return order[probability[order] >= CERTAIN]
