"""The arrival gate, rule by rule: what a delivery must look like as a whole before any of it is committed."""

from __future__ import annotations

import pytest

import expectations.rules
from brain import journal
from ingest import quarantine
from ingest.ledger import Ledger


def checks(house, name: str) -> list[tuple]:
    """(severity, success, observed, expected) of one rule in the newest batch."""
    rows = [r for r in journal.read(house.settings, "checks") if r["source"] == "labs" and r["record"] == "lab"]
    newest = max(r["batch"] for r in rows)
    return [
        (r["severity"], r["success"], r["observed"], r["expected"])
        for r in rows
        if r["batch"] == newest and r["check_name"] == name
    ]


def test_a_first_delivery_is_compared_with_nothing(small_house):
    (batch,) = small_house.deliver("2024-01-01", small_house.labs(120))
    assert not batch.held
    for name in ("volume", "completeness", "distribution"):
        assert checks(small_house, name) == [("hold", True, "无历史", "")]
    assert all(r["success"] for r in journal.read(small_house.settings, "checks"))


@pytest.mark.parametrize("repeated", [False, True])
def test_a_released_record_or_a_repeat_is_no_delivery_to_compare_with(small_house, repeated):
    first = [*small_house.labs(100), ("no code", "不是实验室", "", None, "")]
    small_house.deliver("2024-01-01", first)
    (entry,) = Ledger(small_house.settings).entries("labs", "lab")
    quarantine.release(small_house.settings, f"{entry.seq}-1", "a real one")
    if repeated:
        small_house.deliver("2024-01-01", first)
    last = Ledger(small_house.settings).entries("labs", "lab")[-1]
    assert (last.kind, "same_as" in last.data) == (("committed", True) if repeated else ("accepted", False))
    (batch,) = small_house.deliver("2025-01-01", small_house.labs(96))
    assert not batch.held
    seen = {(success, observed) for _, success, observed, _ in checks(small_house, "withdrawal")}
    assert seen == {(True, "0.05")}, "four and the released one, of the 100 that the first delivery brought"


def test_the_suite_covers_columns_key_and_required_fields(small_house):
    small_house.deliver("2024-01-01", small_house.labs(5))
    assert checks(small_house, "columns") == [("hold", True, "14", "14")]
    assert checks(small_house, "key_unique") == [("hold", True, "0 / 5", "0")]
    required = [
        r["column_name"] for r in journal.read(small_house.settings, "checks") if r["check_name"] == "required_filled"
    ]
    assert required == ["lab_code", "lab_name"]


@pytest.mark.parametrize(
    ("rows", "held", "failed"),
    [
        (100, False, []),
        (88, False, ["volume warn", "withdrawal warn"]),  # below 0.9 of the usual, above 0.7
        (65, True, ["volume hold", "volume warn", "withdrawal hold", "withdrawal warn"]),
        (140, False, ["volume warn"]),
        (210, True, ["volume hold", "volume warn"]),  # the same file twice in one
        (0, True, ["volume hold", "volume warn", "withdrawal hold", "withdrawal warn"]),
    ],
)
def test_volume_drift(small_house, rows, held, failed):
    small_house.deliver("2024-01-01", small_house.labs(100))
    (batch,) = small_house.deliver("2025-01-01", small_house.labs(rows))
    assert batch.held == held
    counted = ("volume", "withdrawal", "quarantine")
    found = [f"{n} {severity}" for n in counted for severity, ok, _, _ in checks(small_house, n) if not ok]
    assert found == failed


def test_a_held_batch_writes_no_raw_and_the_next_delivery_is_compared_with_the_last_committed(small_house):
    small_house.deliver("2024-01-01", small_house.labs(100))
    (held,) = small_house.deliver("2025-01-01", small_house.labs(10))
    assert held.held
    entry = Ledger(small_house.settings).entries("labs", "lab")[-1]
    assert (entry.kind, entry.data["raw"], entry.data["received"]) == ("held", [], 10)
    (good,) = small_house.deliver("2025-02-01", small_house.labs(101))
    assert not good.held
    assert checks(small_house, "volume")[0] == ("hold", True, "101", "70 – 200")


def test_too_much_in_quarantine_holds(small_house):
    rubbish = [(f"X{i}", "表头", "", None, "") for i in range(8)]
    (batch,) = small_house.deliver("2024-01-01", [*small_house.labs(92), *rubbish])
    assert batch.held
    assert checks(small_house, "quarantine") == [("hold", False, "0.08", "≤ 5%"), ("warn", False, "0.08", "≤ 1%")]


def test_a_handful_in_a_small_delivery_is_no_reason(small_house):
    rubbish = [(f"X{i}", "表头", "", None, "") for i in range(4)]
    (batch,) = small_house.deliver("2024-01-01", [*small_house.labs(10), *rubbish])
    assert not batch.held
    assert checks(small_house, "quarantine") == []


def test_a_field_that_empties_holds(small_house):
    small_house.deliver("2024-01-01", small_house.labs(200))
    emptied = [(c, n, "" if i % 2 else f, b + 1, h) for i, (c, n, f, b, h) in enumerate(small_house.labs(200))]
    (batch,) = small_house.deliver("2025-01-01", emptied)
    assert batch.held
    # field, then budget and head: the contract's order
    assert checks(small_house, "completeness")[:2] == [
        ("hold", False, "0.5", "≥ 70.00%"),
        ("warn", False, "0.5", "≥ 90.00%"),
    ]


