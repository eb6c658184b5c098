"""The plan's rules about projects and integrity, over the stand-in city: exactly what is planted, nothing else.

The truth speaks of its own people and institutions; `entities` leads from the platform's entity to the one of the city
that most of its mentions mean.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.city import BuiltCity

Item = dict[str, Any]


@pytest.fixture(scope="module")
def entities(city: BuiltCity) -> dict[str, str]:
    """Entity of the platform → person:12 or institution:7 of the city."""
    meant = {(r["record_id"], r["role"]): e["entity"] for e in city.truth["entities"] for r in e["records"]}
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for kind in ("person", "institution"):
        links = f"select record_id, role, entity_id from intermediate.int_{kind}_links"
        for record_id, role, entity_id in city.query(links, "brain"):
            if (record_id, role) in meant:
                votes[entity_id][meant[record_id, role]] += 1
    return {entity_id: found.most_common(1)[0][0] for entity_id, found in votes.items()}


def agrees(city: BuiltCity, rule: str, found: Iterable[tuple], told: Callable[[list[Item]], set[tuple]]) -> None:
    """Everything planted is found, nothing else, and nothing that only looks alike; and there is something to find.

    What hangs on a row that its contract refuses may be found or not.
    """
    planted, alike = told(city.truth[rule]), told(city.truth["near_misses"][rule])
    aside = told([a["thing"] for a in city.truth["set_aside"] if a["list"] == rule and not a["near_miss"]])
    found = set(found)
    assert planted and alike
    assert {"missed": planted - found, "false": found - planted - aside} == {"missed": set(), "false": set()}
    assert not found & (alike - planted - aside)


def test_who_took_part_while_barred(city: BuiltCity, entities: dict[str, str]) -> None:
    rows = city.query("select event_record_id, event, event_date, role, entity_id, bar_id from audit_vetoes", "audit")
    found = {(r, what, str(day), role, entities.get(who, who), bar) for r, what, day, role, who, bar in rows}

    def told(items: list[Item]) -> set[tuple]:
        return {(v["record"], v["event"], v["date"], v["role"], v["subject"], v["measure"]) for v in items}

    agrees(city, "vetoes", found, told)
    retro = {(v["record"], v["date"]) for v in city.truth["vetoes"] if v["retro"]}
    assert retro == {(r, str(d)) for r, d in city.query(
        "select event_record_id, event_date from audit_vetoes where is_retro", "audit"
    )}  # fmt: skip


def test_every_veto_names_its_rule_and_its_evidence(city: BuiltCity) -> None:
    rows = city.query("select rule_version, event_record_id, bar_id, record_ids from audit_vetoes", "audit")
    for version, event, bar, evidence in rows:
        assert version and {event, bar} < set(json.loads(evidence))


def test_experts_in_conflict(city: BuiltCity, entities: dict[str, str]) -> None:
    rows = city.query("select review_no, conflict_kind, with_id, expert_id from audit_conflicts", "audit")
    found = {(no, kind, entities.get(other, other), entities.get(expert, expert)) for no, kind, other, expert in rows}

    def told(items: list[Item]) -> set[tuple]:
        return {(c["review"], c["kind"].partition("/")[0], c["with"], c["expert"]) for c in items}

    agrees(city, "conflicts", found, told)


def test_who_leads_too_many_or_promised_too_much(city: BuiltCity, entities: dict[str, str]) -> None:
    columns = "concentration_kind, person_id, project_no, approval_date, amount"
    rows = city.query(f"select {columns} from audit_concentration", "audit")
    found = {(kind, entities.get(who, who), no, str(day)): amount for kind, who, no, day, amount in rows}

    def told(items: list[Item]) -> set[tuple]:
        return {(c["kind"], c["person"], c["project"], c["date"]) for c in items}

    agrees(city, "concentration", found, told)
    for c in city.truth["concentration"]:
        assert found[c["kind"], c["person"], c["project"], c["date"]] == c["amount"]


def test_applications_that_are_alike(city: BuiltCity) -> None:
    columns = "application_no_a, application_no_b, similarity, level"
    rows = city.query(f"select {columns} from fct_similar_applications")

    def told(items: list[Item]) -> set[tuple]:
        return {(*sorted(s["applications"]), s["level"]) for s in items}

    found = {(*sorted((a, b)), level): similarity for a, b, similarity, level in rows}
    agrees(city, "similar", found, told)
    for planted in city.truth["similar"]:
        assert found[*sorted(planted["applications"]), planted["level"]] == pytest.approx(
            planted["similarity"], abs=1e-4
        )


def test_deliverables_that_two_projects_claim(city: BuiltCity) -> None:
    rows = city.query("select deliverable_kind, record_ids from fct_duplicate_deliverables")

    def told(items: list[Item]) -> set[tuple]:
        return {(c["kind"], tuple(sorted(c["record_ids"]))) for c in items}

    found = {(kind, tuple(sorted(json.loads(ids)))) for kind, ids in rows}
    agrees(city, "claims", found, told)


def test_projects_that_missed_their_day(city: BuiltCity) -> None:
    rows = city.query("select project_no, due_date, acceptance_date from fct_project_lateness")
    found = {(no, str(due), str(day) if day else None) for no, due, day in rows}

    def told(items: list[Item]) -> set[tuple]:
        return {(p["project"], p["due"], p["accepted"]) for p in items}

    agrees(city, "late", found, told)
