"""The projects of the city and their way from application to acceptance."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from demo import words
from demo.city import City, Person, day_between


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


class Projects:
    """Slice of the city: its projects."""

    def __init__(self, city: City):
        self.city = city
        self.project = lru_cache(maxsize=20_000)(self._project)

    def count(self) -> int:
        return self.city.scaled(1600, 12)

    def truth(self) -> dict[str, list]:
        return {}

    def _project(self, number: int) -> Project:
        rng = self.city.rng("project", number)
        programme = rng.choices(list(words.PROGRAMMES), [share for _, share in words.PROGRAMMES.values()])[0]
        year = rng.choices(range(2019, 2027), (8, 9, 11, 13, 15, 16, 16, 12))[0]
        leader = self.city.person(rng.randrange(self.city.scaled(1200, 12)))
        text = rng.choice(words.TITLE_PATTERNS).format(industry=leader.industry, discipline=leader.discipline)
        total = round(rng.lognormvariate(4.9, 0.8), 1)
        share = rng.uniform(0.15, 0.6)
        stages, due = self._stages(rng, year)
        last = stages[-1][0]
        paid = {"申报": 0.0, "评审": 0.0, "立项": 0.3, "实施": 0.6, "验收": 0.8, "结题": 1.0, "终止": 0.5}[last]
        return Project(
            number,
            f"{year}{words.PROGRAMMES[programme][0]}-{number + 1:05d}",
            f"{text}（{self.city.mark(number + 7)}）",
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
            if day > self.city.today:
                return tuple(stages), None
            stages.append((name, day))
        due = stages[2][1] + timedelta(days=rng.choice((365, 730, 730, 1095)))
        if rng.random() < 0.04:
            day += timedelta(days=rng.randint(120, 400))
            return (*stages, *([("终止", day)] if day <= self.city.today else [])), due
        day = due + timedelta(days=rng.randint(20, 500) if rng.random() < 0.125 else rng.randint(-120, 15))
        for name in ("验收", "结题"):
            if day > self.city.today:
                break
            stages.append((name, day))
            day += timedelta(days=rng.randint(20, 70))
        return tuple(stages), due


SLICE = Projects
