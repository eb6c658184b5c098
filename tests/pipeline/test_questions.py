"""The questions of the plan's registers, answered by the marts: tests/questions/README.md says how a row reads.

An answer is whole: nothing false, nothing missed, and none of the near misses among it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

QUESTIONS = Path(__file__).parents[1] / "questions"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # dbt leaves its log file open


@dataclass(frozen=True)
class Question:
    """One row of the table; unknown keys are an error."""

    register: str
    question: str
    profile: str
    sql: str
    database: str = "official"
    truth: str | None = None
    where: dict[str, list[Any]] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    near: str | None = None
    near_where: dict[str, list[Any]] = field(default_factory=dict)
    expect: list[list[Any]] | None = None

    def __post_init__(self) -> None:
        assert self.profile in ("demo", "open")
        assert (self.truth is None) != (self.expect is None), f"{self.question}: either truth or expect"
        assert self.expect is None or self.expect, f"{self.question}: expects nothing"


def read(name: str) -> Any:
    return yaml.safe_load((QUESTIONS / name).read_text(encoding="utf-8"))


REGISTERS = {r["register"]: r["answered"] for r in read("registers.yml")}
ALL = [Question(**row) for p in sorted(QUESTIONS.glob("*.yml")) if p.stem != "registers" for row in read(p.name)]
DEMO = [q for q in ALL if q.profile == "demo"]
OPEN = [q for q in ALL if q.profile == "open"]


def plain(value: Any) -> Any:
    """Comparable and printable: days as text, numbers to four decimals, JSON lists as sorted tuples."""
    if isinstance(value, str) and value.startswith("["):
        value = json.loads(value)
    if isinstance(value, list):
        return tuple(sorted(map(str, value)))
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return round(float(value), 4)
    return value.isoformat() if isinstance(value, date) else value


def table(rows: list[Any]) -> set[tuple[Any, ...]]:
    found = [tuple(map(plain, row)) for row in rows]
    assert len(found) == len(set(found)), "an answer that says the same twice"
    return set(found)


def entries(things: list[dict[str, Any]], question: Question) -> list[list[Any]]:
    """Entries of a list of the truth as rows of the answer."""
    kept = (t for t in things if all(t[name] in allowed for name, allowed in question.where.items()))
    rows = ([thing[name] for name in question.fields] for thing in kept)
    return [[question.words.get(v, v) if isinstance(v, str) else v for v in row] for row in rows]


def test_every_register_is_on_the_list_and_counted_as_answered() -> None:
    asked = {q.register for q in ALL}
    assert asked <= set(REGISTERS)
    assert {name for name, answered in REGISTERS.items() if answered} == asked


@pytest.mark.parametrize("question", DEMO, ids=lambda q: q.question)
def test_over_the_stand_in_city(city, question: Question) -> None:
    answer = table(city.query(question.sql, question.database))
    if question.expect is not None:
        assert answer == table(question.expect)
        return
    expected = table(entries(city.truth[question.truth], question))
    # what hangs on a refused row may be found or not
    aside = [a["thing"] for a in city.truth["set_aside"] if a["list"] == question.truth and not a["near_miss"]]
    spared = table(entries(aside, question))
    assert (answer - expected - spared, expected - answer) == (set(), set()), "false, missed"
    assert expected, f"the city has no {question.truth} to find"
    if question.near:
        misses = city.truth["near_misses"][question.near]
        kept = [t for t in misses if all(t[name] in allowed for name, allowed in question.near_where.items())]
        close = {plain(thing[question.fields[0]]) for thing in kept}
        assert close and not close & {row[0] for row in answer}


@pytest.mark.parametrize("question", OPEN, ids=lambda q: q.question)
def test_over_the_real_files(release_home, question: Question) -> None:
    path = release_home.warehouse_dir / f"{question.database}.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        assert table(con.execute(question.sql).fetchall()) == table(question.expect or [])
