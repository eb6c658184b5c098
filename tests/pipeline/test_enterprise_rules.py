"""The rules about firms over the built city, against what the city knows to be true.

0 false, 0 missed, and what almost meets a rule is not found by it; each result names the records that the truth names
as evidence. What hangs on a planted rubbish row is no example: the truth leaves it out, and so does the comparison.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from demo.firms import HIGH_TECH, SMALL, Firms
from demo.patents import Patents
from demo.quiet import quiet
from tests.city import BuiltCity

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

Row = dict[str, Any]
LEAST = 20


def rows(city: BuiltCity, mart: str, columns: str, where: str = "true") -> list[Row]:
    """Rows of a mart, without those of firms one of whose records is planted rubbish, or of 科小 whose bar is."""
    firms = city.city.slice(Firms)
    refused = {firms.firm(place).no for place in range(firms.count) if quiet(place)}
    unseen = {i["thing"]["firm"] for i in city.truth["set_aside"] if i["list"] == "barred_firms"}
    names = ["firm_no", *columns.split()]
    found = city.query(f"select {', '.join(names)} from {mart} where {where}")
    seen = [dict(zip(names, row, strict=True)) for row in found if row[0] not in refused]
    return [r for r in seen if not (r["firm_no"] in unseen and r.get("rung") == SMALL)]


def same(found: Iterable[Any], planted: Iterable[Any]) -> None:
    """Neither false nor missed, and enough of them to mean something."""
    found, planted = set(found), set(planted)
    assert (found - planted, planted - found) == (set(), set()), "false, missed"
    assert len(planted) >= LEAST


def is_shown(found: Row, planted: Row) -> bool:
    """Whether a result names the records that the truth names."""
    return set(planted["records"]) <= set(json.loads(found["record_ids"]))


def failed(row: Row) -> tuple[str, ...]:
    return tuple(sorted(json.loads(row["failed_conditions"])))


def newest(city: BuiltCity) -> list[Row]:
    """The newest figures of every firm of the register, per rung."""
    columns = "rung year qualifies is_near_miss failed_conditions is_registered is_old_enough rule_version record_ids"
    return rows(city, "fct_enterprise_ladder", columns, "is_newest and is_in_register")


def listed(city: BuiltCity, kind: str) -> list[Row]:
    columns = "rung figures_year due_date failed_conditions reason rule_version record_ids"
    return rows(city, "fct_enterprise_lists", columns, f"list_kind = '{kind}'")


def test_every_firm_that_qualifies_is_found_and_no_other(city: BuiltCity):
    planted = {(i["firm"], i["rung"], i["year"]): i for i in city.truth["ladder"]}
    found = {(r["firm_no"], r["rung"], r["year"]): r for r in newest(city) if r["qualifies"]}
    same(found, planted)
    assert all(is_shown(found[key], item) for key, item in planted.items())
    assert all(r["rule_version"] for r in found.values())


def test_who_just_misses_one_condition_is_told_with_it(city: BuiltCity):
    planted = [(i["firm"], i["rung"], tuple(i["failed"])) for i in city.truth["near_misses"]["ladder"]]
    same(((r["firm_no"], r["rung"], failed(r)) for r in newest(city) if r["is_near_miss"]), planted)


def test_a_severe_decision_in_force_excludes_a_small_firm_and_no_other(city: BuiltCity):
    planted = {i["firm"]: i for i in city.truth["barred_firms"]}
    found = {r["firm_no"]: r for r in newest(city) if r["rung"] == SMALL and "integrity" in failed(r)}
    assert set(found) == set(planted) & {r["firm_no"] for r in newest(city) if r["rung"] == SMALL}
    assert found
    assert all(is_shown(row, planted[firm]) and not row["qualifies"] for firm, row in found.items())


def test_who_qualifies_and_is_not_registered_is_listed(city: BuiltCity):
    planted = {(i["firm"], i["rung"], i["year"]): i for i in city.truth["unregistered"]}
    found = {(r["firm_no"], r["rung"], r["figures_year"]): r for r in listed(city, "unregistered")}
    same(found, planted)
    assert all(is_shown(found[key], item) and found[key]["reason"] for key, item in planted.items())
    near = [(i["firm"], i["rung"]) for i in city.truth["near_misses"]["unregistered"]]
    missed = (r for r in newest(city) if r["is_near_miss"] and not r["is_registered"] and r["is_old_enough"])
    same(((r["firm_no"], r["rung"]) for r in missed), near)


def test_who_is_one_condition_short_is_listed_with_it(city: BuiltCity):
    planted = {(i["firm"], i["rung"], tuple(i["failed"])): i for i in city.truth["near_threshold"]}
    found = {(r["firm_no"], r["rung"], failed(r)): r for r in listed(city, "one_short")}
    same(found, planted)
    assert all(is_shown(found[key], item) and found[key]["reason"] for key, item in planted.items())


def test_certificates_that_lapse_within_a_year_are_listed(city: BuiltCity):
    planted = {(i["firm"], i["valid_to"]): i for i in city.truth["lapsing"]}
    found = {(r["firm_no"], r["due_date"].isoformat()): r for r in listed(city, "lapsing") if r["rung"] == HIGH_TECH}
    same(found, planted)
    assert all(is_shown(found[key], item) for key, item in planted.items())
    near = {(i["firm"], i["valid_to"]) for i in city.truth["near_misses"]["lapsing"]}
    assert near and not near & set(found)


def test_rights_back_the_certificates_that_they_should(city: BuiltCity):
    columns = "qualification_no ip_no is_backing record_ids"
    found = {(r["qualification_no"], r["ip_no"]): r for r in rows(city, "fct_ip_backing", columns, "is_in_register")}
    planted = {(i["certificate"], i["right"]): i for i in city.truth["backing"]}
    same((key for key, row in found.items() if row["is_backing"]), planted)
    assert all(is_shown(found[key], item) for key, item in planted.items())
    near = {(i["certificate"], i["right"]) for i in city.truth["near_misses"]["backing"]}
    assert near and all(not found[key]["is_backing"] for key in near)


def test_high_value_patents_are_counted_once_each(city: BuiltCity):
    patents, firms = city.city.slice(Patents), city.city.slice(Firms)
    rights = [r for place in range(firms.count) for r in patents.of_firm(place)]
    rights += [r for place in range(len(patents.others)) for r in patents.of_other(place)]
    refused = {i["key"] for i in city.truth["dirty"] if (i["source"], i["record"]) == ("enterprises", "ip")}
    planted = {r.no for r in rights if r.is_high_value(city.city.today)} - refused
    counted = city.query("select ip_no from fct_ip_rights where is_high_value")
    assert len(counted) == len(set(counted))
    same((number for (number,) in counted), planted)
