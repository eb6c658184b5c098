"""How well affiliations find their institutions, and the training of the weights that decide it.

    .venv/bin/python -m bench.matching               # scores the committed weights, writes label_errors.csv
    .venv-bench/bin/python -m bench.matching --train # trains them again (LightGBM), writes affiliations.json

Gold: four sets of affiliations with their ROR ids below `matching_gold/` of the drop (BRAIN_DROP): publishers' own
assertions from Crossref and Springer Nature, the hand-labelled query log of ROR's API, and S2AFF. Scored are the rows
all of whose labels are in the registry at hand, `institutions/ror_records_union…`, rows labelled "none" included.
A row belongs to the half that is tuned on or to the half that is scored by the lowest bit of the first byte of the
SHA-256 of its text, so one text is never in both. Precision and recall are counted over pairs of text and institution,
with the labels as they are and again with the errors of bench/labels.py put right or taken out.
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
from typing import Any

import numpy as np

from bench.labels import Labels, Verdict, created, row_code
from warehouse.resolve.affiliations import MODEL, Matcher
from warehouse.resolve.candidates import NAME, Reading, read
from warehouse.resolve.features import FEATURES, RIVALRY, features, rivalry
from warehouse.resolve.lexicon import Lexicon
from warehouse.resolve.registry import Institution, from_ror
from warehouse.resolve.trees import Trees
from warehouse.resolve.words import name_key, tokens

GOLD = "matching_gold"
REGISTRY = "institutions/ror_records_union_v1.0_to_v2.6_latest.jsonl.gz"
WEIGHTS = {"crossref": 1, "springer": 1, "logs": 2, "s2aff": 2}  # the hand-labelled rows are few and count twice
PUBLISHED = {"crossref": 0.891, "logs": 0.858}  # best F1 of a published matcher (ror_matcher_metrics, s2aff_metrics)
FOLDS = 5
PARAMETERS = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 40,
    "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 10, "verbosity": -1,
    "num_threads": 1, "seed": 1, "deterministic": True,
}  # fmt: skip
ROUNDS = {"alone": 240, "among": 180}
ERRORS = Path(__file__).with_name("label_errors.csv")


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


def records(drop: Path) -> list[dict[str, Any]]:
    """The ROR records at hand."""
    with gzip.open(drop / REGISTRY, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["record"] for line in lines]


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

    def __call__(self, text: str) -> bool:
        words = [w or "," for w in tokens(text)]
        runs = {tuple(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words))}
        return not runs.isdisjoint(self.names) and ("taiwan",) not in runs


def answers(matcher: Matcher, rows: list[Row]) -> list[set[str]]:
    """The ids found in each row's text."""
    return [{m.id for m in found} for found in matcher.match(r.text for r in rows)]


def scored(
    rows: list[Row], found: list[set[str]], in_china: China, labels: Labels | None = None, either_kin: bool = False
) -> dict[str, Score]:
    """Scores per set, and over the texts that name a place in China. With `labels` their errors are put right or taken
    out; with `either_kin` parent and child count alike where both stand in a text that has one label."""
    scores: dict[str, Score] = {}
    for row, ids in zip(rows, found, strict=True):
        right: frozenset[str] | None = row.labels
        if labels:
            verdict = labels.judge(row.set, row.text, row.labels)
            right = verdict.labels
            ids = {verdict.replaced.get(i, i) for i in ids - verdict.excused - labels.late(row.set, ids - row.labels)}
            if either_kin and right:
                kin = labels.kin_named(row.set, row.text, right)
                ids = {kin.get(i, i) for i in ids}
        if right is not None:
            for name in (row.set, *(["names a place in China"] if in_china(row.text) else [])):
                scores.setdefault(name, Score()).add(ids, right)
    return scores


# -- training ---------------------------------------------------------------------------------------------------------


def train(institutions: list[Institution], rows: list[Row], errors: Labels) -> dict:
    """Both sets of trees; the second learns from what the first thinks of rows that it was not trained on. What a row
    knows of the others' labels, its candidates' experience, comes from the other folds. Labels that are wrong by the
    rules of bench/labels.py teach nothing."""
    names = Lexicon(institutions, {label: (1, 0) for row in rows for label in row.labels})
    reading = read(names, [r.text for r in rows])
    c = reading.candidates
    fold = np.array([r.fold for r in rows])[c["text"]]
    truth, weight = _lessons(names, rows, reading, errors)
    experience = _experience(names, rows, reading, fold)
    everything = experience.sum(axis=0)

    def fit(table: np.ndarray, some: np.ndarray, rounds: int) -> list[dict]:
        import lightgbm

        some = some & (weight > 0)
        data = lightgbm.Dataset(table[some], truth[some], weight=weight[some])
        model = lightgbm.train(PARAMETERS, data, rounds)
        return [_table(tree["tree_structure"]) for tree in model.dump_model()["tree_info"]]

    alone = features(names, reading, (everything - experience)[fold, c["number"]])
    opinion = np.zeros(len(truth))
    for n in range(FOLDS):
        opinion[fold == n] = Trees(fit(alone, fold != n, ROUNDS["alone"])).probability(alone[fold == n])
    among = np.hstack([alone, rivalry(names, c, opinion)])
    every = np.ones(len(truth), dtype=bool)
    # in training a row has seen all folds but its own; so in use each count is as much smaller
    told = np.round(everything * (FOLDS - 1) / FOLDS, 1)
    return {
        "features": FEATURES + RIVALRY,
        "alone": fit(alone, every, ROUNDS["alone"]),
        "among": fit(among, every, ROUNDS["among"]),
        "experience": {i.id: told[n].tolist() for n, i in enumerate(names.institutions) if everything[n, 0] > 1},
    }


