"""The alerts over the built city, against what the city knows to be true: one for each condition, none besides."""

from __future__ import annotations

import json

import pytest

from tests.city import BuiltCity

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

LEAST = 20


def subjects(city: BuiltCity, rule: str) -> list[str]:
    return [s for (s,) in city.query(f"select subject from fct_alerts where rule_code = '{rule}'")]


def set_aside(city: BuiltCity, name: str, key: str) -> set[str]:
    """What the truth leaves out of a list because it hangs on a planted rubbish row."""
    return {i["thing"][key] for i in city.truth["set_aside"] if i["list"] == name}


def test_every_report_that_is_owed_has_one_alert(city: BuiltCity) -> None:
    found = subjects(city, "report_overdue")
    owed = {i["obligation"] for i in city.truth["overdue_reports"] if i["reason"] in ("not_filed", "withdrawn")}
    assert len(found) == len(set(found))
    assert set(found) - set_aside(city, "overdue_reports", "obligation") == owed
    assert len(owed) >= LEAST


def test_every_certificate_that_lapses_has_one_alert(city: BuiltCity) -> None:
    rows = city.query("select record_ids from fct_alerts where kind = 'enterprise' and title like '%高新技术企业'")
    found = [r for (ids,) in rows for r in json.loads(ids) if r.startswith("enterprises:qualification:")]
    planted = {i["records"][0] for i in city.truth["lapsing"]}
    assert len(found) == len(set(found))
    assert planted <= set(found)
    near = {r for i in city.truth["near_misses"]["lapsing"] for r in i["records"]}
    assert near and not near & set(found)
    assert len(planted) >= LEAST


def test_tasks_and_projects_past_their_day_have_one_alert_each(city: BuiltCity) -> None:
    tasks = {i["task"] for i in city.truth["plan_tasks"] if i["reason"] == "not_completed"}
    assert set(subjects(city, "task_overdue")) - set_aside(city, "plan_tasks", "task") == tasks
    late = {i["project"] for i in city.truth["late"] if not i.get("accepted")}
    assert set(subjects(city, "project_overdue")) - set_aside(city, "late", "project") == late
    assert tasks


def test_every_hit_of_the_veto_in_the_last_year_is_told_to_auditors(city: BuiltCity) -> None:
    """The mart of hits is compared with the truth elsewhere; here, that no row of a year is lost or doubled."""
    told = city.query("select sum(cast(regexp_extract(alert_text, '(\\d+) 次', 1) as integer)) from audit_alerts "
                      "where rule_code = 'veto_hit'", "audit")  # fmt: skip
    [(as_of,)] = city.query("select max(since_date + to_days(days_open)) from audit_alerts", "audit")
    hits = city.query(
        f"select count(*) from audit_vetoes where greatest(event_date, decision_date) + to_days(365) > '{as_of}'",
        "audit",
    )
    assert told == hits
    assert hits[0][0] >= LEAST


def test_no_alert_names_a_person(city: BuiltCity) -> None:
    """Official alerts name no entity of a person at all; those of the auditors nothing but its id."""
    names = {n for e in city.truth["entities"] if e["kind"] == "person" for n in e["names"] if len(n) >= 3}
    assert names
    for mart, file in (("fct_alerts", "official"), ("data_alerts", "official"), ("audit_alerts", "audit")):
        texts = city.query(f"select title || alert_text || owner_name || subject from {mart}", file)
        assert not [n for n in names for (text,) in texts if n in text]
        if file == "official":
            assert not [text for (text,) in texts if "pers_" in text]
