"""How well affiliations find their institutions, and the training of the weights that decide it.

    .venv/bin/python -m bench.matching               # scores the committed weights
    .venv-bench/bin/python -m bench.matching --train # trains them again (LightGBM), writes affiliations.json

Gold: four sets of affiliations with their ROR ids below `matching_gold/` of the drop (BRAIN_DROP): publishers' own
assertions from Crossref and Springer Nature, the hand-labelled query log of ROR's API, and S2AFF. Scored are the rows
all of whose labels are in the registry at hand, `institutions/ror_records_union…`, rows labelled "none" included.
A row belongs to the half that is tuned on or to the half that is scored by the lowest bit of the first byte of the
SHA-256 of its text, so one text is never in both. Precision and recall are counted over pairs of text and institution.
"""

from __future__ import annotations

import argparse
import ast
import csv
import gzip
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from warehouse.resolve.affiliations import MODEL, Matcher, chosen, rivalry
from warehouse.resolve.candidates import FEATURES, Candidates, Reading
from warehouse.resolve.registry import Institution, from_ror
from warehouse.resolve.trees import Trees
from warehouse.resolve.words import name_key

GOLD = "matching_gold"
REGISTRY = "institutions/ror_records_union_v1.0_to_v2.6_latest.jsonl.gz"
WEIGHTS = {"crossref": 1, "springer": 1, "logs": 2, "s2aff": 2}  # the hand-labelled rows are few and count twice
PUBLISHED = {"crossref": 0.891, "logs": 0.858}  # best F1 of a published matcher (ror_matcher_metrics, s2aff_metrics)
FOLDS = 5
PARAMETERS = {
    "objective": "binary", "num_leaves": 24, "max_depth": 5, "learning_rate": 0.12, "min_data_in_leaf": 40,
    "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 10, "verbosity": -1,
    "num_threads": 1, "seed": 1, "deterministic": True,
}  # fmt: skip
ROUNDS = {"alone": 90, "among": 60}


@dataclass(frozen=True)
class Row:
    """One labelled text of a set; `labels` is empty where it names no institution of ROR."""

    set: str
    text: str
    labels: frozenset[str]

    @property
    def is_scored(self) -> bool:
        return bool(hashlib.sha256(self.text.encode()).digest()[0] & 1)

    @property
    def fold(self) -> int:
        return hashlib.sha256(b"fold" + self.text.encode()).digest()[0] % FOLDS


def registry(drop: Path) -> list[Institution]:
    with gzip.open(drop / REGISTRY, "rt", encoding="utf-8") as lines:
        return [from_ror(json.loads(line)["record"]) for line in lines]


def gold(drop: Path) -> Iterator[Row]:
    """Every labelled row, in the order of the files."""
    files = {
        "crossref": ("crossref_publisher_asserted_20230628.csv", "affiliation", "ror_id"),
        "springer": ("springer_nature_20231031.csv", "affiliation", "ror_id"),
        "logs": ("ror_api_query_logs_20230903.csv", "affiliation", "ror_id"),
        "s2aff": ("s2aff_gold_train_val.csv", "original_affiliation", "labels"),
    }
    for name, (file, text, label) in files.items():
        with open(drop / GOLD / file, encoding="utf-8", newline="") as f:
            for row in csv.DictReader(f):
                yield Row(name, row[text], _labels(row[label]))


def _labels(text: str) -> frozenset[str]:
    if text == "NP":  # "not possible": names no institution of ROR
        return frozenset()
    if text.startswith("{"):
        return frozenset(ast.literal_eval(text))
    return frozenset(part.strip() for part in text.replace(";", ",").split(","))


# -- scores -----------------------------------------------------------------------------------------------------------


@dataclass
class Score:
    rows: int = 0
    hit: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, found: set[str], labels: frozenset[str]) -> None:
        self.rows += 1
        self.hit += len(found & labels)
        self.wrong += len(found - labels)
        self.missed += len(labels - found)

    @property
    def precision(self) -> float:
        return self.hit / max(1, self.hit + self.wrong)

    @property
    def recall(self) -> float:
        return self.hit / max(1, self.hit + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.hit / max(1, 2 * self.hit + self.wrong + self.missed)

    def __str__(self) -> str:
        return f"{self.rows:,} | {self.precision:.3f} | {self.recall:.3f} | {self.f1:.3f}"


class China:
    """Whether a text names a place in China: a city or province of the registry, or the country."""

    def __init__(self, institutions: Iterable[Institution]):
        places = {p for i in institutions for p in i.places if p.country == "CN"}
        names = {name_key(n) for p in places for n in (p.city, p.region) if n}
        self.names = {k for k in names if sum(map(len, k)) > 3} | {("china",), ("prc",)}

    def __call__(self, reading: Reading) -> bool:
        words = [w or "," for w in reading.words]
        runs = {tuple(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words))}
        return not runs.isdisjoint(self.names) and ("taiwan",) not in runs


