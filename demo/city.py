"""The city: what is true in it. What its systems say about that, dirt included, stands in registers.py.

Everything follows from seed, scale and a number: no clock, no state. Scale 1 is about 4,300 records in all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from demo import codes, words

TODAY = date(2026, 6, 30)  # the city's present
BASE_COUNTS = {"institution": 900, "talent": 1200, "project": 1600, "platform": 320, "case": 240}


@dataclass(frozen=True)
class Institution:
    number: int
    name: str
    type: str
    credit_code: str
    industry: str | None
    district: str
    zone: str | None
    established: date
    staff: int


@dataclass(frozen=True)
class Person:
    number: int
    name: str
    id_number: str
    born: date
    employer: Institution
    industry: str
    discipline: str


@dataclass(frozen=True)
class Project:
    number: int
    project_no: str
    title: str
    programme: str
    year: int
    leader: Person
    stages: tuple[tuple[str, date], ...]
    due: date | None
    total_wan: float
    fiscal_wan: float
    paid_wan: float


def day_between(rng: random.Random, first: date, last: date) -> date:
    return first + timedelta(days=rng.randrange((last - first).days + 1))


class City:
    """What is true in the city of one seed and scale."""

    def __init__(self, seed: int = 1, scale: float = 1.0):
        if not scale > 0:
            raise ValueError("scale must be above 0")
        self.seed = seed
        self.scale = scale
        self.counts = {kind: max(12, round(n * scale)) for kind, n in BASE_COUNTS.items()}
        self.institution = lru_cache(maxsize=20_000)(self._institution)
        self.person = lru_cache(maxsize=20_000)(self._person)
        self.project = lru_cache(maxsize=20_000)(self._project)

    def rng(self, kind: str, number: int) -> random.Random:
        """Chance of its own for every thing, so that things can be made in any order."""
        return random.Random(f"{self.seed}/{kind}/{number}")

    def two_characters(self, number: int) -> str:
        size = len(words.CHARACTERS)
        mixed = (number * 1_237 + self.seed * 101) % (size * size)
        return words.CHARACTERS[mixed // size] + words.CHARACTERS[mixed % size]

    def _institution(self, number: int) -> Institution:
        rng = self.rng("institution", number)
        district = rng.choices(list(words.DISTRICTS), [share for _, share in words.DISTRICTS.values()])[0]
        zones = [code for code, (_, places) in words.ZONES.items() if district in places]
        zone = rng.choice(zones) if zones and rng.random() < 0.6 else None
        industry = rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        mark = self.two_characters(number)
        place = number % 20
        if place == 0:
            type_, name, kind, staff = "高等院校", f"演示{mark}大学", "12", rng.randint(800, 4000)
        elif place in (1, 2):
            type_, name, kind, staff = "科研院所", f"西安演示{mark}{industry}研究院", "12", rng.randint(60, 900)
        elif place in (3, 4, 5):
            type_ = words.SERVICE_TYPES[(number // 20 + place) % 4]
            name, kind, staff = f"西安示范{mark}{words.SERVICE_WORDS[type_][0]}", "91", rng.randint(6, 120)
        else:
            type_, name, kind = "企业", f"西安示范{mark}{industry}科技有限公司", "91"
            staff = max(4, int(rng.lognormvariate(3.6, 1.1)))
        return Institution(
            number,
            name,
            type_,
            codes.credit_code(kind, 10_000_019 * (self.seed + 1) + number * 7_919),
            None if type_ == "高等院校" or type_ in words.SERVICE_TYPES else industry,
            district,
            zone,
            day_between(rng, date(1956, 1, 1) if kind == "12" else date(1998, 1, 1), date(2024, 12, 31)),
            staff,
        )

    def _person(self, number: int) -> Person:
        rng = self.rng("person", number)
        # universities and institutes hold more of the talents than their number says
        while True:
            employer = self.institution(rng.randrange(self.counts["institution"]))
            if employer.type not in words.SERVICE_TYPES and (employer.type != "企业" or rng.random() < 0.35):
                break
        industry = employer.industry or rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        # steps that never give one birthday twice to numbers with the same last three digits
        born = date(1958, 1, 1) + timedelta(days=(number * 7_919 + number // 1000) % 14_600)
        return Person(
            number,
            "演示" + self.two_characters(number * 13 + 5),
            codes.id_number(f"{born:%Y%m%d}", number),
            born,
            employer,
            industry,
            rng.choice(words.INDUSTRIES[industry]),
        )

    def _project(self, number: int) -> Project:
        rng = self.rng("project", number)
        programme = rng.choices(list(words.PROGRAMMES), [share for _, share in words.PROGRAMMES.values()])[0]
        year = rng.choices(range(2019, 2027), (8, 9, 11, 13, 15, 16, 16, 12))[0]
        leader = self.person(rng.randrange(self.counts["talent"]))
        text = rng.choice(words.TITLE_PATTERNS).format(industry=leader.industry, discipline=leader.discipline)
        total = round(rng.lognormvariate(4.9, 0.8), 1)
        share = rng.uniform(0.15, 0.6)
        stages, due = self._stages(rng, year)
        last = stages[-1][0]
        paid = {"申报": 0.0, "评审": 0.0, "立项": 0.3, "实施": 0.6, "验收": 0.8, "结题": 1.0, "终止": 0.5}[last]
        return Project(
            number,
            f"{year}{words.PROGRAMMES[programme][0]}-{number + 1:05d}",
            f"{text}（{self.two_characters(number + 7)}）",
            programme,
            year,
            leader,
            stages,
            due,
            total,
            round(total * share, 1),
            round(total * share * paid, 2),
        )

    def _stages(self, rng: random.Random, year: int) -> tuple[tuple[tuple[str, date], ...], date | None]:
        """The way of a project up to today; about one in eight is late, one in twenty-five ends early."""
        day = day_between(rng, date(year, 1, 10), date(year, 4, 20))
        stages = [("申报", day)]
        waits = (("评审", 30, 100), ("立项", 20, 90), ("实施", 5, 40))
        for name, least, most in waits:
            day += timedelta(days=rng.randint(least, most))
            if day > TODAY:
                return tuple(stages), None
            stages.append((name, day))
        due = stages[2][1] + timedelta(days=rng.choice((365, 730, 730, 1095)))
        if rng.random() < 0.04:
            day += timedelta(days=rng.randint(120, 400))
            return (*stages, *([("终止", day)] if day <= TODAY else [])), due
        day = due + timedelta(days=rng.randint(20, 500) if rng.random() < 0.125 else rng.randint(-120, 15))
        for name in ("验收", "结题"):
            if day > TODAY:
                break
            stages.append((name, day))
            day += timedelta(days=rng.randint(20, 70))
        return tuple(stages), due
