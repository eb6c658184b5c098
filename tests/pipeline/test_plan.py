"""The plan's indicators over the real files and over the city: what the questions of tests/questions do not ask."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from demo import plan
from demo.systems import registers

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # dbt leaves its log file open
PLACES = {"区县": 13, "开发区": 8}


def compiled(settings, test: str) -> str:
    """A test of the dbt project as it ran."""
    manifest = json.loads((settings.warehouse_dir / "manifest.json").read_text(encoding="utf-8"))
    (node,) = (n for n in manifest["nodes"].values() if n["name"] == test)
    return node["compiled_code"]


def over(folder: Path, *statements: str) -> list[tuple]:
    """Rows of the last statement, over all three databases of a build; earlier ones may change them."""
    with duckdb.connect(str(folder / "brain.duckdb")) as con:
        for name in ("official", "audit"):
            con.execute(f"attach '{folder / name}.duckdb' as {name}")
        for statement in statements:
            found = con.execute(statement)
        return found.fetchall()


@pytest.mark.parametrize("amount", [1, -1])
@pytest.mark.parametrize("dimension", ["部门", "区县", "开发区"])
def test_an_error_of_one_unit_fails_the_build(city, tmp_path, dimension, amount):
    for name in ("brain", "official", "audit"):
        shutil.copy(city.settings.warehouse_dir / f"{name}.duckdb", tmp_path)
    rule = compiled(city.settings, "assert_parts_sum_to_the_city")
    assert over(tmp_path, rule) == []
    of = f"indicator_code = 'I07' and indicator_year = 2024 and dimension = '{dimension}'"
    unit = f"(select min(unit_code) from official.fct_indicator_breakdown where {of} and not is_unassigned)"
    change = (
        f"update official.fct_indicator_breakdown set unit_value = unit_value + {amount} "
        f"where {of} and unit_code = {unit}"
    )
    assert [row[:3] for row in over(tmp_path, change, rule)] == [("I07", 2024, dimension)]


@pytest.mark.parametrize("dimension", ["区县", "开发区", "秦创原"])
def test_one_thing_too_many_in_an_own_count_fails_the_build(city, tmp_path, dimension):
    for name in ("brain", "official", "audit"):
        shutil.copy(city.settings.warehouse_dir / f"{name}.duckdb", tmp_path)
    rule = compiled(city.settings, "assert_own_counts_sum_to_the_city")
    assert over(tmp_path, rule) == []
    of = f"indicator_code = 'I05' and indicator_year = 2024 and dimension = '{dimension}'"
    change = (
        f"update official.fct_indicator_own_counts set own_value = own_value + 1 where {of} "
        f"and unit_code = (select min(unit_code) from official.fct_indicator_own_counts where {of})"
    )
    assert [row[:3] for row in over(tmp_path, change, rule)] == [("I05", 2024, dimension)]


def test_every_value_that_arrives_is_on_file_and_the_strays_are_refused(city):
    register = next(
        r for r in registers(city.city).values() if (r.source, r.record) == ("statistics", "indicator_value")
    )
    arrived = {(register.record_id(row), row["版本"]) for row, reason in register.walk() if reason is None}
    found = city.query("select value_id, is_in_plan_series, refusal_reason from fct_indicator_values")
    assert len(found) == len(arrived)
    refused = {value.split("/")[0]: why for value, accepted, why in found if not accepted}
    assert {key.split("|")[0].split(":")[-1] for key in refused} == {"I03", "I07", plan.SELF_REPORTED}
    assert all(refused.values()) and all(why is None for _, accepted, why in found if accepted)


def test_states_of_the_city_follow_from_its_figures(city):
    """The pace computed once more, from what the city knows: every indicator and year, the targets in force today."""
    slice_ = city.city.slice(plan.Plan)
    found = city.query(
        "select indicator_code, indicator_year, target_value, actual_value, state from fct_indicator_status "
        "where is_current and target_year = 2025"
    )
    assert {i.code for i in plan.INDICATORS if i.target is not None} == {row[0] for row in found}
    newest = {(v.indicator.code, v.year): v.value for v in slice_.values if v.dimension == plan.CITY and _counts(v)}
    for code, year, target, actual, state in found:
        indicator = plan.BY_CODE[code]
        assert target == plan.ADJUSTMENTS.get(code, indicator.target)
        assert actual == newest[code, year]
        assert state == expected_state(indicator, year, target, actual), (code, year)


def _counts(value: plan.Value) -> bool:
    lead = plan.DEPARTMENTS[value.indicator.department]
    return value.denominator_code == "A" and value.publisher in (lead, "市政府")


def expected_state(indicator: plan.Indicator, year: int, target: float, actual: float) -> str:
    """DOMAIN's pace in plain Python; thresholds of 2022."""
    base = indicator.base
    if indicator.mode == plan.FLOOR:
        progress, least = actual / target, 0.95
    elif indicator.mode == plan.FLOW:
        required = target if base is None else base + (target - base) * (year - 2020) / 5
        progress, least = actual / required, 0.9
    elif base is None:
        return "无基线"
    else:
        progress, least = (actual - base) / ((target - base) * (year - 2020) / 5), 0.8
    if indicator.mode != plan.FLOOR and (actual >= target if year < 2025 else actual > target):
        return "已超额"
    return "正常" if round(progress, 6) >= 1 else "预警" if round(progress, 6) >= least else "滞后"


def test_an_adjustment_shows_both_states(city):
    days = {"before": "2025-05-19", "after": "2025-05-20"}
    for name, day in days.items():
        rows = city.query(
            f"select target_value, target_version from fct_indicator_status where indicator_code = 'I07' "
            f"and indicator_year = 2024 and target_year = 2025 and is_in_force "
            f"and valid_from <= date '{day}' and (valid_to is null or date '{day}' < valid_to)"
        )
        assert rows == [(10000.0, 1) if name == "before" else (16000.0, 2)]


