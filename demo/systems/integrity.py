"""国家科技诚信信息系统: pledges, reports, decisions, measures, appeals, repairs.

Requests are signed. What the system takes back stays listed with its number and the state withdrawn, nothing else.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from demo import codes, dirt
from demo.cases import APPEAL_DAYS, AUTHORITIES, MEASURES, SEVERE, Case, Cases, Measure
from demo.city import City
from demo.endpoint import Endpoint, Hmac
from demo.register import Register, Row, setting, stamp_text

IMPOSSIBLE = "2024-02-30"
PLEDGE_TEXTS = ((date(2022, 9, 1), "2022版"), (date(2019, 1, 1), "2019版"), (date.min, "2016版"))


class _Forms(Register):
    """What the registers have in common: slots are numbers of things, a row was changed when something happened."""

    source = "integrity"

    def __init__(self, city: City):
        super().__init__(city)
        self.cases = city.slice(Cases)

    def days(self, slot: int) -> list[date | None]:
        """Days on which the row changes, future ones included; the first is the day on which it is entered."""
        raise NotImplementedError

    def withdrawn(self, slot: int) -> date | None:
        """Day on which the system takes the row back."""
        return None

    def content(self, slot: int) -> Row:
        """The row without its time."""
        raise NotImplementedError

    def tombstone(self, slot: int) -> bool:
        gone = self.withdrawn(slot)
        return gone is not None and gone <= self.city.today

    def changed(self, slot: int) -> datetime:
        gone = self.withdrawn(slot)
        days = [gone] if gone is not None and gone <= self.city.today else self.days(slot)
        last = max(day for day in days if day is not None and day <= self.city.today)
        return dirt.moment(self.city.rng(f"{self.record} stamp", slot * 10_000 + last.toordinal() % 10_000), last)

    def row(self, slot: int) -> Row:
        stamp = {"updated_at": stamp_text(self.changed(slot))}
        if self.tombstone(slot):
            (key,) = self.key
            return {key: self.number(slot), "status": "withdrawn", **stamp}
        return {**self.content(slot), **stamp}

    def number(self, slot: int) -> str:
        """The system's own number of a slot."""
        raise NotImplementedError

    def by_now(self, day: date | None) -> str | None:
        """A day, as soon as it has come."""
        return day.isoformat() if day and day <= self.city.today else None

    def project_no(self, project: int | None) -> str | None:
        return None if project is None else self.cases.projects.project_no(project)


