"""What people decided about records: two entries are one thing or two, a value is wrong, a refused row is let in.

Everybody who decides is invented. The rule that proposer and approver differ is broken now and then, on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from demo.city import City
from demo.people import TALENT_BLOCK, People
from demo.quiet import quiet
from demo.timeline import Timeline

STEWARDS = ("演示管甲", "演示管乙", "演示管丙", "演示管丁")
YEARS = range(2024, 2031)
ENTITIES_A_YEAR, CORRECTIONS_A_YEAR, RELEASES_A_YEAR = 40, 12, 6
NAMESAKE_EVERY, NAMESAKE_AT, NAMESAKE_BEFORE = 50, 31, 17  # as city.given_name gives names
PREFIXES = {"entity_decision": "ST", "correction": "GZ", "release": "FX"}
MERGE, APART = "合并", "拆分"


@dataclass(frozen=True)
class Signed:
    """Who proposed, who approved, and when; `revoked`: day from which it no longer holds."""

    decided: date
    approved: date
    proposer: str
    approver: str
    revoked: date | None

    @property
    def own(self) -> bool:
        """Proposed and approved by one person: such a decision must not count."""
        return self.proposer == self.approver


@dataclass(frozen=True)
class EntityDecision:
    kind: str
    entity_type: str
    record_ids: tuple[str, ...]
    people: tuple[int, ...]
    reason: str


class Decisions:
    """Slice of the city: the stewards' book."""

    def __init__(self, city: City):
        self.city = city
        self.people = city.slice(People)

    def _timeline(self, a_year: int) -> Timeline:
        return Timeline({year: max(4, round(a_year * min(1.0, self.city.scale))) for year in YEARS})

    @cached_property
    def books(self) -> dict[str, Timeline]:
        """Record type → when its decisions were proposed."""
        return {
            "entity_decision": self._timeline(ENTITIES_A_YEAR),
            "correction": self._timeline(CORRECTIONS_A_YEAR),
            "release": self._timeline(RELEASES_A_YEAR),
        }

    def sign(self, kind: str, number: int) -> Signed:
        rng = self.city.rng(f"{kind} signed", number)
        day = self.books[kind].day(number)
        proposer = rng.choice(STEWARDS)
        others = [s for s in STEWARDS if s != proposer]
        own = number % 4 == 2 and not quiet(number)
        approver = proposer if own else rng.choice(others)
        revoked = day + timedelta(days=rng.randint(20, 400)) if rng.random() < 0.05 else None
        return Signed(day, day + timedelta(days=rng.randint(0, 3)), proposer, approver, revoked)

    def entity_decision(self, number: int) -> EntityDecision:
        """Even numbers: a person's two entries in the talent register are one; odd ones: two namesakes are two."""
        pairs, rest = divmod(number, 2)
        if rest == 0 and (pairs + 1) * (TALENT_BLOCK - 1) <= self.people.base:
            person, _ = self.people.talent_person(pairs * TALENT_BLOCK + TALENT_BLOCK - 1)
            second = self.people.second_talent_no(person)
            assert second is not None
            numbers, people, kind = (self.people.talent_no(person), second), (person,), MERGE
            reason = "身份证号假名一致，同一人两次登记"
        else:
            later = NAMESAKE_AT + NAMESAKE_EVERY * (pairs % max(1, self.people.base // NAMESAKE_EVERY))
            people = (later - NAMESAKE_BEFORE, later)
            numbers, kind = (self.people.talent_no(people[0]), self.people.talent_no(people[1])), APART
            reason = "同名不同人，出生年和证件不同"
        return EntityDecision(kind, "person", tuple(f"pds:talent:{n}" for n in numbers), people, reason)

    def truth(self) -> dict[str, Any]:
        """`self_approved`: decisions that one person proposed and approved (who must differ); near: approved by
        another on the day of the proposal."""
        found: list[dict[str, Any]] = []
        near: list[dict[str, Any]] = []
        for kind, days in self.books.items():
            for number in range(days.count(self.city.today)):
                signed = self.sign(kind, number)
                here = {"record": kind, "number": decision_number(kind, number)}
                if signed.approved > self.city.today or quiet(number):
                    continue
                if signed.own:
                    found.append(here)
                elif signed.approved == signed.decided:
                    near.append(here)
        return {"self_approved": found, "near_misses": {"self_approved": near}}


def decision_number(kind: str, number: int) -> str:
    return f"{PREFIXES[kind]}{number + 1:05d}"


SLICE = Decisions
