"""What the seeds say of the plan stands in the plan: every quote, every figure of box 1; and every published row."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from brain.settings import ROOT

SEEDS = ROOT / "dbt_project/seeds/rules"
Row = dict[str, str]


def seed(name: str) -> list[Row]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def plan(drop: Path) -> str:
    """The plan's text without white space: lines break within words."""
    (path,) = (drop.parent / "plan").glob("*.txt")
    return re.sub(r"\s", "", path.read_text(encoding="utf-8"))


def test_every_quote_stands_in_the_plan(plan: str) -> None:
    missing = [m["mention_no"] for m in seed("plan_mentions") if re.sub(r"\s", "", m["quoted_text"]) not in plan]
    assert missing == []


def test_box_1_is_copied_without_an_error(plan: str) -> None:
    names = {i["indicator_code"]: i for i in seed("plan_indicators")}
    targets = {t["indicator_code"]: t for t in seed("plan_targets")}
    for place, code in enumerate(("I01", "I02", "I03", "I04", "I05", "I06", "I07", "I08"), 1):
        name, target = names[code], targets[code]
        row = (name["indicator_name"], name["measure_unit"], target["baseline_value"] or "—", target["target_value"])
        assert f"{place}{''.join(row)}" in plan


def test_the_same_figure_is_said_wherever_the_plan_names_it() -> None:
    targets = {t["indicator_code"]: t for t in seed("plan_targets")}
    for mention in seed("plan_mentions"):
        target = targets.get(mention["indicator_code"])
        if target is None:
            continue
        column = "baseline_value" if mention["mention_kind"] == "基期值" else "target_value"
        assert float(mention["mentioned_value"]) == float(target[column]), mention["mention_no"]


def test_indicators_5_7_and_8_have_all_their_places() -> None:
    places: dict[str, set[str]] = {}
    for mention in seed("plan_mentions"):
        places.setdefault(mention["indicator_code"], set()).add(mention["document_section"])
    assert places["I05"] == {"专栏1", "专栏2"}
    assert places["I07"] == places["I08"] == {"专栏1", "第一章第一节", "专栏12"}


def test_every_published_row_has_its_series(drop: Path) -> None:
    with (drop / "indicators/xian_indicators_seen.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 39
    series = seed("published_series")
    for row in rows:
        year = int(row["year"] or 0)
        found = [
            s
            for s in series
            if s["indicator_text"] == row["indicator"] and int(s["year_from"] or 0) <= year <= int(s["year_to"] or 9999)
        ]
        assert len(found) == 1, row
        if row["kind"] == "target":
            assert found[0]["issued_date"], "a target has the day from which it is known"


def test_rules_follow_each_other_without_gap_or_overlap() -> None:
    modes: dict[str, list[Row]] = {}
    for rule in seed("indicator_state_rules"):
        modes.setdefault(rule["target_mode"], []).append(rule)
        assert 0 < float(rule["warning_min"]) <= float(rule["on_track_min"])
        assert rule["basis"] and rule["source_document"]
    assert set(modes) == {i["target_mode"] for i in seed("plan_indicators") if i["target_mode"]}
    for rules in modes.values():
        rules.sort(key=lambda r: r["valid_from"])
        assert [r["valid_to"] for r in rules[:-1]] == [r["valid_from"] for r in rules[1:]]
        assert rules[-1]["valid_to"] == ""
