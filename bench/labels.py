"""Errors in the labels of the public sets, found by rules that know the text, its labels and the registry, and nothing
of any matcher's answer.

    late        a record of the registry that was created after the set was labelled: its label could not be given
    elsewhere   nothing of the label's institution stands in the text: no telling word of its names or its kin's, not
                even the beginning of one, no acronym, none of its cities
    overlooked  the label is "none", and a part of the text is the very name of one institution
    succeeded   the label is a record that ROR has withdrawn in favour of another

Not an error, but a habit of Crossref's and Springer's files, which have one label a text:

    kin         the label is the hospital, its university is named too, or the other way round: of two institutions that
                both stand in the text, one the other's parent, either label is right

"The very name": a part between commas is, letter for letter but for case and accents, a name of two words
or more that one institution of the registry has and no other.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from warehouse.resolve.registry import ACRONYM, Institution
from warehouse.resolve.words import GENERIC, fold, name_key, tokens, without_country

LABELLED = {"crossref": "2023-06-28", "springer": "2023-10-31", "logs": "2023-09-03"}  # as their files are named
_PARTS = re.compile(r"[,;:|/()\[\]\n]+")


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a row. `labels` are put right, or None where the true ones are unknown; `replaced` says which
    record stands for a withdrawn one; `excused` are answers that count neither as right nor as wrong."""

    labels: frozenset[str] | None
    replaced: Mapping[str, str] = field(default_factory=dict)
    excused: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = field(default=())


class Labels:
    """`created`: id → date of the ROR record, where it is known."""

    def __init__(self, institutions: Iterable[Institution], created: Mapping[str, str]):
        self.by_id = {i.id: i for i in institutions}
        self.created = created
        self.plain: dict[str, set[str]] = defaultdict(set)
        self.kin: dict[str, set[str]] = defaultdict(set)  # all that are related
        self.parents_or_children: dict[str, set[str]] = defaultdict(set)
        self.successor: dict[str, str] = {}
        for i in self.by_id.values():
            for name, rank in i.names:
                if rank != ACRONYM and len(without_country(name).split()) > 1:
                    self.plain[_plain(without_country(name))].add(i.id)
            for kind, other in i.relations:
                if other in self.by_id:
                    self.kin[i.id].add(other)
                    self.kin[other].add(i.id)
                    if kind in ("parent", "child"):
                        self.parents_or_children[i.id].add(other)
                        self.parents_or_children[other].add(i.id)
                    if kind == "successor" and not i.is_active:
                        self.successor[i.id] = other

    def judge(self, name: str, text: str, labels: frozenset[str]) -> Verdict:
        """The verdict on the labels of a text of the set `name`."""
        named = self._named(text)
        reasons = []
        replaced = {label: self.successor[label] for label in labels if label in self.successor}
        right = frozenset(replaced.get(label, label) for label in labels)
        if replaced:
            reasons.append("succeeded")
        if labels and not any(self._stands(label, text) for label in labels | right):
            return Verdict(None, reasons=(*reasons, "elsewhere"))
        late = self.late(name, named)
        if late - right:
            reasons.append("late")
        overlooked = named - late if not labels else frozenset()
        if overlooked:
            reasons.append("overlooked")
        return Verdict(right, replaced, overlooked, tuple(reasons))

    def late(self, name: str, institutions: Iterable[str]) -> frozenset[str]:
        """Those whose records were created after the set was labelled."""
        date = LABELLED.get(name)
        return frozenset(i for i in institutions if date and self.created.get(i, "") > date)

    def kin_named(self, name: str, text: str, labels: frozenset[str]) -> dict[str, str]:
        """Institutions that the text names beside the one label of its set: parents and children of it → the label."""
        if name not in ("crossref", "springer") or len(labels) != 1:
            return {}
        (label,) = labels
        words = tuple(w or "," for w in tokens(text))
        kin = self.parents_or_children[label]
        if not kin or not self._is_written(label, words):
            return {}
        return {k: label for k in sorted(kin) if self._is_written(k, words)}

    def _is_written(self, institution: str, words: tuple[str, ...]) -> bool:
        """Whether one of an institution's names stands in a text, word for word."""
        for name, rank in self.by_id[institution].names:
            key = name_key(name)
            if rank != ACRONYM and key and any(w not in GENERIC for w in key):
                size = len(key)
                if any(words[i : i + size] == key for i in range(len(words) - size + 1)):
                    return True
        return False

    def _named(self, text: str) -> frozenset[str]:
        """Institutions whose very name is a part of the text."""
        parts = [text, *_PARTS.split(text)]
        found = (self.plain.get(_plain(p), set()) for p in parts)
        return frozenset(next(iter(f)) for f in found if len(f) == 1)

    def _stands(self, label: str, text: str) -> bool:
        """Whether anything of an institution, its kin or its places is in a text."""
        words = {w for w in tokens(text) if w} | {w.casefold() for w in re.findall(r"\w+", text)}
        beginnings = {w[:4] for w in words if len(w) > 4}  # Belarus State University is the Belarusian one
        together = "".join(c for c in fold(text).casefold() if c.isalnum())
        for i in (self.by_id[label], *(self.by_id[k] for k in self.kin[label])):
            for name, rank in i.names:
                if rank == ACRONYM and fold(name).casefold() in words:
                    return True
                key = name_key(name)
                telling = [w for w in key if w not in GENERIC]
                if any(w in words or w[:4] in beginnings or (len(w) > 5 and w in together) for w in telling):
                    return True
                if not telling and key and words.issuperset(key):
                    return True
        cities = (name_key(p.city) for p in self.by_id[label].places if p.city)
        return any(set(city) <= words for city in cities)


def _plain(name: str) -> str:
    return " ".join(fold(name, unglue=False).casefold().replace(".", " ").split())


def row_code(name: str, text: str) -> str:
    """The key of a row in a list of errors, which does not give away its text."""
    return hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()[:16]


def created(records: Iterable[dict[str, Any]]) -> dict[str, str]:
    return {r["id"]: r["admin"]["created"]["date"] for r in records if "admin" in r}
