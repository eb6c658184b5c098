"""How well the units of Chinese records find their institution: reach, and precision by links judged one by one.

    .venv/bin/python -m bench.units           # counts and precision; exit 1 where a judged link has changed
    .venv/bin/python -m bench.units --unjudged  # the links of the sample that have no verdict, to judge them

Rows: NSFC's management science projects and the Shaanxi part of NSSFC below `projects/` of the drop (BRAIN_DROP), each
known by the SHA-256 of its source and key, never by its content. Registers: ROR's records at hand, the institutions
that their relations name, those whose id labels at hand tell, and the list of the Ministry of Education.

The sample: linked NSFC rows in four strata by rule, so that the rare rules are seen; from each the rows with the
smallest SHA-256 of "sample" and row. So a changed rule keeps most of the sample. Verdicts (verdicts/nsfc_units.csv) say
of a row and a link whether it is right. Precision is weighted by the strata's rows.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from warehouse.resolve.chinese import ChineseUnits, Link, Tables, elsewhere, from_moe, relatives, unit_key
from warehouse.resolve.registry import Institution, from_ror
from warehouse.resolve.words import is_chinese

ROR = "institutions/ror_records_union_v1.0_to_v2.6_latest.jsonl.gz"
MOE = "institutions/moe_higher_education_list.json"
VERDICTS = Path(__file__).with_name("verdicts") / "nsfc_units.csv"
SAMPLE = {"name": 110, "listed": 50, "former": 80, "other": 60}  # links judged per stratum
GOAL = {"nsfc": 0.97, "nssfc": 0.95, "precision": 0.99}


@dataclass(frozen=True)
class Row:
    """One project: the source, its key's hash, the unit's name."""

    source: str
    hash: str
    unit: str


@dataclass(frozen=True)
class Registers:
    """The institutions of each register by id."""

    ror: dict[str, Institution]
    relatives: dict[str, Institution]
    elsewhere: dict[str, Institution]
    moe: dict[str, Institution]

    def holder(self, link: Link | None) -> str:
        """Which register holds the institution of a link."""
        if link is None:
            return "none"
        return next((name for name, held in self._all.items() if link.id in held), "table of units")

    def institution(self, link: Link) -> Institution | None:
        return next((held[link.id] for held in self._all.values() if link.id in held), None)

    @property
    def _all(self) -> dict[str, dict[str, Institution]]:
        return {
            "ror": self.ror,
            "ror, named in relations": self.relatives,
            "ror, id known from labels": self.elsewhere,
            "ministry's list": self.moe,
        }


def registers(drop: Path) -> Registers:
    with gzip.open(drop / ROR, "rt", encoding="utf-8") as lines:
        records = [json.loads(line)["record"] for line in lines]
    ror = [from_ror(record) for record in records]
    named = relatives(records, ror)
    at_hand = {i.id for i in (*ror, *named)}
    known = [i for i in elsewhere() if i.id not in at_hand]
    moe = [from_moe(row) for row in json.loads((drop / MOE).read_text(encoding="utf-8"))]
    return Registers(*({i.id: i for i in some} for some in (ror, named, known, moe)))


def units(found: Registers) -> ChineseUnits:
    ror = (*found.ror.values(), *found.relatives.values(), *found.elsewhere.values())
    return ChineseUnits(ror, found.moe.values())


def rows(drop: Path) -> Iterator[Row]:
    """The projects; an NSSFC row is known by all its content and which of equal rows it is, for its numbers repeat."""
    with (drop / "projects/nsfc_management_science_2017-09-26.csv").open(encoding="utf-8-sig", newline="") as f:
        for row in csv.DictReader(f):
            yield Row("nsfc", _hash("nsfc", row["项目批准号"]), row["依托单位"])
    with (drop / "projects/nssfc_shaanxi_slice.csv").open(encoding="utf-8-sig", newline="") as f:
        seen: Counter[tuple[str, ...]] = Counter()
        for row in csv.DictReader(f):
            content = tuple(row.values())
            seen[content] += 1
            yield Row("nssfc", _hash("nssfc", *content, str(seen[content])), row["工作单位"])


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def stratum(link: Link) -> str:
    return link.rule if link.rule in SAMPLE else "other"


def sample(linked: dict[Row, Link]) -> dict[str, list[Row]]:
    """The rows to judge, by stratum: those with the smallest hash."""
    drawn: dict[str, list[Row]] = {name: [] for name in SAMPLE}
    for row in sorted(linked, key=lambda r: _hash("sample", r.hash)):
        some = drawn[stratum(linked[row])]
        if len(some) < SAMPLE[stratum(linked[row])]:
            some.append(row)
    return drawn


def verdicts() -> dict[tuple[str, str], bool]:
    """Whether a row's link to an id is right."""
    with VERDICTS.open(encoding="utf-8", newline="") as f:
        return {(row["row"], row["link"]): row["verdict"] == "right" for row in csv.DictReader(f)}


