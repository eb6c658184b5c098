"""What is true of people beyond their jobs: talent numbers, advisers, who reviews and to whom they are tied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from math import gcd
from random import Random
from typing import Any

from demo.city import City, Person, day_between

TALENT_BLOCK = 60  # slots of the talent register: 59 people, then one of them under a second number
EXPERT_BLOCK = 7  # one of seven people reviews for the city
ADVISER_EVERY = 20  # one of twenty experts has students in the city
SHARES_EVERY = 7  # one of seven firms has an expert among its shareholders
RETIRED_AT = 63


@dataclass(frozen=True)
class Tie:
    """What ties an expert to an institution from a day on, until before another day."""

    institution: int
    start: date
    end: date | None
    percent: float | None = None

    def holds_on(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day < self.end)


@dataclass(frozen=True)
class Expert:
    """A person who reviews. `declared`: units to be avoided as declared; `shares`: shareholdings."""

    number: int
    expert_no: str
    person: Person
    enrolled: date
    paused: date | None
    most_per_year: int
    declared: tuple[Tie, ...]
    shares: tuple[Tie, ...]


class People:
    """Experts, advisers, shareholdings and talent numbers, each by arithmetic from a number."""

    def __init__(self, city: City):
        self.city = city
        start = city.at(0) if city.day else city
        self.base = start.count("person")
        self.experts = self.base // EXPERT_BLOCK
        self.base_firms = range(start.firms[0], start.firms[0] + len(start.firms))
        self._step = next(a for a in range(17, 100, 2) if gcd(a, self.experts) == 1)
        self.expert = lru_cache(maxsize=20_000)(self._expert)
        self.adviser = lru_cache(maxsize=50_000)(self._adviser)

    def truth(self) -> dict[str, Any]:
        """What the rules about people should find."""
        from demo.talent_rules import truth

        return truth(self)

    # -- talent numbers -------------------------------------------------------------------------------------------

    def talent_slots(self) -> int:
        """Slots of the talent register: everybody once, and a second number after every 59 people."""
        whole, rest = divmod(self.city.count("person"), TALENT_BLOCK - 1)
        return whole * TALENT_BLOCK + rest

    def talent_person(self, slot: int) -> tuple[int, bool]:
        """The person under a slot, and whether it is their second number."""
        block, place = divmod(slot, TALENT_BLOCK)
        twin = place == TALENT_BLOCK - 1
        return block * (TALENT_BLOCK - 1) + (block * 7 % (TALENT_BLOCK - 1) if twin else place), twin

    def talent_no(self, person: int) -> str:
        """The (first) number of a person in the talent register."""
        block, place = divmod(person, TALENT_BLOCK - 1)
        return self.slot_no(block * TALENT_BLOCK + place)

    def second_talent_no(self, person: int) -> str | None:
        block, place = divmod(person, TALENT_BLOCK - 1)
        slot = block * TALENT_BLOCK + TALENT_BLOCK - 1
        return self.slot_no(slot) if place == block * 7 % (TALENT_BLOCK - 1) and slot < self.talent_slots() else None

    def used_talent_no(self, rng: Random, person: int) -> str:
        """The number under which somebody fills in a form: of two numbers now and then the second."""
        block = person // (TALENT_BLOCK - 1)
        second = self.second_talent_no(person) if (block + 1) * (TALENT_BLOCK - 1) <= self.base else None
        return second if rng.random() < 0.3 and second else self.talent_no(person)

    @staticmethod
    def slot_no(slot: int) -> str:
        return f"RC{slot + 1:06d}"

    @staticmethod
    def retired(person: Person) -> date:
        """Day on which the register writes somebody down as retired."""
        return date(person.born.year + RETIRED_AT, person.born.month, 1)

    # -- experts --------------------------------------------------------------------------------------------------

    def expert_of(self, person: int) -> int | None:
        """Number of a person among the experts."""
        number = person // EXPERT_BLOCK
        return number if number < self.experts and self._place(number) == person else None

    def person_of(self, expert: int) -> int:
        """Who an expert is, without making the rest of the expert."""
        return self._place(expert)

    def _place(self, number: int) -> int:
        return number * EXPERT_BLOCK + self.city.rng("expert place", number).randrange(EXPERT_BLOCK)

    def _expert(self, number: int) -> Expert:
        rng = self.city.rng("expert", number)
        person = self.city.person(self._place(number))
        return Expert(
            number,
            f"ZJ{number + 1:06d}",
            person,
            day_between(rng, date(2016, 1, 1), date(2020, 12, 1)),
            day_between(rng, date(2024, 1, 1), date(2028, 12, 31)) if rng.random() < 0.08 else None,
            rng.choice((8, 10, 12, 15, 20)),
            tuple(self._declared(number)),
            tuple(self._shares(number)),
        )

    def _declared(self, number: int) -> list[Tie]:
        rng = self.city.rng("declared units", number)
        ties = []
        for _ in range(rng.randint(1, 3)):
            pool = rng.choices((self.city.universities, self.city.institutes, self.city.firms), (55, 35, 10))[0]
            most = min(len(pool), len(self.base_firms))  # founded later: in nobody's declaration
            start = day_between(rng, date(2017, 1, 1), date(2024, 6, 30))
            end = start + timedelta(days=rng.randint(200, 1500)) if rng.random() < 0.5 else None
            ties.append(Tie(pool[rng.randrange(most)], start, end))
        return ties

    def holder(self, firm: int) -> tuple[int, Tie] | None:
        """The expert who holds shares in a firm, with the tie."""
        if firm not in self.base_firms or (firm - self.base_firms[0]) % SHARES_EVERY != 3:
            return None
        place = firm - self.base_firms[0]
        return (place * self._step + 5) % self.experts, self._share(firm)

    def _share(self, firm: int) -> Tie:
        rng = self.city.rng("shares", firm)
        start = day_between(rng, date(2015, 1, 1), date(2022, 12, 31))
        end = start + timedelta(days=rng.randint(300, 3000)) if rng.random() < 0.6 else None
        return Tie(firm, start, end, round(rng.uniform(0.5, 35), 2))

    def _shares(self, number: int) -> list[Tie]:
        place = (number - 5) * pow(self._step, -1, self.experts) % self.experts if self.experts > 1 else 0
        places = range(place, len(self.base_firms), self.experts)
        return [self._share(self.base_firms[f]) for f in places if f % SHARES_EVERY == 3]

    def _adviser(self, person: int) -> int | None:
        """The person who advised somebody's doctorate or master's work, if that was somebody of the city."""
        rng = self.city.rng("adviser", person)
        if rng.random() >= 0.35:
            return None
        born = self.city.person(person).born
        for _ in range(6):
            adviser = self.city.person(self._place(rng.randrange(0, self.experts, ADVISER_EVERY)))
            if adviser.born.year + 8 <= born.year:
                return adviser.number
        return None


SLICE = People
