"""The plan's own figures stand in the city as printed; what is invented is marked and adds up."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest

from demo import plan
from demo.city import City
from demo.plan import Plan, Value
from demo.systems.statistics import IndicatorValues, Mentions, Targets, write

OWN = "规划公布值"

# 市政发〔2022〕1号, 专栏1: (2020, 2025, unit, mode)
BOX_1 = {
    "I01": (5.05, 5, "%", "保底"),
    "I02": (None, 12, "件", "无基线"),
    "I03": (40.09, 50, "%", "增长"),
    "I04": (46.9, 50, "%", "增长"),
    "I05": (5, 100, "家", "存量"),
    "I06": (1648, 2000, "亿元", "年度流量"),
    "I07": (5212, 10000, "家", "存量"),
    "I08": (6135, 12000, "家", "累计"),
}
OTHER_TARGETS = {"I09": (71, 90), "I10": (24, 30), "I11": (None, 100), "I12": (None, 2), "I13": (None, 150)}
OTHER_TARGETS |= {"I14": (None, 100), "I15": (None, 100)}
STOCKS = {"S01": 164, "S02": 154, "S03": 237, "S04": 344, "S05": 60, "S06": 226, "S07": 37, "S08": 3, "S09": 5}
STOCKS |= {"S10": 285, "S11": 6, "S12": 34123}


@pytest.fixture(scope="module", params=[1, 2], ids=lambda seed: f"seed {seed}")
def made(request: pytest.FixtureRequest) -> Plan:
    return City(request.param, 1).slice(Plan)


def test_box_1_and_the_other_targets_are_as_printed(made: Plan):
    city = {t.indicator.code: t for t in made.targets if t.dimension == "全市" and t.version == 1 and t.year == 2025}
    printed = {c: (t.baseline, t.target, t.indicator.unit, t.indicator.mode) for c, t in city.items() if c in BOX_1}
    assert printed == BOX_1
    assert {c: (t.baseline, t.target) for c, t in city.items() if c not in BOX_1} == OTHER_TARGETS
    assert {t.kind for t in city.values()} == {OWN}


@pytest.mark.parametrize("scale", [0.1, 1, 10])
def test_the_figures_of_2020_are_the_plans_at_every_scale(scale: float):
    values = [v for v in City(3, scale).slice(Plan).values if v.kind == OWN]
    found = {v.indicator.code: v.value for v in values}
    with_base = {c: base for c, (base, *_) in (BOX_1 | OTHER_TARGETS).items() if base is not None}
    assert found == with_base | STOCKS
    assert {(v.year, v.dimension) for v in values} == {(2020, "全市")}
    assert len(values) == len(found)


def test_the_mentions_are_words_of_the_plan(drop: Path):
    files = sorted((drop.parent / "plan").glob("*.txt"))
    assert files, "the plan's text lies beside the real files"
    text = "".join(Path(files[0]).read_text(encoding="utf-8").split())
    quotes = [m.quote for m in plan.MENTIONS if m.section != "专栏1"]
    assert [q for q in quotes if "".join(q.split()) not in text] == []
    table = [line for line in files[0].read_text(encoding="utf-8").splitlines() if line.count("\t") == 4]
    rows = {"".join(row[1].split()): row[2:] for line in table if (row := line.split("\t"))}
    for indicator in plan.INDICATORS[:8]:
        unit, base, target = rows[indicator.name]
        assert unit == indicator.unit
        assert (float(base) if base != "—" else None, float(target)) == (indicator.base, indicator.target)


def test_one_indicator_has_several_mentions():
    places = {code: [m.section for m in plan.MENTIONS if m.code == code and m.kind == "目标值"] for code in BOX_1}
    assert places["I05"] == ["专栏1", "专栏2"]
    assert places["I07"] == places["I08"] == ["专栏1", "专栏12"]


def test_everything_after_2020_is_marked_as_invented(made: Plan):
    assert {v.kind for v in made.values if v.year > 2020 or v.dimension != "全市"} == {"演示值"}
    assert {t.kind for t in made.targets if t.dimension != "全市" or t.version > 1 or t.year != 2025} == {"演示值"}


def test_the_parts_of_every_figure_and_target_sum_to_the_city(made: Plan):
    whole: dict[tuple, int] = {}
    parts: dict[tuple, list[Value]] = defaultdict(list)
    for v in made.values:
        if v.publisher in ("区县自报",) or (v.publisher == "市统计局" and v.indicator.code[0] == "I"):
            continue  # another denominator, another publisher: of no series
        key = v.indicator.code, v.year, v.version
        if v.dimension == "全市":
            whole[key] = round(v.value * 100)
        else:
            parts[*key, v.dimension].append(v)
    assert len(parts) > 140
    for (*key, dimension), some in parts.items():
        assert sum(round(v.value * 100) for v in some) == whole[tuple(key)], (key, dimension)
        assert [v.unit_name for v in some].count("未分配") == 1
        assert all(v.value >= 0 for v in some)
    covered = {d: {v.unit_code for v in some} for (*_, d), some in parts.items()}
    assert (len(covered["区县"]), len(covered["开发区"])) == (13 + 1, 8 + 1)
    for code in ("I05", "I06", "I07", "I08"):
        assert {d for (c, *_, d) in parts if c == code} == {"部门", "区县", "开发区"}


def test_what_must_not_be_put_into_one_series_is_told_apart(made: Plan):
    city = [v for v in made.values if v.dimension == "全市"]
    [other] = [v for v in city if v.denominator_code != "A"]
    assert (other.indicator.code, other.year, other.denominator) == ("I03", 2022, "全部规上企业数")
    both = {v.publisher: v.value for v in city if (v.indicator.code, v.year, v.version) == ("I07", 2023, 1)}
    assert len(both) == len(set(both.values())) == 2
    revised = {(v.indicator.code, v.year): v.value for v in city if v.version == 2}
    first = {(v.indicator.code, v.year): v.value for v in city if v.version == 1 and v.publisher != "市统计局"}
    assert set(revised) == {("I06", 2023), ("I07", 2024)}
    assert all(revised[key] != first[key] for key in revised)


def test_ratios_follow_from_their_published_parts(made: Plan):
    for year in range(2020, 2026):
        for ratio, (above, below) in {"I01": ("C01", "C02"), "I03": ("C03", "C04")}.items():
            share = 100 * made.figure(above, year) / made.figure(below, year)
            assert round(share, 2) == made.figure(ratio, year), (ratio, year)


def test_late_and_punctual_tasks(made: Plan):
    truth = made.truth()
    assert len(truth["plan_tasks"]) >= 20
    assert len(truth["near_misses"]["plan_tasks"]) >= 20
    by_number = {plan.task_number(t): t for t in made.tasks}
    for late in truth["plan_tasks"]:
        task = by_number[late["task"]]
        assert task.due < made.city.today
        assert task.completed is None or task.completed > task.due
    assert {t.district for t in made.tasks} >= set(plan.words.DISTRICTS)
    assert {t.zone for t in made.tasks} >= set(plan.words.ZONES)


def test_the_plans_own_figures_and_all_parts_arrive(made: Plan):
    """Rubbish is planted beside them."""
    for register in (IndicatorValues(made.city), Targets(made.city), Mentions(made.city)):
        refused = [row for row, reason in register.walk() if reason]
        assert refused
        assert not [r for r in refused if r.get("数值性质", "演示值") == OWN]
        assert not [r for r in refused if r.get("发布单位", "区县自报") != "区县自报"]
    arrived = [row for row, reason in Mentions(made.city).walk() if not reason]
    assert {r["原文"] for r in arrived} >= {m.quote for m in plan.MENTIONS}


def test_a_target_set_higher_keeps_its_first_version():
    made = City(1, 1).slice(Plan)
    versions = {(t.version, t.issued, t.target) for t in made.targets if t.indicator.code == "I07" and t.year == 2025}
    assert {(1, date(2022, 1, 4), 10000), (2, plan.ADJUSTED, 16000)} <= versions


def test_files_come_once_and_are_the_same_on_every_way_to_a_day(tmp_path: Path):
    by_day, at_once = tmp_path / "by_day", tmp_path / "at_once"
    for day in range(31):
        new = [path.name for path in write(City(1, 0.1, day), by_day)]
        assert not new or day in (0, 14, 20, 28), (day, new)
    write(City(1, 0.1, 30), at_once)
    files = [{p.name: p.read_bytes() for p in (root / "statistics").iterdir()} for root in (by_day, at_once)]
    assert files[0] == files[1]
    assert Counter(name.rsplit("_", 1)[0] for name in files[0]) == {
        "indicator_values": 2,
        "targets": 1,
        "plan_tasks": 3,
    }
    assert write(City(1, 0.1, 30), at_once) == []
