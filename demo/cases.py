"""Integrity in the city: pledges, reports of misconduct, decided cases, their measures, appeals and repairs.

Cases run in the order of their decisions, sixteen of them to a block; the place in the block says how a case is cast,
so that the veto has cases on both sides of its border. What is a veto is evaluated on the true things in case_rules.py.
A case is cast with somebody who takes part in an application of that time; where chance finds nobody, it is an
ordinary one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from demo import codes
from demo.city import City, Institution, day_between, years_after
from demo.projects import Application, Projects, years_before
from demo.quiet import quiet
from demo.timeline import Timeline

A_YEAR = {
    2020: 36, 2021: 40, 2022: 44, 2023: 48, 2024: 52, 2025: 56, 2026: 60, 2027: 62, 2028: 64, 2029: 66, 2030: 68,
    2031: 70,
}  # fmt: skip
BLOCK = 16
REPORTS = 3  # of which one leads to the case, or none
MEASURES = 2
APPEALED = (3, 5, 7, 8)  # places in the block; the third of them is upheld
REPAIRED = (1, 9, 12)  # places in the block; the second is approved
UPHELD, APPROVED, WITHDRAWN = 8, 9, 15
APPEAL_DAYS = 15  # working time within which an appeal is filed and entered
REPAIR_DAYS = 400  # after the decision a repair is entered, some days after it was asked for
OWN_INITIATIVE = 6  # one case in so many begins without a report
RULE_CHANGED = date(2022, 9, 1)
RULES = ("国科发监〔2019〕323号", "国科发监〔2022〕221号")
BEHAVIOURS = {"B1": 18, "B2": 16, "B3": 14, "B4": 20, "B5": 4, "B6": 14, "B7": 10, "B8": 4}
AUTHORITIES = ("西安市科学技术局（演示）", "陕西省科学技术厅（演示）")
SEVERE = "severe"


@dataclass(frozen=True)
class Subject:
    """Who a case is about. `number` is None for a stranger, of whom no other system knows; `like`: the person or
    institution of the city whose name a stranger bears, or nearly bears."""

    kind: str
    number: int | None
    like: int | None
    name: str
    code: str
    employer: int | None


@dataclass(frozen=True)
class Measure:
    """`start` and `end` (first free day; None for good) for a bar only. `lifted`: (day, appeal or repair)."""

    kind: str
    start: date | None = None
    end: date | None = None
    lifted: tuple[date, str] | None = None
    recovered: int | None = None

    def bars_on(self, day: date, known_on: date) -> bool:
        """Whether it takes rights away on a day, by what is known on another."""
        return self.covers(day) and not self.was_lifted(day, known_on)

    def covers(self, day: date) -> bool:
        return self.start is not None and self.start <= day and (self.end is None or day < self.end)

    def was_lifted(self, day: date, known_on: date) -> bool:
        return self.lifted is not None and self.lifted[0] <= min(day, known_on)


@dataclass(frozen=True)
class Case:
    """`withdrawn`: day on which the system takes it back. `project`: what it is about."""

    number: int
    decided: date
    subject: Subject
    behaviour: str
    culpability: str
    severity: str
    measures: tuple[Measure, ...]
    project: int | None
    withdrawn: date | None
    is_cast: bool

    @property
    def rule(self) -> str:
        return RULES[self.decided >= RULE_CHANGED]

    @property
    def bar(self) -> Measure | None:
        return next((m for m in self.measures if m.kind == "bar"), None)

    def is_known_on(self, day: date) -> bool:
        """Decided and not taken back."""
        return self.decided <= day and (self.withdrawn is None or day < self.withdrawn)


@dataclass(frozen=True)
class Appeal:
    """`entered`: first day on which the register shows it."""

    number: int
    case: int
    filed: date
    entered: date
    decided: date
    upheld: bool


@dataclass(frozen=True)
class Repair:
    number: int
    case: int
    filed: date
    entered: date
    decided: date
    hours: int
    approved: bool


@dataclass(frozen=True)
class Report:
    """`case`: the case it leads to. `closed`: (day, how it ended)."""

    number: int
    received: date
    accepted: date | None
    closed: tuple[date, str]
    channel: str
    reporter: int | None
    subject_kind: str
    subject: int
    behaviour: str
    project: int | None
    case: int | None


@dataclass(frozen=True)
class Pledge:
    number: int
    application: int
    kind: str
    signed: date
    revoked: date | None


class Cases:
    """Slice of the city: its register of integrity."""

    def __init__(self, city: City):
        self.city = city
        self.projects = city.slice(Projects)
        a_year = {year: max(4, round(n * city.scale)) for year, n in A_YEAR.items()}
        self.decisions = Timeline(a_year)
        self.reports = Timeline({year: REPORTS * n for year, n in a_year.items()})
        self._lead = max(2, round(20 * city.scale))  # cases decided between a report and its own case
        self.case = lru_cache(maxsize=20_000)(self._case)
        self._casts: dict[int, Callable[[random.Random, date], tuple[Application, Subject, Measure] | None]] = {
            0: self._leader_barred,
            1: self._leader_barred,
            2: self._member_barred,
            3: self._paid_while_barred,
            4: self._head_barred,
            5: self._found_later,
            6: self._ends_that_day,
            7: self._not_severe,
            8: self._appeal_upheld,
            9: self._repaired,
            10: self._namesake,
            11: self._nearly_same_firm,
            12: self._renamed,
            13: self._expert_barred,
            14: self._host_barred,
        }

    # -- numbers and sizes ----------------------------------------------------------------------------------------

    def case_no(self, case: int) -> str:
        return f"CX{self.decisions.day(case).year}-{case + 1:05d}"

    def measure_no(self, case: int, place: int) -> str:
        return f"CS{self.decisions.day(case).year}-{case * MEASURES + place + 1:06d}"

    def appeal_case(self, number: int) -> int:
        block, place = divmod(number, len(APPEALED))
        return block * BLOCK + APPEALED[place]

    @staticmethod
    def may_be_withdrawn(case: int) -> bool:
        """Whether the system may take the case back; of appeals and repairs none is one of those."""
        return case % BLOCK == WITHDRAWN

    def repair_case(self, number: int) -> int:
        block, place = divmod(number, len(REPAIRED))
        return block * BLOCK + REPAIRED[place]

    def appeal_count(self) -> int:
        """Appeals entered until today."""
        return _members(self.decisions.count(self.city.today - timedelta(days=APPEAL_DAYS)), APPEALED)

    def repair_count(self) -> int:
        """Repairs entered until today."""
        return _members(self.decisions.count(self.city.today - timedelta(days=REPAIR_DAYS)), REPAIRED)

    # -- cases ----------------------------------------------------------------------------------------------------

    def _case(self, number: int) -> Case:
        rng = self.city.rng("case", number)
        decided = self.decisions.day(number)
        place = number % BLOCK
        # ordinary and never severe where the registers may put rubbish: no veto hangs on a record that is refused
        plain = quiet(number) or any(quiet(number * MEASURES + m) for m in range(MEASURES))
        make = None if plain else self._casts.get(place)
        found = make(rng, decided) if make else None
        may_go = self.may_be_withdrawn(number) and rng.random() < 0.4
        withdrawn = decided + timedelta(days=rng.randint(30, 400)) if may_go else None
        if found is None:
            application, subject, bar = self._ordinary(rng, decided)
            severity = rng.choices(("minor", "serious", SEVERE), (40, 35, 0 if plain else 25))[0]
        else:
            application, subject, bar = found
            severity = ("serious", "serious", "minor")[number // BLOCK % 3] if place == 7 else SEVERE
        if place == UPHELD:
            bar = replace(bar, lifted=(self.appeal_days(number)[1], "appeal"))
        elif place == APPROVED:
            bar = replace(bar, lifted=(self.repair_days(number)[1], "repair"))
        if bar.lifted and bar.end and bar.lifted[0] >= bar.end:
            bar = replace(bar, lifted=None)
        return Case(
            number=number,
            decided=decided,
            subject=subject,
            behaviour=rng.choices(list(BEHAVIOURS), list(BEHAVIOURS.values()))[0],
            culpability="knowing" if rng.random() < (0.9 if severity == SEVERE else 0.5) else "unintended",
            severity=severity,
            measures=self._measures(rng, severity, bar, is_cast=found is not None),
            project=application.project if rng.random() < 0.8 else None,
            withdrawn=withdrawn,
            is_cast=found is not None,
        )

    @staticmethod
    def _measures(rng: random.Random, severity: str, bar: Measure, *, is_cast: bool) -> tuple[Measure, ...]:
        """Two of every case. How long a bar lasts is background knowledge, not the rules' own text."""
        if severity == "minor" and not is_cast:
            return Measure("admonish"), Measure("criticise")
        if severity != SEVERE:
            if not is_cast and bar.start:  # shorter than for severe ones
                bar = replace(bar, end=years_after(bar.start, rng.choice((1, 2, 3))))
            return Measure("criticise"), bar
        first = rng.choice(("publish", "recover", "revoke"))
        return Measure(first, recovered=100 * rng.randint(5, 200) if first == "recover" else None), bar

    # -- how cases are cast: the application, who, and the bar ----------------------------------------------------

    def _around(self, rng: random.Random, first: date, last: date) -> Application | None:
        """An application handed in between two days, of nobody who leads many."""
        found = self._number_around(rng, first, last)
        return None if found is None else self.projects.application(found)

    def _number_around(self, rng: random.Random, first: date, last: date) -> int | None:
        """Its number: to try many, it is enough to know who takes part."""
        low, high = self._handed_in(first), self._handed_in(last)
        found = None
        for _ in range(8 if low < high else 0):
            found = rng.randrange(low, high)
            if not self._is_busy(self.projects.cast(found).leader):
                break
        return found

    @staticmethod
    def _is_busy(person: int) -> bool:
        """Who takes part in a great many projects: one such case would be most of what the veto finds."""
        return person % 25 == 12

    def _handed_in(self, day: date) -> int:
        """How many applications are handed in before a day."""
        low, high = 0, self.projects.end
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.projects.applied(middle) < day else (low, middle)
        return low

    @staticmethod
    def _is_small(host: Institution) -> bool:
        """Whether a host may be barred as a whole: no university or hospital is."""
        return host.kind in ("firm", "service", "institute")

    @staticmethod
    def _years(rng: random.Random, start: date) -> Measure:
        years = rng.choices((3, 5, 7, None), (50, 35, 10, 5))[0]
        return Measure("bar", start, years_after(start, years) if years else None)

    def _someone(self, person: int, day: date) -> Subject:
        p = self.city.person(person)
        return Subject("person", person, None, p.name, p.id_number, p.last_employer(day))

    def _institution(self, number: int, day: date) -> Subject:
        i = self.city.institution(number)
        return Subject("institution", number, None, i.name_on(day), i.credit_code, None)

    def _ordinary(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure]:
        """About an application of the years before: its leader, a member, or its host."""
        a = self._around(rng, day - timedelta(days=1200), day - timedelta(days=60))
        a = a or self.projects.application(rng.randrange(40))
        chance = rng.random()
        if chance < 0.3 and self._is_small(a.host):
            subject = self._institution(a.host.number, day)
        else:
            subject = self._someone(a.leader.number, day)
        return a, subject, self._years(rng, day)

    def _leader_barred(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        a = self._around(rng, day + timedelta(days=5), day + timedelta(days=500))
        return (a, self._someone(a.leader.number, day), self._years(rng, day)) if a else None

    def _member_barred(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        for _ in range(20):
            a = self._around(rng, day + timedelta(days=5), day + timedelta(days=900))
            members = [m for m in a.members if not self._is_busy(m)] if a else []
            if a and members:
                return a, self._someone(rng.choice(members), day), self._years(rng, day)
        return None

    def _paid_while_barred(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        """Awarded before, paid after the decision."""
        for _ in range(40):
            a = self._around(rng, day - timedelta(days=800), day - timedelta(days=120))
            if a and a.project is not None:
                later = [d for d, _ in self.projects.project(a.project).payments if day <= d < years_after(day, 3)]
                if later and a.decided < day:
                    return a, self._someone(a.leader.number, day), self._years(rng, day)
        return None

    def _head_barred(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        for _ in range(20):
            a = self._around(rng, day + timedelta(days=5), day + timedelta(days=900))
            if a and self._is_small(a.host) and a.host.legal_representative not in (a.leader.number, *a.members):
                return a, self._someone(a.host.legal_representative, day), self._years(rng, day)
        return None

    def _found_later(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        """Barred from a day before the decision, on which an application was handed in: found by scanning back."""
        a = self._around(rng, day - timedelta(days=400), day - timedelta(days=20))
        if a is None:
            return None
        start = a.applied - timedelta(days=rng.choice((0, 0, 3, 20)))
        return a, self._someone(a.leader.number, day), self._years(rng, start)

    def _ends_that_day(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        """Free again on the very day of the application."""
        years = rng.choice((1, 2))
        first = years_after(day, years)
        a = self._around(rng, first, first + timedelta(days=200))
        if a is None:
            return None
        return (
            a,
            self._someone(a.leader.number, day),
            Measure("bar", years_before(a.applied, years), a.applied),
        )

    def _not_severe(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        return self._leader_barred(rng, day)

    def _appeal_upheld(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        a = self._around(rng, day + timedelta(days=130), day + timedelta(days=800))
        return (a, self._someone(a.leader.number, day), self._years(rng, day)) if a else None

    def _repaired(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        a = self._around(rng, day + timedelta(days=REPAIR_DAYS + 70), day + timedelta(days=1000))
        if a is None:
            return None
        return a, self._someone(a.leader.number, day), Measure("bar", day, years_after(day, rng.choice((3, 5))))

    def _namesake(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        """A stranger with the leader's name and another ID number."""
        a = self._around(rng, day + timedelta(days=5), day + timedelta(days=700))
        if a is None:
            return None
        # older than anybody of the city, so that no ID number is given twice
        born = day_between(rng, date(1950, 1, 1), date(1957, 12, 31))
        code = codes.id_number(f"{born:%Y%m%d}", rng.randrange(1000))
        place = self.city.institutes[rng.randrange(self.city.count("institute"))]
        return a, Subject("person", None, a.leader.number, a.leader.name, code, place), self._years(rng, day)

    def _nearly_same_firm(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        """A stranger whose name differs from the host's in one character; no institution of the city has 新 there."""
        a = self._around(rng, day + timedelta(days=5), day + timedelta(days=700))
        for _ in range(20):
            if a is None or self._is_small(a.host):
                break
            a = self._around(rng, day + timedelta(days=5), day + timedelta(days=700))
        if a is None:
            return None
        name = a.host.name_on(day)
        for mark in ("示范", "演示"):
            if mark in name:
                name = name.replace(mark, f"{mark}新", 1)
                break
        code = codes.credit_code("91", 700_000_000_000 + self.city.seed * 1_000_003 + (day.toordinal() * 31))
        return a, Subject("institution", None, a.host.number, name, code, None), self._years(rng, day)

    def _renamed(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        """A host that was barred under the name it had before."""
        first, last = day + timedelta(days=5), day + timedelta(days=1090)
        # one application in some seventy will do; in a country there are cases enough without looking for it long
        for _ in range(400 if self.city.scale <= 10 else 4):
            number = self._number_around(rng, first, last)
            if number is None:
                return None
            host = self.city.institution(self.projects.cast(number).host)
            renamed = (since for since, _ in host.names[1:])
            if self._is_small(host) and any(day < since <= self.projects.applied(number) for since in renamed):
                a = self.projects.application(number)
                return a, self._institution(host.number, day), self._years(rng, day)
        return None

    def _expert_barred(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        for _ in range(10):
            a = self._around(rng, day + timedelta(days=5), day + timedelta(days=500))
            reviews = self.projects.reviews(a.number) if a else ()
            if a and reviews:
                person = self.projects.people.expert(rng.choice(reviews).expert).person.number
                return a, self._someone(person, day), self._years(rng, day)
        return None

    def _host_barred(self, rng: random.Random, day: date) -> tuple[Application, Subject, Measure] | None:
        """A firm; a whole university is barred by nobody."""
        for _ in range(20):
            a = self._around(rng, day + timedelta(days=5), day + timedelta(days=500))
            if a and self._is_small(a.host):
                return a, self._institution(a.host.number, day), self._years(rng, day)
        return None

    # -- appeals, repairs, reports, pledges -----------------------------------------------------------------------

    def appeal_days(self, case: int) -> tuple[date, date]:
        """Day of the appeal against a case, and of the decision on it."""
        rng = self.city.rng("appeal", case)
        decided = self.decisions.day(case)
        filed = decided + timedelta(days=rng.randint(3, APPEAL_DAYS))
        return filed, decided + timedelta(days=APPEAL_DAYS + rng.randint(30, 90))

    def appeal(self, number: int) -> Appeal:
        case = self.appeal_case(number)
        filed, decided = self.appeal_days(case)
        entered = self.decisions.day(case) + timedelta(days=APPEAL_DAYS)
        return Appeal(number, case, filed, entered, decided, case % BLOCK == UPHELD)

    def appealed(self, case: int) -> Appeal | None:
        """The appeal against a case, if there is one."""
        block, place = divmod(case, BLOCK)
        return self.appeal(block * len(APPEALED) + APPEALED.index(place)) if place in APPEALED else None

    def repair_days(self, case: int) -> tuple[date, date]:
        """Day of the request to be cleared, and of the decision on it."""
        rng = self.city.rng("repair", case)
        entered = self.decisions.day(case) + timedelta(days=REPAIR_DAYS)
        return entered - timedelta(days=rng.randint(0, 25)), entered + timedelta(days=rng.randint(20, 60))

    def repair(self, number: int) -> Repair:
        case = self.repair_case(number)
        filed, decided = self.repair_days(case)
        entered = self.decisions.day(case) + timedelta(days=REPAIR_DAYS)
        hours = self.city.rng("repair hours", case).randint(8, 80)
        return Repair(number, case, filed, entered, decided, hours, case % BLOCK == APPROVED)

    def report_of(self, case: int) -> int | None:
        """Number of the report that begins a case; None where the body began it by itself."""
        place = case - self._lead
        return None if place < 0 or case % OWN_INITIATIVE == 5 else REPORTS * place + case % REPORTS

    def report(self, number: int) -> Report:
        rng = self.city.rng("report", number)
        received = self.reports.day(number)
        case = number // REPORTS + self._lead
        leads = case < self.decisions.ends[-1] and self.report_of(case) == number
        anonymous = rng.random() < 0.45
        told: dict[str, Any] = {
            "number": number,
            "received": received,
            "channel": rng.choices(("online", "letter", "visit", "phone", "transferred"), (45, 25, 6, 14, 10))[0],
            "reporter": None if anonymous else rng.randrange(len(self.city.at(0).people)),
        }
        accepted = received + timedelta(days=rng.randint(3, 15))
        if leads:
            c = self.case(case)
            subject = c.subject.number if c.subject.number is not None else c.subject.like or 0
            return Report(
                **told,
                accepted=min(accepted, c.decided),
                closed=(c.decided, "substantiated"),
                subject_kind=c.subject.kind,
                subject=subject,
                behaviour=c.behaviour,
                project=c.project,
                case=case,
            )
        turned_down = rng.random() < 0.35
        end = accepted + timedelta(days=0 if turned_down else rng.randint(30, 200))
        a = self._around(rng, received - timedelta(days=1000), received)
        a = a or self.projects.application(rng.randrange(40))
        kind = "institution" if rng.random() < 0.25 else "person"
        return Report(
            **told,
            accepted=None if turned_down else accepted,
            closed=(end, "rejected" if turned_down else "unsubstantiated"),
            subject_kind=kind,
            subject=a.host.number if kind == "institution" else a.leader.number,
            behaviour=rng.choices(list(BEHAVIOURS), list(BEHAVIOURS.values()))[0],
            project=a.project if a.decided <= received else None,
            case=None,
        )

    def pledge(self, number: int) -> Pledge:
        """Two of every application: its leader's and its host's."""
        rng = self.city.rng("pledge", number)
        application = number // 2
        signed = self.projects.applied(application)
        revoked = signed + timedelta(days=rng.randint(10, 900)) if rng.random() < 0.01 else None
        return Pledge(number, application, "institution" if number % 2 else "applicant", signed, revoked)

    # -- what the rules say ---------------------------------------------------------------------------------------

    def truth(self) -> dict[str, Any]:
        """Who was barred and took part all the same, as of today."""
        from demo.case_rules import truth

        return truth(self)


def _members(cases: int, places: tuple[int, ...]) -> int:
    """How many of the first cases stand at one of these places of their block."""
    whole, rest = divmod(cases, BLOCK)
    return whole * len(places) + sum(p < rest for p in places)


SLICE = Cases
