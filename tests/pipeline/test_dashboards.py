"""What the dashboards show over the stand-in city, against the city's truth and against raw: never against a mart."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import duckdb
import pytest

from ingest.ledger import Ledger, batches
from tests.charts import assets, module, number, query, shown
from tests.city import BuiltCity

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def raw(city: BuiltCity, record: str, sql: str) -> list[tuple]:
    """Rows of `sql` over `r`, the newest version of every record of `<source>/<record type>` that is not withdrawn."""
    files = f"{city.settings.raw}/{record}/*/*.parquet"
    newest = "row_number() over (partition by _record_id order by batch desc, _version_order desc nulls last) = 1"
    with duckdb.connect() as con:
        con.execute(f"create view all_versions as select * from read_parquet('{files}') qualify {newest}")
        con.execute("create view r as select * from all_versions where _change = 'upsert'")
        return con.execute(sql).fetchall()


def aside(city: BuiltCity, name: str) -> list[dict[str, Any]]:
    """What the truth leaves open in one of its lists, for it hangs on a refused row."""
    return [entry["thing"] for entry in city.truth["set_aside"] if entry["list"] == name]


def rounded(rows: list[tuple], digits: int = 6) -> dict[Any, Any]:
    """Rows of key and one number → dict."""
    return {key: round(float(value), digits) for key, value in rows}


# --- every chart ----------------------------------------------------------------------------------------------------
# The fixture ingests without judging, and a build tells of itself in the next one.
EMPTY = {f"engineering/{name}" for name in ("checks", "failed_checks", "model_seconds", "models")}


def test_no_chart_is_empty(city: BuiltCity) -> None:
    known, datasets, dashboards = assets()
    empty = set()
    for name, chart in known.items():
        if re.search("release_info|indicator_changes", datasets[chart.dataset].sql or ""):
            continue  # what a release says of itself is there once it is published
        sql, database = query(name)
        ((rows,),) = city.query(f"select count(*) from ({sql})", database)
        if not rows:
            empty.add(name)
    assert not empty - EMPTY
    assert len(known) > 100 and len(dashboards) > 10


# --- 项目全周期 ------------------------------------------------------------------------------------------------------
def test_late_projects_are_those_of_the_truth(city: BuiltCity) -> None:
    sql, _ = query("projects/late")
    found = {(no, "逾期未验收" in mark) for no, mark in city.query(f"select project_no, lateness_mark from ({sql})")}
    unknown = {thing["project"] for thing in aside(city, "late")}
    planted = {(late["project"], late["accepted"] is None) for late in city.truth["late"]}
    assert {late for late in found if late[0] not in unknown} == planted
    assert number(city, "projects/tile_overdue") == sum(overdue for _, overdue in found)
    assert number(city, "projects/tile_late") == sum(not overdue for _, overdue in found)


def test_projects_and_their_money_are_those_of_raw(city: BuiltCity) -> None:
    assert raw(city, "pds/project", "select count(*) from r") == [(number(city, "projects/tile_all"),)]
    sql = "select cast(year as varchar), sum(fiscal_budget_wan_cny), sum(paid_wan_cny) from r group by 1"
    expected = {y: (pytest.approx(b / 1e4), pytest.approx(p / 1e4)) for y, b, p in raw(city, "pds/project", sql)}
    sql, _ = query("projects/money")
    assert {y: (b, p) for y, b, p, _ in city.query(sql)} == expected
    ((closed,),) = raw(city, "pds/project", "select count(*) from r where stage in ('结题', '终止')")
    assert number(city, "projects/tile_ongoing") == number(city, "projects/tile_all") - closed


# --- 平台载体 --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("tile", "rule"), [("idle", "idle"), ("closed", "closed_to_others"), ("underused", "occupancy")]
)
def test_idle_platforms_are_those_of_the_truth(city: BuiltCity, tile: str, rule: str) -> None:
    """A platform with a refused form is judged by the one before, and is no example."""
    refused = {i["key"][0] for i in city.truth["dirty"] if i["source"] == "carriers" and isinstance(i["key"], list)}
    planted = {
        i["platform"]
        for i in city.truth["platforms"]
        if i["rule"] == rule and i.get("newest") and i["platform"] not in refused
    }
    others = f"platform_no NOT IN ({', '.join(repr(no) for no in sorted(refused))})" if refused else "TRUE"
    assert number(city, f"platforms/tile_{tile}", others) == len(planted) > 0


def test_hours_and_areas_of_platforms_are_those_of_raw(city: BuiltCity) -> None:
    hours = raw(city, "carriers/platform", "select cast(year as varchar), avg(service_hours) from r group by 1")
    sql, _ = query("platforms/hours")
    assert rounded(city.query(f"select year, mean_hours from ({sql})")) == rounded(hours)
    used = "sum(occupied_area_m2) filter (incubation_area_m2 is not null)"
    whole = "sum(incubation_area_m2) filter (occupied_area_m2 is not null)"
    areas = raw(city, "carriers/incubator", f"select cast(year as varchar), {used} / {whole} from r group by 1")
    assert rounded(shown(city, "platforms/occupancy")) == rounded(areas)


# --- 诚信监督 --------------------------------------------------------------------------------------------------------
def test_barred_institutions_that_were_paid_are_those_of_the_truth(city: BuiltCity) -> None:
    """What hangs on a refused row may be found or not."""
    labels = {"application": "项目申报", "award": "项目立项", "payment": "经费拨付"}
    doubtful = [(v["record"], v["date"], v["event"]) for v in aside(city, "vetoes") if v["role"] == "institution"]
    planted = {(v["record"], v["date"], v["event"]) for v in city.truth["vetoes"] if v["role"] == "institution"}
    sure = Counter(labels[event] for _, _, event in planted - set(doubtful))
    most = sure + Counter(labels[event] for _, _, event in set(doubtful))
    sql, _ = query("integrity/steps", "subject_type = 'institution'")
    steps = dict(city.query(f"select event_label, sum(veto_part_count) from ({sql}) group by 1"))
    assert set(steps) <= set(most) and sure["经费拨付"] > 0
    assert all(sure[step] <= steps.get(step, 0) <= most[step] for step in most)
    assert number(city, "integrity/tile_paid") == steps["经费拨付"]


def test_decisions_are_those_of_raw(city: BuiltCity) -> None:
    decisions = raw(
        city, "integrity/decision", "select cast(year(decision_date) as varchar), count(*) from r group by 1"
    )
    sql, _ = query("integrity/severity")
    assert dict(city.query(f"select year, sum(case_count) from ({sql}) group by 1")) == dict(decisions)
    assert number(city, "integrity/tile_cases") == sum(count for _, count in decisions)


def test_no_number_of_few_people_is_shown(city: BuiltCity) -> None:
    sql, _ = query("integrity/cells")
    few = "subject_type_label = '个人' and part_text <> '不公布' and cast(part_text as integer) < 5"
    assert city.query(f"select count(*) from ({sql}) where {few}") == [(0,)]


# --- 科技报告与服务机构 ----------------------------------------
def test_reports_that_are_owed_are_those_of_the_truth(city: BuiltCity) -> None:
    unknown = {thing["obligation"] for thing in aside(city, "overdue_reports")}
    planted = {r["obligation"] for r in city.truth["overdue_reports"] if r["reason"] in ("not_filed", "withdrawn")}
    sql, _ = query("reports/overdue")
    found = {no for (no,) in city.query(f"select obligation_no from ({sql})")}
    assert found - unknown == planted - unknown
    assert number(city, "reports/tile_overdue") == len(found)


def test_obligations_are_those_of_raw(city: BuiltCity) -> None:
    for chart, key, sql in (
        ("reports/kinds", "report_kind", "select kind, count(*) from r group by 1"),
        ("reports/years", "year", "select cast(year(due_date) as varchar), count(*) from r group by 1"),
    ):
        drawn, _ = query(chart)
        found = city.query(f"select {key}, sum(obligation_count) from ({drawn}) group by 1")
        assert dict(found) == dict(raw(city, "pds/report_obligation", sql))


def test_service_institutions_are_those_of_the_register(city: BuiltCity) -> None:
    """Institutions by kind: whoever the register lists twice is one of the truth's duplicates."""
    listed = raw(city, "market/institution", "select institution_type, _record_id from r")
    twice = [d["record_ids"] for d in city.truth["duplicates"] if d["register"] == "market:institution"]
    spare = {record for records in twice for record in records[1:]}
    kinds = {kind for kind, _ in shown_kinds(city)}
    expected = Counter(kind for kind, record in listed if record not in spare and kind in kinds)
    assert dict(shown_kinds(city)) == dict(expected)