@pytest.mark.parametrize(("factor", "held"), [(1.4, False), (10_000, True), (0.0001, True)])
def test_a_change_of_unit_holds(small_house, factor, held):
    small_house.deliver("2024-01-01", small_house.labs(200))
    scaled = [(c, n, f, b * factor, h) for c, n, f, b, h in small_house.labs(200)]
    (batch,) = small_house.deliver("2025-01-01", scaled)
    assert batch.held == held
    assert [ok for severity, ok, _, _ in checks(small_house, "distribution") if severity == "hold"] == [not held]


@pytest.mark.parametrize(
    ("share", "held", "warned"),
    [(0, False, False), (0.1, False, True), (0.5, True, True)],
    ids=["known codes", "a new code", "half of the records"],
)
def test_drift_of_a_code_list(small_house, share, held, warned):
    small_house.deliver("2024-01-01", small_house.labs(200))
    changed = [
        (c, n, "量子" if i < 200 * share else f, b + 1, h) for i, (c, n, f, b, h) in enumerate(small_house.labs(200))
    ]
    (batch,) = small_house.deliver("2025-01-01", changed)
    assert batch.held == held
    assert [(s, ok) for s, ok, _, _ in checks(small_house, "codes")] == [("hold", not held), ("warn", not warned)]


@pytest.mark.parametrize(("changed", "held"), [(5, True), (4, False)])
def test_a_field_that_does_not_come_any_more_holds_few_records_too(small_house, changed, held):
    small_house.deliver("2024-01-01", small_house.labs(200))
    labs = [(c, n, "" if i < changed else f, b, h) for i, (c, n, f, b, h) in enumerate(small_house.labs(200))]
    (batch,) = small_house.deliver("2025-01-01", labs)
    assert (batch.new, batch.held) == (changed, held)
    assert [c[:2] for c in checks(small_house, "field_lost")] == ([("hold", False)] if held else [])


@pytest.mark.parametrize(("changed", "held"), [(4, False), (5, True)])
def test_a_handful_of_new_codes_is_no_other_list(small_house, changed, held):
    small_house.deliver("2024-01-01", small_house.labs(200))
    labs = [(c, n, "量子" if i < changed else f, b, h) for i, (c, n, f, b, h) in enumerate(small_house.labs(200))]
    (batch,) = small_house.deliver("2025-01-01", labs)
    assert (batch.new, batch.held) == (changed, held)
    assert [ok for severity, ok, _, _ in checks(small_house, "codes") if severity == "warn"] == [False]


def test_a_number_that_few_records_bear_is_no_code_list(small_house):
    labs = [(c, n, f"项目{i}" if i < 20 else "", b, h) for i, (c, n, _, b, h) in enumerate(small_house.labs(200))]
    small_house.deliver("2024-01-01", labs)
    labs[20] = (*labs[20][:2], "项目20", *labs[20][3:])
    (batch,) = small_house.deliver("2025-01-01", labs)
    assert (batch.new, batch.held) == (1, False)


def test_a_few_changed_records_are_no_sample_of_the_whole(small_house):
    small_house.deliver("2024-01-01", small_house.labs(200))
    changed = [(c, n, f, b * 10_000 if i < 90 else b, h) for i, (c, n, f, b, h) in enumerate(small_house.labs(200))]
    (batch,) = small_house.deliver("2025-01-01", changed)
    assert not batch.held
    assert checks(small_house, "distribution") == [("hold", True, "新版本过少，未比较", "")]


def test_the_profile_holds_no_personal_value(small_house):
    small_house.deliver("2024-01-01", [(c, n, f, b, "赵某某") for c, n, f, b, _ in small_house.labs(200)])
    entry = Ledger(small_house.settings).entries("labs", "lab")[-1]
    profile = entry.data["profile"]
    assert profile["rows"] == 200
    assert profile["codes"] == {"field": ["光子", "农业", "航空"]}
    assert profile["filled"]["head_name"] == 1.0
    assert "赵某某" not in entry.body


def test_a_source_may_have_its_own_figure(small_house, monkeypatch):
    rules = {
        **expectations.rules.load("arrival"),
        "overrides": {"labs.lab": {"withdrawal": {"hold": 0.9, "warn": 0.9}}},
    }
    monkeypatch.setattr("expectations.arrival.load", lambda name: rules)
    small_house.deliver("2024-01-01", small_house.labs(100))
    (batch,) = small_house.deliver("2025-01-01", small_house.labs(72))
    assert not batch.held
    assert checks(small_house, "withdrawal")[0] == ("hold", True, "0.28", "≤ 90%")


def test_every_rule_file_names_only_sources_that_exist():
    from brain.settings import Settings
    from ingest.contract import load_sources

    known = {
        f"{s.name}.{r.name}" for s in load_sources(Settings.from_env(), all_profiles=True).values() for r in s.records
    }
    assert set(expectations.rules.load("arrival")["overrides"]) <= known
