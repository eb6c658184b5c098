"""Scarce talents: how many people an industry chain has and needs, by level (plan, section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from demo import words
from demo.city import City
from demo.people import People

FIRST_YEAR, LAST_YEAR = 2020, 2030
LEVELS = ("领军人才", "骨干人才")  # categories A to C of the 西安英才计划, and everybody else
TOP = ("A", "B", "C")
CATEGORIES, SHARES = ("A", "B", "C", "D", "E", None), (1, 3, 8, 15, 20, 53)
TOP_SHARE = 0.12  # of all people, by the shares above


@dataclass(frozen=True)
class Need:
    """`need`: people that the chain needs in all, those it has included."""

    number: int
    need_no: str
    year: int
    industry: str
    level: str
    need: int
    published: date


class Needs:
    """The list of scarce talents of a city, one entry a year for every chain and level."""

    def __init__(self, city: City):
        self.city = city
        self.industries = tuple(words.INDUSTRIES)
        self.need = cache(self._need)
        self.category = cache(self._category)

    @property
    def count(self) -> int:
        """Entries published until today: all of a year on one day."""
        a_year = len(self.industries) * len(LEVELS)
        years = self.city.today.year - FIRST_YEAR + (self.city.today >= self.published(self.city.today.year))
        return a_year * max(0, min(years, LAST_YEAR - FIRST_YEAR + 1))

    def published(self, year: int) -> date:
        return date(year, 3, 1) + timedelta(days=self.city.rng("needs published", year).randrange(60))

    def _category(self, person: int) -> str | None:
        """Category of the 西安英才计划."""
        return self.city.rng("talent category", person).choices(CATEGORIES, SHARES)[0]

    def _need(self, number: int) -> Need:
        """About what the city has of the chain, from three quarters to double: a chain may be short or not."""
        a_year = len(self.industries) * len(LEVELS)
        year, place = FIRST_YEAR + number // a_year, number % a_year
        industry, level = self.industries[place // len(LEVELS)], LEVELS[place % len(LEVELS)]
        rng = self.city.rng("need", number)
        share = words.INDUSTRY_SHARES[place // len(LEVELS)] / sum(words.INDUSTRY_SHARES)
        have = self.city.slice(People).base * 0.75 * share * (TOP_SHARE if level == LEVELS[0] else 1 - TOP_SHARE)
        return Need(
            number,
            f"XQ{year}-{place + 1:03d}",
            year,
            industry,
            level,
            max(1, round(have * rng.uniform(0.75, 2.0))),
            self.published(year),
        )