def shown_kinds(city: BuiltCity) -> list[tuple]:
    sql, _ = query("reports/types")
    return city.query(f"select service_type, sum(service_institution_count) from ({sql}) group by 1")


# --- 人才与专家 -------------------------------------------------------------------------------------------------------
def test_shortages_are_those_of_the_truth(city: BuiltCity) -> None:
    open_needs = {thing["need"] for thing in aside(city, "talent") if "need" in thing}
    others = f"need_no NOT IN ({', '.join(repr(no) for no in sorted({'', *open_needs}))})"
    sql, _ = query("talent/shortages", others)
    found = city.query(f"select year, chain, talent_level, need_count from ({sql}) where short_mark like '%>紧缺<%'")
    planted = {
        (str(t["year"]), t["industry"], t["level"], t["needed"])
        for t in city.truth["talent"]
        if t["kind"] == "shortage" and t["need"] not in open_needs
    }
    assert set(found) == planted
    needs = raw(
        city,
        "pds/talent_need",
        "select sum(need_count) from (select * from r qualify row_number() over "
        "(partition by industry, level order by year desc, published_date desc) = 1)",
    )
    assert needs == [(number(city, "talent/tile_need"),)]


def test_flows_of_talents_that_are_shown_are_those_of_the_truth(city: BuiltCity) -> None:
    sql, _ = query("talent/moves")
    found = city.query(f"select year, arrived_text, left_text from ({sql}) where net_text <> '不公布'")
    planted = Counter(
        (str(t["year"]), str(t["in"]), str(t["out"])) for t in city.truth["talent"] if t["kind"] == "flow"
    )
    assert found and not Counter(found) - planted