def test_no_two_spans_of_a_state_hold_on_one_day(city, release_home):
    sql = """
        select count(*) from fct_indicator_status a join fct_indicator_status b
        on a.indicator_code = b.indicator_code and a.indicator_year = b.indicator_year
        and a.target_year = b.target_year and a.status_id < b.status_id and a.is_in_force and b.is_in_force
        and a.valid_from < coalesce(b.valid_to, date '9999-01-01')
        and b.valid_from < coalesce(a.valid_to, date '9999-01-01')"""
    assert city.query(sql) == [(0,)]
    with duckdb.connect(str(release_home.warehouse_dir / "official.duckdb"), read_only=True) as con:
        assert con.execute(sql).fetchall() == [(0,)]


def test_real_figures_have_parts_of_their_own_line_only(release_home):
    """No public page splits a figure: every district and zone is there without one, 未分配 is the whole and says so."""
    with duckdb.connect(str(release_home.warehouse_dir / "official.duckdb"), read_only=True) as con:
        rows = con.execute(
            "select dimension, indicator_code, indicator_year, count(*) filter (not is_unassigned), count(unit_value), "
            "sum(unit_value) = max(city_value), bool_or(is_remainder) from fct_indicator_breakdown group by 1, 2, 3"
        ).fetchall()
    assert {row[1] for row in rows} == {"I06", "I07", "I08"}, "I05 was never published"
    assert {(row[0], row[3]) for row in rows} == set(PLACES.items())
    assert all(row[4:] == (1, True, True) for row in rows)


def test_who_owes_a_gap_is_named_with_the_task(city):
    rows = city.query(
        "select dimension, unit_code, task_no, lead_department, share_of_gaps from fct_indicator_breakdown "
        "where indicator_code = 'I07' and indicator_year = 2025 and owes_gap and not is_unassigned"
    )
    assert {row[0] for row in rows} == {"部门", "区县", "开发区"}
    assert all(lead == "市科技局" for *_, lead, _ in rows)
    tasks = {
        t.zone or t.district: plan.task_number(t) for t in city.city.slice(plan.Plan).tasks if t.indicator == "I07"
    }
    delivered = {no for (no,) in city.query("select task_no from fct_plan_tasks")}
    for dimension, unit, task, _, _ in rows:
        if dimension != "部门":
            assert task == (tasks[unit] if tasks[unit] in delivered else None)


def test_own_counts_are_those_of_the_register(city):
    """高企 at the end of 2025, counted again in the register's own rows: a firm with two certificates is one."""
    rows = city.query(
        "select count(distinct firm_no) from staging.stg_enterprises__qualification where kind = '高新技术企业' "
        "and valid_from <= date '2025-12-31' and valid_to >= date '2025-12-31' "
        "and (ended_date is null or ended_date > date '2025-12-31')",
        "brain",
    )
    own = city.query(
        "select dimension, sum(own_value), count(*), max(reported_value) filter (dimension = '全市') "
        "from fct_indicator_own_counts where indicator_code = 'I07' and indicator_year = 2025 group by 1"
    )
    assert {row[1] for row in own} == {float(rows[0][0])}, "the city and each of its dimensions"
    assert {row[0]: row[2] for row in own} == {"全市": 1, "区县": 14, "开发区": 9, "秦创原": 4}
    figure = city.city.slice(plan.Plan).figure("I07", 2025)
    assert [row[3] for row in own if row[0] == "全市"] == [figure], "beside the reported figure"


def test_what_cannot_be_counted_says_why_and_what_can_is_counted(city):
    said = dict(
        city.query("select indicator_code, is_counted_here from dim_indicators where is_counted_here is not null")
    )
    assert {i.code for i in plan.INDICATORS if i.code[0] in "IS"} <= said.keys()
    assert {code for code, counted in said.items() if not counted} >= {"I01", "I02", "I03", "I04", "I15"}
    counted = {code for (code,) in city.query("select distinct indicator_code from fct_indicator_own_counts")}
    assert counted == {code for code, is_counted in said.items() if is_counted}, "every register of the city delivers"
    rows = city.query(
        "select indicator_year, counting_day, own_value from fct_indicator_own_counts "
        "where indicator_code = 'I13' and dimension = '全市'"
    )
    held = city.query(
        "select count(distinct institution_no) from staging.stg_market__institution "
        "where is_active and qualifications like '%技术转移示范机构%'",
        "brain",
    )
    assert rows == [(city.city.today.year - 1, "截至日", held[0][0])]


def test_volumes_of_contracts_are_the_truth_to_the_cent(city):
    """The truth leaves out contracts of which every registration was refused: nobody can know them."""
    expected = {
        (v["year"], v["kind"]): tuple(round(100 * v[name]) for name in ("total_wan", "output_wan", "absorbed_wan"))
        for v in city.truth["contract_volumes"]
    }
    found = city.query(
        "select signed_year, contract_kind, net_cny, output_cny, absorbed_cny, registered_cny, cancelled_cny, "
        "repeated_cny from fct_contract_volumes"
    )
    assert {(y, k): tuple(round(v / 100) for v in (net, out, absorbed)) for y, k, net, out, absorbed, *_ in found} == {
        key: sums for key, sums in expected.items() if key in {row[:2] for row in found}
    }
    assert all(not any(sums) for key, sums in expected.items() if key not in {row[:2] for row in found})
    assert all(registered == net + cancelled + repeated for _, _, net, _, _, registered, cancelled, repeated in found)
