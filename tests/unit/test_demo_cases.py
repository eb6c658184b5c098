"""Integrity: who is barred when, and that the systems' rows say exactly that."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta

import pytest

from demo.case_rules import events, judge, truth
from demo.cases import Case, Cases, Measure, Subject
from demo.city import City
from demo.systems.integrity import AppealForms, DecisionForms, MeasureForms, RepairForms
from ingest import codes
from ingest.privacy import normalise

CASE = Case(
    number=0,
    decided=date(2023, 3, 1),
    subject=Subject("person", 1, None, "某", "", None),
    behaviour="B1",
    culpability="knowing",
    severity="severe",
    measures=(Measure("publish"), Measure("bar", date(2023, 3, 1), date(2026, 3, 1))),
    project=None,
    withdrawn=None,
    is_cast=True,
)
LATE = date(2026, 6, 30)


def barred(**changes) -> Case:
    return replace(CASE, measures=(CASE.measures[0], replace(CASE.measures[1], **changes)))


@pytest.fixture(scope="module", params=[1, 2], ids=["seed 1", "seed 2"])
def cases(request) -> Cases:
    return City(request.param, 1).slice(Cases)


@pytest.mark.parametrize(
    ("case", "day", "said"),
    [
        (CASE, date(2023, 3, 1), "blocked"),
        (CASE, date(2023, 2, 28), "not_yet"),
        (CASE, date(2022, 12, 1), None),
        (CASE, date(2026, 2, 28), "blocked"),
        (CASE, date(2026, 3, 1), "ended"),
        (CASE, date(2026, 3, 31), None),
        (barred(end=None), date(2031, 1, 1), "blocked"),
        (barred(lifted=(date(2024, 5, 5), "appeal")), date(2024, 5, 4), "blocked"),
        (barred(lifted=(date(2024, 5, 5), "appeal")), date(2024, 5, 5), "appeal"),
        (barred(lifted=(date(2026, 9, 1), "repair")), date(2026, 2, 1), "blocked"),
        (replace(CASE, severity="serious"), date(2024, 1, 1), "not_severe"),
        (replace(CASE, severity="serious"), date(2026, 3, 1), None),
        (replace(CASE, withdrawn=date(2024, 1, 1)), date(2023, 6, 1), "withdrawn"),
        (replace(CASE, withdrawn=date(2027, 1, 1)), date(2023, 6, 1), "blocked"),
        (replace(CASE, decided=date(2024, 1, 1)), date(2023, 6, 1), "blocked"),
        (replace(CASE, measures=(Measure("admonish"), Measure("criticise"))), date(2024, 1, 1), None),
    ],
)
def test_a_severe_decision_bars_from_its_first_day_to_the_day_before_its_end(case, day, said):
    assert judge(case, day, LATE) == said


def test_the_veto_has_cases_on_both_sides_of_its_border(cases):
    told = truth(cases)
    found, near = told["vetoes"], told["near_misses"]["vetoes"]
    roles = Counter(v["role"] for v in found)
    assert min(roles[r] for r in ("leader", "member", "expert", "institution", "legal_representative")) >= 20
    assert Counter(v["event"] for v in found).keys() == {"application", "award", "payment", "review"}
    assert sum(v["retro"] for v in found) >= 20
    assert sum(v["renamed"] for v in found) >= 20
    kinds = Counter(n["kind"] for n in near)
    assert min(kinds[k] for k in ("ended", "not_severe", "appeal", "repair", "namesake", "similar_name")) >= 20
    assert kinds["withdrawn"] > 0
    assert any(n["kind"] == "ended" and n["date"] == n["to"] for n in near), "free on that very day"


def test_the_rows_say_who_is_barred(cases):
    """The veto worked out of decisions and measures as delivered, by ID number and credit code, is the true one."""
    city = cases.city
    decisions = {
        row["case_no"]: row
        for row in city.slice(DecisionForms).rows()
        if row["status"] != "withdrawn" and row["severity"] == "severe"
    }
    bars: dict[str, list[tuple[str, date, date]]] = defaultdict(list)
    for row in city.slice(MeasureForms).rows():
        if row["status"] == "withdrawn" or row["kind"] != "bar" or row["case_no"] not in decisions:
            continue
        decision = decisions[row["case_no"]]
        code = decision["subject_id_number"] or decision["subject_credit_code"]
        ends = [date.fromisoformat(d) for d in (row["to"], row["lifted"]["date"]) if d]
        bars[normalise("id_number", code)].append(
            (row["case_no"], date.fromisoformat(row["from"]), min(ends, default=date.max))
        )

    def code_of(subject: str) -> str:
        kind, number = subject.split(":")
        return city.person(int(number)).id_number if kind == "person" else city.institution(int(number)).credit_code

    found = {
        (e.record, e.what, e.day.isoformat(), e.role, e.subject, f"integrity:decision:{case_no}")
        for e in events(cases)
        for case_no, start, end in bars.get(code_of(e.subject), ())
        if start <= e.day < end
    }
    wanted = [
        (v["record"], v["event"], v["date"], v["role"], v["subject"], v["decision"]) for v in truth(cases)["vetoes"]
    ]
    assert len(set(wanted)) == len(wanted) > 500
    assert found == set(wanted)


def test_no_veto_hangs_on_a_row_that_is_refused(cases):
    refused = {
        f"integrity:{form.record}:{key}"
        for form in (DecisionForms, MeasureForms)
        for key, _ in cases.city.slice(form).planted()
    }
    assert len(refused) >= 6
    assert not [v for v in truth(cases)["vetoes"] if {v["decision"], v["measure"]} & refused]


def test_strangers_have_codes_of_their_own(cases):
    city = cases.city
    strangers = [
        c.subject for c in map(cases.case, range(cases.decisions.count(city.today))) if c.subject.number is None
    ]
    people = {city.person(n).id_number for n in city.people}
    firms = {city.institution(n).credit_code for n in city.institutions}
    names = {name for n in city.institutions for _, name in city.institution(n).names}
    assert len({s.code for s in strangers}) == len(strangers) >= 30
    for s in strangers:
        if s.kind == "person":
            assert codes.id_number(s.code) and s.code not in people
            assert s.name == city.person(s.like).name
        else:
            assert codes.uscc(s.code) and s.code not in firms
            assert s.name not in names


def test_appeals_and_repairs_are_decided_as_the_measures_say(cases):
    city = cases.city
    measures: dict[str, list[dict]] = defaultdict(list)
    for row in city.slice(MeasureForms).rows():
        if row["status"] == "lifted":
            measures[row["case_no"]].append(row["lifted"])
    granted = set()
    for form, reason, result in ((AppealForms, "appeal", "upheld"), (RepairForms, "repair", "approved")):
        register = city.slice(form)
        rows = (register.row(slot) for slot in range(register.size()))
        granted |= {(row["case_no"], row["decided_date"], reason) for row in rows if row.get("result") == result}
    lifted = {(case, m["date"], m["reason"]) for case, found in measures.items() for m in found}
    assert len(lifted) >= 20
    assert lifted <= granted


def test_time_runs_forward(cases):
    for number in range(cases.decisions.count(cases.city.today)):
        case = cases.case(number)
        report = cases.report_of(number)
        assert report is None or cases.report(report).received < case.decided
        if case.bar and case.bar.start and case.bar.end:
            assert case.bar.start < case.bar.end
        assert case.bar is None or case.bar.start >= case.decided - timedelta(days=440)