def _lessons(names: Lexicon, rows: list[Row], reading: Reading, errors: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Per candidate whether it is meant, and how much that weighs: nothing where its row's labels cannot say, as of the
    institute where they give the academy and both stand in the text."""
    verdicts = [errors.judge(r.set, r.text, r.labels) for r in rows]
    kin = [errors.kin_named(r.set, r.text, r.labels) for r in rows]
    truth, weight = [], []
    for text, number in zip(*(reading.candidates[k].tolist() for k in ("text", "number")), strict=True):
        row, verdict, i = rows[text], verdicts[text], names.institutions[number].id
        truth.append(i in row.labels or i in (verdict.labels or ()))
        is_open = (
            verdict.labels is None
            or i in verdict.excused
            or errors.late(row.set, {i} - row.labels)
            or (i in kin[text] and not truth[-1])
        )
        weight.append(0 if is_open else WEIGHTS[row.set])
    return np.array(truth), np.array(weight)


def _experience(names: Lexicon, rows: list[Row], reading: Reading, fold: np.ndarray) -> np.ndarray:
    """Per fold and institution: how many rows mean it, how many have its name in full."""
    found = np.zeros((FOLDS, len(names.institutions), 2))
    for row in rows:
        for label in row.labels:
            found[row.fold, names.numbers[label], 0] += 1
    c = reading.candidates
    full = (c["way"] == NAME) & c["in_order"] & ~c["generic"]
    np.add.at(found[:, :, 1], (fold[full], c["number"][full]), 1)
    return found


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


def write_errors(rows: list[Row], labels: Labels) -> Counter[tuple[str, str]]:
    """Write the list of label errors, rows by their code; returns how many by set and reason."""
    found = []
    for row in rows:
        verdict: Verdict = labels.judge(row.set, row.text, row.labels)
        found += [(row.set, row_code(row.set, row.text), reason) for reason in verdict.reasons]
    with open(ERRORS, "w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(["set", "row", "reason"])
        writer.writerows(sorted(set(found)))
    return Counter((name, reason) for name, _, reason in found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true", help="train the weights on the tuned half and write them")
    given = parser.parse_args()
    drop = Path(os.environ.get("BRAIN_DROP") or Path(__file__).resolve().parents[2] / "shared/data")
    ror = records(drop)
    institutions = [from_ror(r) for r in ror]
    known = {i.id for i in institutions}
    every = list(gold(drop))
    rows = [r for r in every if r.labels <= known]
    counted = {name: (sum(r.set == name for r in every), sum(r.set == name for r in rows)) for name in WEIGHTS}
    print("rows, of them with all labels in the registry: ", counted, file=sys.stderr)
    labels = Labels(institutions, created(ror))
    if given.train:
        model = train(institutions, [r for r in rows if not r.is_scored], labels)
        MODEL.write_text(json.dumps(model, separators=(",", ":")) + "\n", encoding="utf-8")
    print("label errors: ", dict(sorted(write_errors(rows, labels).items())), file=sys.stderr)
    begun = time.process_time()
    matcher = Matcher(institutions)
    ready = time.process_time()
    rows = [r for r in rows if r.is_scored]
    found = answers(matcher, rows)
    spent = time.process_time() - ready
    in_china = China(institutions)
    print("| set, scored half | labels | rows | precision | recall | F1 |\n|---|---|---|---|---|---|")
    for how, judge, either in (
        ("as they are", None, False),
        ("errors out", labels, False),
        ("errors out, either kin", labels, True),
    ):
        for name, score in scored(rows, found, in_china, judge, either).items():
            print(f"| {name} | {how} | {score} |")
    print(f"\n{len(rows) / spent:,.0f} texts per CPU-s after {ready - begun:.1f} CPU-s to start")
    return 0


if __name__ == "__main__":
    sys.exit(main())
