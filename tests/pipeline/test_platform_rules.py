"""The rules about platforms and carriers over the built city, against what the city knows to be true."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.city import BuiltCity

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

USE = {"idle": "is_idle", "closed_to_others": "is_closed_to_others", "occupancy": "is_underused"}
FIRMS = {"survival": "has_survived", "graduation": "is_graduated"}


def refused(city: BuiltCity) -> set[str]:
    """Numbers of platforms and firms with a refused form: they are judged by the one before, and are no example."""
    return {i["key"][0] for i in city.truth["dirty"] if i["source"] == "carriers" and isinstance(i["key"], list)}


def planted(city: BuiltCity, rule: str, near: bool = False, newest: bool = False) -> set[tuple[Any, ...]]:
    """Thing and evidence of what the truth names for a rule; `newest`: of the year that counts today alone."""
    named = city.truth["near_misses"]["platforms"] if near else city.truth["platforms"]
    rows = {
        (i.get("tenant", i["platform"]), *i["records"])
        for i in named
        if i["rule"] == rule and (i.get("newest") or not newest)
    }
    return {row for row in rows if row[0] not in refused(city)}


def found(city: BuiltCity, sql: str) -> set[tuple[Any, ...]]:
    """Thing and evidence of what a mart says."""
    aside = refused(city)
    return {(thing, *json.loads(records)) for thing, records in city.query(sql) if thing not in aside}


@pytest.mark.parametrize("rule", USE)
def test_platforms_that_fall_short_are_found_and_no_others(city: BuiltCity, rule: str):
    sql = f"select platform_no, record_ids from fct_platform_use where register_status <> '撤销' and {USE[rule]}"
    got, near = found(city, sql), planted(city, rule, near=True)
    assert got == planted(city, rule)
    assert got and not got & near
    assert found(city, f"{sql} and is_judged_today") == planted(city, rule, newest=True)
    unexplained = f"is_judged_today and {USE[rule]} and (finding is null or rule_version is null)"
    assert city.query(f"select count(*) from fct_platform_use where {unexplained}") == [(0,)]


@pytest.mark.parametrize("rule", FIRMS)
def test_firms_of_carriers_survive_and_graduate_as_they_did(city: BuiltCity, rule: str):
    got = found(city, f"select tenant_no, record_ids from fct_carrier_tenants where {FIRMS[rule]}")
    near = planted(city, rule, near=True)
    assert got == planted(city, rule)
    assert len(got) >= 20 and len(near) >= 20 and not got & near


def test_rates_of_a_carrier_are_those_of_its_firms(city: BuiltCity):
    summed = city.query(
        "select sum(tenant_count), sum(graduated_count), sum(survival_judged_count), sum(survived_count) "
        "from fct_carrier_outcomes"
    )
    counted = city.query(
        "select count(*), count(*) filter (is_graduated), count(has_survived), count(*) filter (has_survived) "
        "from fct_carrier_tenants where platform_no in (select platform_no from fct_carrier_outcomes)"
    )
    assert summed == counted
