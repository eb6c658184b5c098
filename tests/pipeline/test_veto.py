"""`brain veto` and `brain sanctions` over the stand-in city: who is barred on a day, by what, and who is not."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest

from demo.cases import Case, Cases
from tests.city import BuiltCity
from warehouse import veto
from warehouse.publish import Release


@pytest.fixture
def released(city: BuiltCity, monkeypatch: pytest.MonkeyPatch) -> BuiltCity:
    """The built city as if it were the current release."""
    release = Release(
        "20260630T000000Z-test", city.settings.warehouse_dir, "0" * 64, 1, "", city.city.today.isoformat()
    )
    monkeypatch.setattr(veto, "current", lambda _: release)
    return city


def ask(city: BuiltCity, tmp_path: Path, lines: list[str], **how) -> list[dict]:
    path = tmp_path / "list.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return veto.veto_file(city.settings, path, **how)["rows"]


def barred_on(city: BuiltCity, days: int = 0) -> dict[str, list[Case]]:
    """person:12, institution:7 → severe cases, known today, that bar it so many days before the city's today."""
    cases, today = city.city.slice(Cases), city.city.today
    found: dict[str, list[Case]] = {}
    for number in range(cases.decisions.count(today)):
        case = cases.case(number)
        bars = case.severity == "severe" and case.bar and case.bar.bars_on(today - timedelta(days=days), today)
        if bars and case.subject.number is not None and case.is_known_on(today):
            found.setdefault(f"{case.subject.kind}:{case.subject.number}", []).append(case)
    return found


@pytest.mark.parametrize("days", [0, 400])
def test_people_are_asked_for_by_their_id_numbers(released: BuiltCity, tmp_path: Path, days: int) -> None:
    """Nobody is barred whom no decision bars on the day; everybody who is, if he is known here, is told with it."""
    barred = barred_on(released, days)
    people = {released.city.person(n).id_number: f"person:{n}" for n in released.city.people}
    shown = {f"{number[:3]}***********{number[-4:]}" for number in people}
    day = released.city.today - timedelta(days=days)
    rows = ask(released, tmp_path, list(people), as_of=day)
    assert {r["input"] for r in rows} == shown, "an ID number is never shown in full"
    assert [r["scheme"] for r in rows] == ["id_number"] * len(people)
    answers = dict(zip(people.values(), rows, strict=True))
    known = {who: row for who, row in answers.items() if row["entity_id"]}
    assert len(known) > len(people) / 2
    assert {who for who, row in known.items() if row["blocked"]} == set(barred) & set(known) != set()
    cases = released.city.slice(Cases)
    for who in set(barred) & set(known):
        assert {c["case_no"] for c in known[who]["cases"]} == {cases.case_no(c.number) for c in barred[who]}


def test_institutions_are_asked_for_by_name_or_code(released: BuiltCity, tmp_path: Path) -> None:
    barred = {who for who in barred_on(released) if who.startswith("institution:")}
    assert barred
    for who in barred:
        thing = released.city.institution(int(who.partition(":")[2]))
        names = [name for since, name in thing.names if since <= released.city.today]
        for row in ask(released, tmp_path, [thing.credit_code, *names]):
            assert row["blocked"], "under its code, its name and its former names"


def test_who_is_not_known_is_not_barred(released: BuiltCity, tmp_path: Path) -> None:
    unknown = ["查无此人的研究院", "0000-0002-1825-0097", "91350200MA2YJ1XR9G"]
    rows = ask(released, tmp_path, unknown)
    assert [(r["scheme"], r["blocked"], r["entity_id"], r["cases"]) for r in rows] == [
        ("name", False, None, []),
        ("orcid", False, None, []),
        ("credit_code", False, None, []),
    ]


def test_the_list_that_is_shared_can_be_checked(released: BuiltCity, tmp_path: Path) -> None:
    told = veto.share(released.settings, tmp_path / "out")
    sums = dict(reversed(line.split()) for line in (tmp_path / "out/SHA256SUMS").read_text().splitlines())
    assert set(sums) | {"SHA256SUMS"} == set(told["files"])
    for name, digest in sums.items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    document = json.loads((tmp_path / "out/sanctions.json").read_text(encoding="utf-8"))
    with (tmp_path / "out/sanctions.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(document["items"]) == told["rows"] > 0
    today = released.city.today.isoformat()
    assert all(i["barred_from_date"] <= today and (i["free_date"] or "9999") > today for i in document["items"])
    assert all(i["severity_label"] == "严重" for i in document["items"])
    assert document["certificate"] == told["certificate"]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "＝1"])
def test_no_cell_is_a_formula(value: str) -> None:
    assert veto._cell(value) == f"'{value}"