# --- 数据工程 --------------------------------------------------------------------------------------------------------
def test_the_load_is_that_of_the_ledger(city: BuiltCity) -> None:
    # what a build found of who is who it enters when it is done
    entries = [e for e in batches(Ledger(city.settings).entries()) if e.source != "resolution"]
    sent = "source <> 'resolution'"
    assert number(city, "engineering/tile_batches", sent) == len(entries)
    assert number(city, "engineering/tile_received", sent) == sum(e.data["received"] for e in entries)
    assert number(city, "engineering/tile_quarantined", sent) == sum(e.data["quarantined"] for e in entries)
    assert number(city, "engineering/tile_unbalanced") == 0
    per_source = Counter()
    for entry in entries:
        per_source[entry.source] += entry.data["quarantined"]
    sql, _ = query("engineering/quarantine_reasons")
    titles = dict(city.query("select distinct source_title, source from audit_batches", "audit"))
    found = city.query(f"select source_title, sum(quarantine_count) from ({sql}) group by 1", "audit")
    assert {titles[title]: count for title, count in found} == {s: n for s, n in per_source.items() if n}


# --- 审计追溯 --------------------------------------------------------------------------------------------------------
def test_versions_and_records_are_those_of_raw(city: BuiltCity) -> None:
    files = f"{city.settings.raw}/*/*/*/*.parquet"
    counted = f"select count(*), count(distinct _record_id) from read_parquet('{files}', union_by_name=true)"
    with duckdb.connect() as con:
        versions, records = con.execute(f"{counted} where not starts_with(_record_id, 'resolution:')").fetchone()
    assert number(city, "audit/tile_versions") == versions
    assert number(city, "audit/tile_records") == records
    assert number(city, "audit/tile_proven") == 1


def test_parts_of_barred_subjects_are_those_of_the_truth(city: BuiltCity) -> None:
    """By record and day, for the page names the role in words."""
    sql, _ = query("audit/vetoes")
    found = Counter(city.query(f"select event_record_id, event_date, role_label from ({sql})", "audit"))
    planted = {(v["record"], v["date"]) for v in city.truth["vetoes"]}
    unknown = {(v["record"], v["date"]) for v in aside(city, "vetoes")}
    assert {(record, str(day)) for record, day, _ in found} - unknown == planted - unknown
    assert number(city, "audit/tile_vetoes") == sum(found.values())


# --- 全库检索 --------------------------------------------------------------------------------------------------------
def test_what_the_search_table_lists_is_what_raw_holds(city: BuiltCity) -> None:
    found = dict(shown(city, "search/classes"))
    for label, record in (
        ("知识产权", "enterprises/ip"),
        ("财政资金", "finance/fiscal_item"),
        ("科技金融", "finance/fund"),
    ):
        assert raw(city, record, "select count(*) from r") == [(found[label],)], label
    kinds = dict(shown(city, "search/kinds"))
    assert raw(city, "pds/guide", "select count(*) from r where title is not null") == [(kinds["申报指南"],)]


@pytest.mark.parametrize("word", ["航空", "云计算"])
def test_a_typed_word_finds_what_raw_names(city: BuiltCity, word: str) -> None:
    sql, _ = query("search/entries", f"search_text IN ('{word}') AND class_label = '知识产权'")
    found = {no for (no,) in city.query(module("searching").ask(f"select code_text from ({sql})"))}
    in_titles = {no for (no,) in raw(city, "enterprises/ip", f"select ip_no from r where contains(title, '{word}')")}
    assert in_titles and in_titles <= found
    assert len(found) < number(city, "search/tile_all", "class_label = '知识产权'")


def test_no_person_is_found(city: BuiltCity) -> None:
    """Names of talents and experts are no entry: whoever looks for one by the whole name finds nothing titled so."""
    names = raw(city, "pds/talent", "select distinct name from r where length(name) >= 3")
    titles = {title for (title,) in city.query("select title from search_entries")}
    assert names and not {name for (name,) in names} & titles
    assert "person" not in json.dumps(sorted({c for (c,) in city.query("select entry_id from search_entries")}))
