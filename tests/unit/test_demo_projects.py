"""The programmes of the stand-in city: in the order of time, plausible, and with cases on both sides of every rule."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime

import pytest

from brain.settings import Settings
from demo import systems
from demo.city import City
from demo.people import People, Tie
from demo.project_rules import shingles
from demo.projects import MOST_OPEN, Projects, years_before
from demo.systems.pds import REGISTERS
from ingest.contract import load_sources

CASES = 20  # the least that a rule must have on either side


@pytest.fixture(scope="module", params=(1, 2))
def city(request) -> City:
    return City(request.param, 1)


@pytest.fixture(scope="module")
def projects(city) -> Projects:
    return city.slice(Projects)


@pytest.fixture(scope="module")
def truth(projects) -> dict:
    return projects.truth()


def test_numbers_run_in_the_order_of_time(projects):
    applied = [projects.applied(n) for n in range(projects.end)]
    assert applied == sorted(applied)
    assert projects.applications == sum(day <= projects.city.today for day in applied)
    approved = [projects.project(n).approved for n in range(projects.count + 3)]
    assert approved == sorted(approved)
    assert projects.count == sum(day <= projects.city.today for day in approved)
    assert all(projects.project_of(projects.application_of(n)) == n for n in range(projects.count))


def test_what_happened_stays_as_it_was(projects):
    later = City(projects.city.seed, 1, 200).slice(Projects)
    assert later.applications > projects.applications
    assert later.count > projects.count
    for n in range(0, projects.count, 41):
        assert later.project(n) == projects.project(n)
        assert later.milestones(n) == projects.milestones(n)
        assert later.obligations(n) == projects.obligations(n)
    for n in range(0, projects.applications, 41):
        assert later.application(n) == projects.application(n)
        assert later.reviews(n) == projects.reviews(n)


def test_programmes_are_plausible(projects):
    by_year = Counter(projects.year_of(n) for n in range(projects.applications))
    whole = [by_year[year] for year in range(2016, 2026)]
    assert whole == sorted(whole)
    things = [projects.project(n) for n in range(projects.count)]
    accepted = [p for p in things if p.accepted]
    late = sum(p.accepted > p.due for p in accepted) / len(accepted)
    assert 0.08 < late < 0.17  # about one in eight
    assert 0.02 < sum(p.terminated for p in things) / len(things) < 0.07
    for p in things:
        days = [day for _, day in p.stages]
        assert days == sorted(days)
        assert p.leader.employer_on(days[0]) == p.host.number
        assert p.leader.number not in p.members
        assert p.paid_on(p.closed) <= p.fiscal_wan + 0.02
        assert 0 < p.fiscal_wan < p.total_wan


def test_every_rule_about_projects_has_cases_on_both_sides(truth):
    near = truth["near_misses"]
    for rule in ("conflicts", "concentration"):
        kinds = Counter(item["kind"] for item in truth[rule])
        nearly = Counter(item["kind"].partition("/")[0] for item in near[rule])
        for kind, count in kinds.items():
            assert min(count, nearly[kind]) >= CASES, (rule, kind)
    assert set(Counter(i["kind"] for i in truth["conflicts"])) == {
        "same_employer",
        "declared_unit",
        "shareholding",
        "adviser",
        "joint_project",
    }
    levels = Counter(item["level"] for item in truth["similar"])
    assert min(levels["flag"], levels["hold"], len(near["similar"])) >= CASES
    for rule in ("claims", "late"):
        assert min(len(truth[rule]), len(near[rule])) >= CASES, rule


def test_every_rule_about_people_has_cases_on_both_sides(city):
    truth = city.slice(People).truth()
    found = Counter(item["kind"] for item in truth["talent"])
    near = Counter(item["kind"] for item in truth["near_misses"]["talent"])
    for kind, nearly in (("shortage", "shortage"), ("not_retained", "retained"), ("two_numbers", "namesakes")):
        assert min(found[kind], near[nearly]) >= CASES, kind


def test_findings_hold_at_their_borders(truth):
    assert all(item["similarity"] >= 0.6 for item in truth["similar"])
    assert all((item["level"] == "hold") == (item["similarity"] >= 0.8) for item in truth["similar"])
    assert all(0.5 <= item["similarity"] < 0.6 for item in truth["near_misses"]["similar"])
    for item in truth["concentration"]:
        assert item["amount"] > (MOST_OPEN if item["kind"] == "leader_limit" else 100)
    for item in truth["near_misses"]["concentration"]:
        assert item["amount"] == MOST_OPEN or 90 <= item["amount"] <= 100


def test_a_tie_ends_before_its_last_day_and_a_year_goes_back_to_the_same_day():
    tie = Tie(7, date(2024, 1, 1), date(2024, 6, 1))
    assert [tie.holds_on(date(2024, m, 1)) for m in (1, 5, 6)] == [True, True, False]
    assert years_before(date(2024, 2, 29), 3) == date(2021, 2, 28)
    assert years_before(date(2024, 3, 1), 3) == date(2021, 3, 1)


def test_shingles_do_not_see_width_blanks_and_punctuation():
    assert shingles("Ａ 芯片，研制。") == shingles("A芯片研制") == {"A芯片", "芯片研", "片研制"}


@pytest.mark.parametrize("register", REGISTERS, ids=lambda r: r.record)
def test_the_contract_announces_what_the_form_shows(register, tmp_path):
    settings = Settings.from_env({"BRAIN_HOME": str(tmp_path), "BRAIN_SECRETS": str(tmp_path)})
    record = next(r for r in load_sources(settings)["pds"].records if r.name == register.record)
    announced = {f.physical[0].strip("/") for f in record.fields}
    shown: set[str] = set()
    form = register(City(1, 0.1))
    for row in (form.row(slot) for slot in range(form.size())):
        for name, value in row.items():
            nested = [f"{name}/{part}" for part in value] if isinstance(value, dict) else []
            shown.update(nested or ([] if value is None and name not in announced else [name]))
    assert shown == announced
    assert len({reason.partition(":")[0] for reason, _ in register.breaks}) >= 3


@pytest.mark.parametrize("register", REGISTERS, ids=lambda r: r.record)
def test_changes_day_by_day_end_in_the_same_rows(register):
    scale = 1 if register.record == "talent" else 0.1  # there somebody's second number comes after day 0

    def rows(day: int, since: int | None = None) -> dict[str, str]:
        form = register(City(1, scale, day))
        start = None if since is None else datetime.combine(City(1, scale, since).today, datetime.min.time())
        return {json.dumps(form.key_of(row)): json.dumps(row) for row, reason in form.walk(start) if not reason}

    held = rows(0) | rows(1, 0) | rows(12, 1) | rows(30, 12)
    assert held == rows(30)


def test_every_register_of_the_platform_is_served():
    served = {e.register for e in systems.endpoints().values()}
    assert set(REGISTERS) <= served