def hidden(found: Registers) -> tuple[int, int, int]:
    """Translation, tried on a fifth of the schools that ROR and the Ministry both name in Chinese, with ROR's Chinese
    names hidden: how many there are, and how many find the right and a wrong school by their English names."""
    moe = {unit_key(n): i.id for i in found.moe.values() for n, _ in i.names}
    truth, institutions = {}, []
    for i in found.ror.values():
        schools = {moe[unit_key(n)] for n, _ in i.names if unit_key(n) in moe}
        if len(schools) == 1 and "education" in i.kinds and hashlib.sha256(i.id.encode()).digest()[0] % 5 == 0:
            truth[i.id] = schools.pop()
            i = replace(i, names=tuple((n, kind) for n, kind in i.names if not is_chinese(n)))
        institutions.append(i)
    same = ChineseUnits(institutions, found.moe.values(), Tables()).same
    links = {link.id: school for school, link in same.items() if link.id in truth}
    right = sum(truth[i] == school for i, school in links.items())
    return len(truth), right, len(links) - right


def describe(unit: str, link: Link, found: Registers) -> str:
    """A link as one line, for the one who judges it."""
    institution = found.institution(link)
    names = " / ".join(n for n, _ in institution.names) if institution else ""
    place = "; ".join(p.city or "" for p in institution.places) if institution else ""
    kinds = ", ".join(sorted(institution.kinds)) if institution else ""
    return " ".join(f"{unit} → {link.id} [{link.rule}] {names} | {place} | {kinds}".split())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.units", description=__doc__.splitlines()[0])
    parser.add_argument("--unjudged", action="store_true", help="print the links of the sample without a verdict")
    given = parser.parse_args()
    drop = Path(os.environ.get("BRAIN_DROP", "../shared/data"))
    found = registers(drop)
    all_rows = list(rows(drop))
    links = dict(zip(all_rows, units(found).link([r.unit for r in all_rows]), strict=True))
    linked_rows = {row: link for row, link in links.items() if link and row.source == "nsfc"}
    known = verdicts()
    drawn = sample(linked_rows)
    unjudged = [r for some in drawn.values() for r in some if (r.hash, linked_rows[r].id) not in known]
    if given.unjudged:
        for row in unjudged:
            print(row.hash, describe(row.unit, linked_rows[row], found))
        return 0
    missed = []
    for source in ("nsfc", "nssfc"):
        mine = {row: link for row, link in links.items() if row.source == source}
        linked = sum(link is not None for link in mine.values())
        print(f"{source}: {linked:,} of {len(mine):,} rows linked, {linked / len(mine):.2%}")
        print("  by register:", _counts(Counter(found.holder(link) for link in mine.values())))
        print("  by rule:", _counts(Counter(link.rule for link in mine.values() if link)))
        if linked < GOAL[source] * len(mine):
            missed.append(f"{source}: reach below {GOAL[source]:.0%}")
    population = Counter(stratum(link) for link in linked_rows.values())
    by_hash = {row.hash: link for row, link in linked_rows.items()}
    changed = sorted({row for row, link in known if row not in by_hash or by_hash[row].id != link})
    print("\n| stratum | rows | judged | right | precision |\n|---|---|---|---|---|")
    weighted = 0.0
    for name, some in drawn.items():
        judged = [known[r.hash, linked_rows[r].id] for r in some if (r.hash, linked_rows[r].id) in known]
        precision = sum(judged) / max(1, len(judged))
        weighted += precision * population[name] / len(linked_rows)
        print(f"| {name} | {population[name]:,} | {len(judged)} | {sum(judged)} | {precision:.3f} |")
    print(f"\nprecision, weighted by rows: {weighted:.4f}")
    schools, right, wrong = hidden(found)
    print(f"translation: of {schools} schools whose Chinese names were hidden, {right} found, {wrong} wrong")
    if weighted < GOAL["precision"]:
        missed.append(f"precision below {GOAL['precision']}")
    if unjudged:
        missed.append(f"{len(unjudged)} links of the sample are unjudged: see --unjudged")
    if changed:
        missed.append(f"{len(changed)} judged links have changed since: {', '.join(r[:12] for r in changed[:10])}")
    for m in missed:
        print(f"MISSED: {m}")
    return 1 if missed else 0


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counter.most_common())


if __name__ == "__main__":
    sys.exit(main())
