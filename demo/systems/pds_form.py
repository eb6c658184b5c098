"""What the forms of the platform have in common: a row changes only on the days on which something happened to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import cached_property
from random import Random
from typing import Any

from demo import dirt
from demo.city import Institution
from demo.people import People, Tie
from demo.projects import Projects
from demo.register import Register, Row, listed, stamp_text

EARLIEST = date(2016, 1, 4)  # the platform began


class PdsForm(Register):
    """Subclasses say `events` and `fields`; the stamp follows from the last event."""

    source = "pds"

    def events(self, slot: int) -> Iterable[date | None]:
        """Days on which the row changes, whole history, in any order; None is no day."""
        raise NotImplementedError

    def fields(self, slot: int, rng: Random, day: date) -> Row:
        """The row as it was written on its last day of change; `rng` is the same on every day."""
        raise NotImplementedError

    def written(self, slot: int) -> date:
        """The last day up to today on which something happened."""
        today = self.city.today
        return max((day for day in self.events(slot) if day is not None and day <= today), default=EARLIEST)

    def changed(self, slot: int) -> datetime:
        day = self.written(slot)
        return dirt.moment(self.city.rng(f"pds {self.record} stamp {day}", slot), day)

    def row(self, slot: int) -> Row:
        fields = self.fields(slot, self.city.rng(f"pds {self.record}", slot), self.written(slot))
        return {**fields, "updatedAt": stamp_text(self.changed(slot))}

    @cached_property
    def projects(self) -> Projects:
        return self.city.slice(Projects)

    @cached_property
    def people(self) -> People:
        return self.city.slice(People)

    # -- parts of forms -------------------------------------------------------------------------------------------

    def named(self, rng: Random, number: int, day: date, level: int = 1) -> Row:
        """An institution as the form names it."""
        found = self.city.institution(number)
        return {"name": dirt.spelling(rng, found, day, level), "creditCode": dirt.typed_code(rng, found.credit_code)}

    def leader(self, rng: Random, person: int, year: int) -> Row:
        """A leader; older forms lack the talent number now and then."""
        number = self.people.used_talent_no(rng, person)
        return {
            "name": dirt.person_form(rng, self.city.person(person)),
            "talentNo": None if rng.random() < 0.2 and year < 2021 else number,
        }

    def jobs(self, rng: Random, person: int, day: date) -> list[Row]:
        """Employers up to a day, oldest first, as the register holds them. An end that lies ahead is not known."""
        found = []
        for since, to, number in self.city.person(person).employers:
            named = self.named(rng, number, min(day, to or day), 0)
            named["districtCode"] = self.city.institution(number).district
            if since <= day:
                found.append({**named, "from": since.isoformat(), "to": dirt.iso(to) if to and to <= day else None})
        return found

    def job_links(self, person: int, day: date) -> dict[str, str]:
        """Whom `jobs` names."""
        employers = self.city.person(person).employers
        return listed("employer", "institution", (n for since, _, n in employers if since <= day))

    @staticmethod
    def tie_links(role: str, ties: Iterable[Tie], day: date) -> dict[str, str]:
        """Whom `ties` names."""
        return listed(role, "institution", (tie.institution for tie in ties if tie.start <= day))

    def ties(self, rng: Random, ties: Iterable[Tie], day: date) -> list[Row]:
        """Ties begun up to a day. An end that lies ahead is not known."""
        found = []
        for tie in ties:
            named = self.named(rng, tie.institution, max(tie.start, min(day, tie.end or day)), 0)
            shares = {} if tie.percent is None else {"percent": tie.percent}
            if tie.start <= day:
                end = dirt.iso(tie.end) if tie.end and tie.end <= day else None
                found.append({**named, **shares, "from": tie.start.isoformat(), "to": end})
        return found


def place(rng: Random, institution: Institution) -> dict[str, Any]:
    """District as typed, and zone."""
    return {"districtCode": dirt.typed_digits(rng, institution.district), "zoneCode": institution.zone}