def scored(matcher: Matcher, rows: list[Row], in_china: China) -> dict[str, Score]:
    """Scores per set, and over the texts that name a place in China."""
    scores: dict[str, Score] = {}
    readings = [matcher.candidates.read(r.text) for r in rows]
    features = [matcher.candidates.features(r) for r in readings]
    ids = matcher.candidates.institutions
    for row, reading, p in zip(rows, readings, matcher.probabilities(readings, features), strict=True):
        found = {ids[number].id for number, _ in chosen(reading, p)}
        for name in (row.set, *(["names a place in China"] if in_china(reading) else [])):
            scores.setdefault(name, Score()).add(found, row.labels)
    return scores


# -- training ---------------------------------------------------------------------------------------------------------


def train(institutions: list[Institution], rows: list[Row]) -> dict:
    """Both sets of trees; the second learns from what the first thinks of rows that it was not trained on."""
    prior = Counter(label for row in rows for label in row.labels)
    candidates = Candidates(institutions, prior)
    readings = [candidates.read(r.text) for r in rows]
    labels = [frozenset(candidates.numbers[i] for i in r.labels) for r in rows]
    features = [np.array(candidates.features(r, own), dtype=float) for r, own in zip(readings, labels, strict=True)]
    kept = [i for i, f in enumerate(features) if len(f)]
    truth = {i: [n in labels[i] for n in readings[i].candidates] for i in kept}

    def fit(some: list[int], tables: dict[int, np.ndarray], rounds: int) -> list[dict]:
        import lightgbm

        weights = [WEIGHTS[rows[i].set] for i in some for _ in truth[i]]
        data = lightgbm.Dataset(
            np.vstack([tables[i] for i in some]), [y for i in some for y in truth[i]], weight=weights
        )
        model = lightgbm.train(PARAMETERS, data, rounds)
        return [_table(tree["tree_structure"]) for tree in model.dump_model()["tree_info"]]

    alone = {i: features[i] for i in kept}
    opinions: dict[int, np.ndarray] = {}
    for fold in range(FOLDS):
        trees = Trees(fit([i for i in kept if rows[i].fold != fold], alone, ROUNDS["alone"]))
        for i in kept:
            if rows[i].fold == fold:
                opinions[i] = trees.probability(features[i])
    among = {i: np.hstack([features[i], np.array(rivalry(readings[i], opinions[i]))]) for i in kept}
    return {
        "features": FEATURES,
        "alone": fit(kept, alone, ROUNDS["alone"]),
        "among": fit(kept, among, ROUNDS["among"]),
        "prior": {k: n for k, n in sorted(prior.items()) if n > 1},
    }


def _table(root: dict) -> dict[str, list]:
    """A tree of LightGBM as flat lists; see warehouse/resolve/trees.py."""
    table: dict[str, list] = {"feature": [], "threshold": [], "left": [], "right": [], "leaf": []}

    def add(node: dict) -> int:
        if "leaf_value" in node:
            table["leaf"].append(float(f"{node['leaf_value']:.6g}"))
            return -len(table["leaf"])
        at = len(table["feature"])
        table["feature"].append(node["split_feature"])
        table["threshold"].append(float(node["threshold"]))
        for side in ("left", "right"):
            table[side].append(0)
        for side in ("left", "right"):
            table[side][at] = add(node[f"{side}_child"])
        return at

    add(root)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true", help="train the weights on the tuned half and write them")
    given = parser.parse_args()
    drop = Path(os.environ.get("BRAIN_DROP") or Path(__file__).resolve().parents[2] / "shared/data")
    institutions = registry(drop)
    known = {i.id for i in institutions}
    every = list(gold(drop))
    rows = [r for r in every if r.labels <= known]
    counted = {name: (sum(r.set == name for r in every), sum(r.set == name for r in rows)) for name in WEIGHTS}
    print("rows, of them with all labels in the registry: ", counted, file=sys.stderr)
    if given.train:
        model = train(institutions, [r for r in rows if not r.is_scored])
        MODEL.write_text(json.dumps(model, separators=(",", ":")) + "\n", encoding="utf-8")
    matcher = Matcher(institutions)
    begun = time.process_time()
    scores = scored(matcher, [r for r in rows if r.is_scored], China(institutions))
    spent = time.process_time() - begun
    print("| set, scored half | rows | precision | recall | F1 |\n|---|---|---|---|---|")
    for name, score in scores.items():
        print(f"| {name} | {score} |")
    print(f"\n{sum(scores[n].rows for n in WEIGHTS) / spent:,.0f} texts per CPU-s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
