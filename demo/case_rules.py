"""Rule 2 of the plan, the veto, over what is true: who took part on a day on which a severe decision barred them.

blocked(subject, date): a severe decision, not taken back, has a bar with from ≤ date < to (no end: for good), and the
bar was not lifted on or before that day by an appeal or a repair. Subjects of an application are its leader, its
members, its host and the host's legal representative; of a review its expert. Days are those of the application, the
award, each payment and the review. A bar that was decided after the day is found by scanning back (`retro`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demo.cases import Case, Cases

NEAR_DAYS = 30  # a bar that ended so many days before, or begins so many days after, is a near miss


@dataclass(frozen=True)
class Event:
    """Somebody takes part: `record` is the application, project or review, `subject` person:… or institution:…."""

    record: str
    what: str
    day: date
    role: str
    subject: str


def truth(cases: Cases) -> dict[str, Any]:
    """`vetoes` and the near misses of the rule, as of today."""
    today = cases.city.today
    barred: dict[str, list[Case]] = defaultdict(list)
    alike: dict[str, list[Case]] = defaultdict(list)
    for number in range(cases.decisions.count(today)):
        case = cases.case(number)
        if case.bar is not None:
            s = case.subject
            (alike if s.number is None else barred)[f"{s.kind}:{s.like if s.number is None else s.number}"].append(case)
    vetoes: list[dict[str, Any]] = []
    near: list[dict[str, Any]] = []
    for event in events(cases):
        for case in barred.get(event.subject, ()):
            kind = judge(case, event.day, today)
            told = _told(cases, event, case)
            if kind == "blocked":
                vetoes.append({**told, "retro": case.decided > event.day, "renamed": _renamed(cases, event, case)})
            elif kind is not None:
                near.append({**told, "kind": kind})
        for case in alike.get(event.subject, ()):
            if judge(case, event.day, today) == "blocked":
                kind = "namesake" if case.subject.kind == "person" else "similar_name"
                near.append({**_told(cases, event, case), "kind": kind})
    return {"vetoes": vetoes, "near_misses": {"vetoes": near}}


def judge(case: Case, day: date, today: date) -> str | None:
    """`blocked`, or why it only looks so (ended, not_yet, not_severe, withdrawn, appeal, repair), or None."""
    bar = case.bar
    if bar is None or bar.start is None:
        return None
    if not bar.covers(day):
        if case.severity != "severe" or not case.is_known_on(today):
            return None
        if bar.end is not None and timedelta() <= day - bar.end < timedelta(days=NEAR_DAYS):
            return "ended"
        return "not_yet" if timedelta() < bar.start - day <= timedelta(days=NEAR_DAYS) else None
    if not case.is_known_on(today):
        return "withdrawn"
    if case.severity != "severe":
        return "not_severe"
    if bar.lifted is not None and bar.was_lifted(day, today):
        return bar.lifted[1]
    return "blocked"


def events(cases: Cases) -> Iterator[Event]:
    """Everybody's part in every application, award, payment and review up to today."""
    projects, today = cases.projects, cases.city.today
    for number in range(projects.applications):
        a = projects.application(number)
        days = [(f"pds:application:{a.application_no}", "application", a.applied)]
        if a.project is not None and a.decided <= today:
            record = f"pds:project:{projects.project_no(a.project)}"
            paid = sorted({day for day, _ in projects.project(a.project).payments if day <= today})
            days += [(record, "award", a.decided), *((record, "payment", day) for day in paid)]
        subjects = [
            ("leader", f"person:{a.leader.number}"),
            *(("member", f"person:{m}") for m in a.members),
            ("institution", f"institution:{a.host.number}"),
            ("legal_representative", f"person:{a.host.legal_representative}"),
        ]
        for record, what, day in days:
            for role, subject in subjects:
                yield Event(record, what, day, role, subject)
        for review in projects.reviews(number):
            if review.day <= today:
                person = projects.people.expert(review.expert).person.number
                yield Event(f"pds:review:{review.review_no}", "review", review.day, "expert", f"person:{person}")


def _told(cases: Cases, event: Event, case: Case) -> dict[str, Any]:
    bar = case.bar
    return {
        "record": event.record,
        "event": event.what,
        "date": event.day.isoformat(),
        "role": event.role,
        "subject": event.subject,
        "decision": f"integrity:decision:{cases.case_no(case.number)}",
        "measure": f"integrity:measure:{cases.measure_no(case.number, case.measures.index(bar))}" if bar else None,
        "from": bar.start.isoformat() if bar and bar.start else None,
        "to": bar.end.isoformat() if bar and bar.end else None,
    }


def _renamed(cases: Cases, event: Event, case: Case) -> bool:
    """Whether an institution bore another name on the day than in the decision."""
    if case.subject.kind != "institution" or case.subject.number is None:
        return False
    return cases.city.institution(case.subject.number).name_on(event.day) != case.subject.name