class PledgeForms(_Forms):
    record, key = "pledge", ("pledge_no",)
    breaks = (
        ("code:pledge_type", setting("pledge_type", value="other")),
        ("type:signed_date", setting("signed_date", value=IMPOSSIBLE)),
        ("required:institution_name", setting("institution_name", value=None)),
        ("required:signatory_name", setting("signatory", "name", value="")),
    )
    conflicting: ClassVar[Row] = {"text_version": "样张"}

    def size(self) -> int:
        return 2 * self.cases.projects.applications

    def number(self, slot: int) -> str:
        return f"CN{self.cases.projects.year_of(slot // 2)}-{slot + 1:06d}"

    def days(self, slot: int) -> list[date | None]:
        p = self.cases.pledge(slot)
        return [p.signed, p.revoked]

    def withdrawn(self, slot: int) -> date | None:
        # entered by mistake, taken back some days later
        return self.cases.pledge(slot).signed + timedelta(days=6) if slot % 211 == 100 else None

    def links(self, slot: int) -> dict[str, str]:
        if self.tombstone(slot):
            return {}
        a = self.cases.projects.application(slot // 2)
        person = a.host.legal_representative if slot % 2 else a.leader.number
        return {"signatory": f"person:{person}", "institution": f"institution:{a.host.number}"}

    def content(self, slot: int) -> Row:
        p = self.cases.pledge(slot)
        a = self.cases.projects.application(p.application)
        rng = self.city.rng("pledge form", slot)
        person = self.city.person(a.host.legal_representative) if p.kind == "institution" else a.leader
        decided = a.project is not None and a.decided <= self.city.today
        return {
            "pledge_no": self.number(slot),
            "status": "revoked" if p.revoked and p.revoked <= self.city.today else "valid",
            "pledge_type": p.kind,
            "signatory": {
                "name": dirt.person_form(rng, person, 0),
                "id_number": dirt.typed_id_number(rng, person.id_number),
            },
            "institution_name": dirt.spelling(rng, a.host, p.signed),
            "institution_credit_code": dirt.typed_code(rng, a.host.credit_code),
            "project_no": self.project_no(a.project) if decided else None,
            "signed_date": p.signed.isoformat(),
            "text_version": next(text for since, text in PLEDGE_TEXTS if since <= p.signed),
        }

    def changed(self, slot: int) -> datetime:
        # the number of the project is entered on the day of the award
        a = self.cases.projects.application(slot // 2)
        awarded = a.project is not None and a.decided <= self.city.today and not self.tombstone(slot)
        last = super().changed(slot)
        return max(last, dirt.moment(self.city.rng("pledge award", slot), a.decided)) if awarded else last


class ReportForms(_Forms):
    record, key = "report", ("report_no",)
    breaks = (
        ("code:channel", setting("channel", value="fax")),
        ("type:received_date", setting("received_date", value=IMPOSSIBLE)),
        ("required:subject_name", setting("subject_name", value=None)),
        ("code:behaviour_code", setting("behaviour", value="B0")),
    )
    conflicting: ClassVar[Row] = {"channel": "transferred", "employer_name": "另一单位"}

    def size(self) -> int:
        return self.cases.reports.count(self.city.today)

    def number(self, slot: int) -> str:
        return f"JB{self.cases.reports.day(slot).year}-{slot + 1:05d}"

    def days(self, slot: int) -> list[date | None]:
        r = self.cases.report(slot)
        return [r.received, r.accepted, r.closed[0]]

    def withdrawn(self, slot: int) -> date | None:
        r = self.cases.report(slot)
        return r.received + timedelta(days=20) if slot % 97 == 40 and r.case is None else None

    def links(self, slot: int) -> dict[str, str]:
        if self.tombstone(slot):
            return {}
        r = self.cases.report(slot)
        found = {"subject": f"{r.subject_kind}:{r.subject}"}
        if self.content(slot)["reporter"]["phone"]:
            found["reporter"] = f"person:{r.reporter}"
        if r.subject_kind == "person":
            found["employer"] = f"institution:{self.city.person(r.subject).last_employer(r.received)}"
        return found

    def content(self, slot: int) -> Row:
        today = self.city.today
        r = self.cases.report(slot)
        rng = self.city.rng("report form", slot)
        if r.subject_kind == "person":
            person = self.city.person(r.subject)
            name = dirt.person_form(rng, person, 2)
            employer = dirt.spelling(rng, self.city.institution(person.last_employer(r.received)), r.received, 2)
        else:
            name, employer = dirt.spelling(rng, self.city.institution(r.subject), r.received, 2), None
        closed = r.closed[0] <= today
        status = r.closed[1] if closed else "investigating" if r.accepted and r.accepted <= today else "received"
        phone = None if r.reporter is None or rng.random() < 0.3 else self.city.person(r.reporter).phone
        return {
            "report_no": self.number(slot),
            "status": status,
            "received_date": r.received.isoformat(),
            "accepted_date": self.by_now(r.accepted),
            "closed_date": self.by_now(r.closed[0]),
            "channel": r.channel,
            "anonymous": r.reporter is None,
            "reporter": {"phone": phone},
            "subject_type": r.subject_kind,
            "subject_name": name,
            "employer_name": employer,
            "behaviour": r.behaviour,
            "project_no": self.project_no(r.project),
            "case_no": self.cases.case_no(r.case) if r.case is not None and closed else None,
        }


class _CaseForms(_Forms):
    """Forms about a decided case; they go when the case is taken back."""

    def case_number(self, slot: int) -> int:
        raise NotImplementedError

    def case(self, slot: int) -> Case:
        return self.cases.case(self.case_number(slot))

    def withdrawn(self, slot: int) -> date | None:
        may_go = self.cases.may_be_withdrawn(self.case_number(slot))  # most of a page is known without its case
        return self.case(slot).withdrawn if may_go else None


class DecisionForms(_CaseForms):
    record, key = "decision", ("case_no",)
    breaks = (
        ("code:behaviour_code", setting("behaviour", value="B9")),
        ("type:decision_date", setting("decision_date", value=IMPOSSIBLE)),
        ("required:decision_no", setting("decision_no", value=None)),
        ("code:severity", setting("severity", value="grave")),
    )
    conflicting: ClassVar[Row] = {"severity": "minor", "published": False, "decision_no": "演科诚〔2020〕99号"}

    def size(self) -> int:
        return self.cases.decisions.count(self.city.today)

    def case_number(self, slot: int) -> int:
        return slot

    def number(self, slot: int) -> str:
        return self.cases.case_no(slot)

    def links(self, slot: int) -> dict[str, str]:
        """A stranger is nobody of the city; the unit a stranger gives is one all the same."""
        s = self.case(slot).subject
        if self.tombstone(slot):
            return {}
        found = {} if s.number is None else {"subject": f"{s.kind}:{s.number}"}
        return found if s.employer is None else {**found, "employer": f"institution:{s.employer}"}

    def days(self, slot: int) -> list[date | None]:
        c = self.case(slot)
        bar = c.bar
        appealed = self.cases.appealed(slot)
        filed = c.decided + timedelta(days=APPEAL_DAYS) if appealed else None
        ended = appealed.decided if appealed else None
        return [c.decided, filed, ended, *([bar.lifted[0] if bar.lifted else bar.end] if bar else [])]

    def status(self, slot: int) -> str:
        today = self.city.today
        bar, appealed = self.case(slot).bar, self.cases.appealed(slot)
        if appealed and appealed.entered <= today < appealed.decided:
            return "appealed"
        if appealed and appealed.upheld and appealed.decided <= today:
            return "revoked"
        if bar and bar.lifted and bar.lifted[0] <= today:
            return "repaired"
        return "expired" if bar and bar.end and bar.end <= today else "in_force"

    def content(self, slot: int) -> Row:
        c = self.case(slot)
        rng = self.city.rng("decision form", slot)
        is_person = c.subject.kind == "person"
        year = c.decided.year
        report = self.cases.report_of(slot)
        return {
            "case_no": self.number(slot),
            "status": self.status(slot),
            "decision_no": f"演科诚{rng.choice(('〔{}〕', '[{}]', '【{}】')).format(year)}{slot % 90 + 1}号",
            "decision_date": c.decided.isoformat(),
            "authority": rng.choice(AUTHORITIES),
            "subject_type": c.subject.kind,
            "subject_name": dirt.typed_name(rng, c.subject.name),
            "subject_id_number": self._id_number(rng, c) if is_person else None,
            "subject_credit_code": None if is_person else self._credit_code(rng, c, c.subject.code),
            **self._employer(rng, c),
            "behaviour": c.behaviour,
            "culpability": c.culpability,
            "severity": c.severity,
            "report_no": None if report is None else f"JB{self.cases.reports.day(report).year}-{report + 1:05d}",
            "project_no": self.project_no(c.project),
            "rule_version": c.rule,
            "published": c.severity == SEVERE,
        }

    def _id_number(self, rng: random.Random, c: Case) -> str | None:
        """Missing or wrong now and then, but right where somebody is barred: the body looks twice."""
        if c.severity == SEVERE:
            return c.subject.code.replace("X", "x") if rng.random() < 0.1 else c.subject.code
        chance = rng.random()
        return None if chance < 0.1 else codes.wrong_check(c.subject.code) if chance < 0.15 else c.subject.code

    def _credit_code(self, rng: random.Random, c: Case, code: str) -> str:
        written = dirt.typed_code(rng, code)
        return code if c.severity == SEVERE and written[:-1] == code[:-1] else written

    def _employer(self, rng: random.Random, c: Case) -> dict[str, Any]:
        if c.subject.employer is None:
            return {"employer_name": None, "employer_credit_code": None}
        i = self.city.institution(c.subject.employer)
        return {
            "employer_name": dirt.spelling(rng, i, c.decided),
            "employer_credit_code": dirt.typed_code(rng, i.credit_code),
        }


class MeasureForms(_CaseForms):
    record, key = "measure", ("measure_no",)
    breaks = (
        ("code:measure_kind", setting("kind", value="fine")),
        ("type:from_date", setting("from", value=IMPOSSIBLE)),
        ("required:case_no", setting("case_no", value=None)),
        ("range:recovered_wan_cny", setting("recovered", value=-1.0)),
    )
    conflicting: ClassVar[Row] = {"kind": "recover", "from": None, "to": None, "recovered": 0.5}

    def size(self) -> int:
        return MEASURES * self.cases.decisions.count(self.city.today)

    def case_number(self, slot: int) -> int:
        return slot // MEASURES

    def measure(self, slot: int) -> Measure:
        return self.case(slot).measures[slot % MEASURES]

    def number(self, slot: int) -> str:
        return self.cases.measure_no(slot // MEASURES, slot % MEASURES)

    def days(self, slot: int) -> list[date | None]:
        m = self.measure(slot)
        decided = self.case(slot).decided
        later = [m.start, m.lifted[0] if m.lifted else m.end] if m.start else [decided + timedelta(days=30)]
        return [decided, *(max(day, decided) for day in later if day)]

    def status(self, slot: int) -> str:
        today = self.city.today
        m = self.measure(slot)
        if m.start is None:
            return "done" if self.case(slot).decided + timedelta(days=30) <= today else "pending"
        if m.lifted and m.lifted[0] <= today:
            return "lifted"
        if m.end and m.end <= today:
            return "expired"
        return "active" if m.start <= today else "pending"

    def content(self, slot: int) -> Row:
        m = self.measure(slot)
        lifted = m.lifted if m.lifted and m.lifted[0] <= self.city.today else (None, None)
        return {
            "measure_no": self.number(slot),
            "status": self.status(slot),
            "case_no": self.cases.case_no(slot // MEASURES),
            "kind": m.kind,
            "from": dirt.iso(m.start),
            "to": dirt.iso(m.end),
            "lifted": {"date": dirt.iso(lifted[0]), "reason": lifted[1]},
            "recovered": None if m.recovered is None else m.recovered / 100,
        }


class AppealForms(_CaseForms):
    record, key = "appeal", ("appeal_no",)
    breaks = (
        ("type:filed_date", setting("filed_date", value=IMPOSSIBLE)),
        ("code:result", setting("result", value="partly")),
    )
    conflicting: ClassVar[Row] = {"result": "rejected", "authority": "另一机关"}

    def size(self) -> int:
        return self.cases.appeal_count()

    def case_number(self, slot: int) -> int:
        return self.cases.appeal_case(slot)

    def number(self, slot: int) -> str:
        return f"SS{self.cases.appeal(slot).entered.year}-{slot + 1:05d}"

    def days(self, slot: int) -> list[date | None]:
        a = self.cases.appeal(slot)
        return [a.entered, a.decided]

    def content(self, slot: int) -> Row:
        a = self.cases.appeal(slot)
        closed = a.decided <= self.city.today
        return {
            "appeal_no": self.number(slot),
            "status": "closed" if closed else "reviewing",
            "case_no": self.cases.case_no(a.case),
            "filed_date": a.filed.isoformat(),
            "decided_date": self.by_now(a.decided),
            "result": ("upheld" if a.upheld else "rejected") if closed else None,
            "authority": self.city.rng("appeal form", slot).choice(AUTHORITIES),
        }


class RepairForms(_CaseForms):
    record, key = "repair", ("repair_no",)
    breaks = (
        ("range:training_hours", setting("training_hours", value=-8)),
        ("code:result", setting("result", value="partly")),
    )
    conflicting: ClassVar[Row] = {"training_hours": 0}

    def size(self) -> int:
        return self.cases.repair_count()

    def case_number(self, slot: int) -> int:
        return self.cases.repair_case(slot)

    def number(self, slot: int) -> str:
        return f"XF{self.cases.repair(slot).entered.year}-{slot + 1:05d}"

    def days(self, slot: int) -> list[date | None]:
        r = self.cases.repair(slot)
        return [r.entered, r.decided]

    def content(self, slot: int) -> Row:
        r = self.cases.repair(slot)
        closed = r.decided <= self.city.today
        measures = self.cases.case(r.case).measures
        barring = next((place for place, m in enumerate(measures) if m.kind == "bar"), 0)
        return {
            "repair_no": self.number(slot),
            "status": "closed" if closed else "filed",
            "case_no": self.cases.case_no(r.case),
            "measure_no": self.cases.measure_no(r.case, barring),
            "filed_date": r.filed.isoformat(),
            "training_hours": r.hours,
            "decided_date": self.by_now(r.decided),
            "result": ("approved" if r.approved else "refused") if closed else None,
        }


def _endpoint(name: str, register: type[Register]) -> Endpoint:
    return Endpoint(
        f"/integrity/{name}",
        register,
        paging="link",
        items="items",
        total="total",
        next="links.next",
        size_param="per_page",
        auth=Hmac("INTEGRITY_KEY_ID", "INTEGRITY_SECRET"),
    )


REGISTERS = (PledgeForms, ReportForms, DecisionForms, MeasureForms, AppealForms, RepairForms)
ENDPOINTS = (
    _endpoint("pledges", PledgeForms),
    _endpoint("reports", ReportForms),
    _endpoint("decisions", DecisionForms),
    _endpoint("measures", MeasureForms),
    _endpoint("appeals", AppealForms),
    _endpoint("repairs", RepairForms),
)
