"""The list of technologies to be mastered, and what the city does beyond its laboratories: stations in the counties,
envoys to the villages, bases of cooperation, and the activities that they register.

The plan asks for all of it (sections 4.2, 4.6, 4.7 and boxes 15 and 17) and says that activities are registered every
half year and counted in the yearly assessment. How many make somebody active it does not say.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from demo import words
from demo.city import City, years_after
from demo.projects import Projects
from demo.timeline import Timeline

YEARS = range(2016, 2032)
TECHNOLOGIES_A_YEAR, BASES_A_YEAR, ENVOYS_A_YEAR, ACTIVITIES_A_YEAR = 30, 14, 30, 420
DIRECTIONS = {"卡脖子": 40, "国产替代": 35, "前沿布局": 25}
COUNTY_KINDS = ("星创天地", "农业科技园区", "县域科技创新试验示范站")
COOPERATION_KINDS = ("国际科技合作基地", "离岸创新创业基地", "科技飞地", "创新街区")
KINDS = dict(zip((*COUNTY_KINDS, *COOPERATION_KINDS), (20, 10, 15, 20, 8, 17, 10), strict=True))
COUNTIES = ("610114", "610115", "610116", "610117", "610118", "610122", "610124")  # the districts with villages
COUNTRIES = ("德国", "以色列", "哈萨克斯坦", "新加坡", "乌兹别克斯坦", "韩国", "英国")
PARTNER_CITIES = ("汉中市", "安康市", "商洛市", "榆林市", "延安市", "兰州市", "银川市")
FIELDS = ("猕猴桃种植", "葡萄种植", "奶山羊养殖", "设施蔬菜", "粮油良种", "苗木花卉", "农产品加工")
EVENTS = {"农技服务": 0, "主体活动": 15, "系列活动": 45, "专题活动": 40}
LONGEST_TERM = 5 * 366
LEAST_ACTIVITIES = 2
NEARLY = 3
COVERED_SHARE = 0.65


@dataclass(frozen=True)
class Technology:
    """An entry of the list. `projects`: numbers of projects that work on it, in the order of their approval."""

    number: int
    technology_no: str
    title: str
    industry: str
    node: str
    direction: str
    listed: date
    removed: date | None
    projects: tuple[int, ...]


@dataclass(frozen=True)
class Base:
    """A station, park or base. `partner`: country or city, where there is one."""

    number: int
    base_no: str
    name: str
    kind: str
    level: str
    host: int
    district: str
    zone: str | None
    partner: str | None
    approved: date
    closed: date | None

    def exists_on(self, day: date) -> bool:
        return self.approved <= day and (self.closed is None or day < self.closed)


@dataclass(frozen=True)
class Envoy:
    """Somebody sent to a village, until before `until`."""

    number: int
    envoy_no: str
    person: int
    district: str
    served: str
    field: str
    since: date
    until: date

    def exists_on(self, day: date) -> bool:
        return self.since <= day < self.until


@dataclass(frozen=True)
class Activity:
    """`base` or `envoy`: who held it. `filed`: day of registration, None where nobody registered it."""

    number: int
    activity_no: str
    kind: str
    base: int | None
    envoy: int | None
    held: date
    filed: date | None
    participants: int


class Outreach:
    """Slice of the city: its list of technologies, its counties and its partners."""

    def __init__(self, city: City):
        self.city = city
        start = city.at(0) if city.day else city
        self._institutes, self._firms = start.institutes, start.firms
        self._universities, self._people = start.universities, start.count("person")

        def a_year(count: int) -> Timeline:
            return Timeline(dict.fromkeys(YEARS, city.scaled(count, 2)))

        self.technologies = a_year(TECHNOLOGIES_A_YEAR)
        self.bases = a_year(BASES_A_YEAR)
        self.envoys = a_year(ENVOYS_A_YEAR)
        self.activities = a_year(ACTIVITIES_A_YEAR)
        self.technology = lru_cache(maxsize=20_000)(self._technology)
        self.base = lru_cache(maxsize=20_000)(self._base)
        self.envoy = lru_cache(maxsize=20_000)(self._envoy)
        self.activity = lru_cache(maxsize=50_000)(self._activity)

    def _technology(self, number: int) -> Technology:
        rng = self.city.rng("technology", number)
        listed = self.technologies.day(number)
        industry = rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        node = rng.choice(words.INDUSTRIES[industry])
        chance = rng.random()
        removed = listed + timedelta(days=rng.randint(400, 2500)) if chance < 0.3 else None
        return Technology(
            number=number,
            technology_no=f"ZD{listed.year}-{number + 1:05d}",
            title=f"{node}{rng.choice(('关键材料', '核心器件', '成套装备', '工业软件', '共性工艺'))}"
            f"（{self.city.mark(number, 11)}）",
            industry=industry,
            node=node,
            direction=rng.choices(list(DIRECTIONS), list(DIRECTIONS.values()))[0],
            listed=listed,
            removed=removed,
            projects=self._projects(rng, industry, listed) if rng.random() < COVERED_SHARE else (),
        )

    def _projects(self, rng: random.Random, industry: str, listed: date) -> tuple[int, ...]:
        """One or two projects that were approved after the technology was listed, of its industry if there are any."""
        projects = self.city.slice(Projects)
        low, high = 0, projects.end // 4 * 3
        while low < high:  # the first project awarded after that day
            middle = (low + high) // 2
            awarded = projects.decided(projects.application_of(middle))
            low, high = (middle + 1, high) if awarded <= listed else (low, middle)
        last = min(projects.end // 4 * 3, low + max(12, round(160 * self.city.scale)))
        pool = list(range(low, last))
        own = [n for n in pool if self._industry(n) == industry] if len(pool) <= 400 else pool
        pool = own or pool
        return tuple(sorted(rng.sample(pool, min(len(pool), rng.choice((1, 1, 2))))))

    def _industry(self, project: int) -> str:
        projects = self.city.slice(Projects)
        return self.city.person(projects.cast(projects.application_of(project)).leader).industry

    def _base(self, number: int) -> Base:
        rng = self.city.rng("outreach base", number)
        approved = self.bases.day(number)
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        county = kind in COUNTY_KINDS
        numbers = rng.choices((self._institutes, self._universities, self._firms), (30, 20, 50))[0]
        host = next(
            (n for n in rng.choices(numbers, k=40) if self.city.institution(n).exists_on(approved)),
            self._universities[0],
        )
        institution = self.city.institution(host)
        partner = None
        if kind in ("国际科技合作基地", "离岸创新创业基地"):
            partner = rng.choice(COUNTRIES)
        elif kind == "科技飞地":
            partner = rng.choice(PARTNER_CITIES)
        return Base(
            number=number,
            base_no=f"JD{number + 1:06d}",
            name=f"西安演示{self.city.mark(number, 12)}{partner or ''}{kind}",
            kind=kind,
            level=rng.choices(("国家级", "省级", "市级"), (10, 40, 50))[0],
            host=host,
            district=rng.choice(COUNTIES) if county else institution.district,
            zone=None if county else institution.zone,
            partner=partner,
            approved=approved,
            closed=approved + timedelta(days=rng.randint(700, 3000)) if rng.random() < 0.25 else None,
        )

    def _envoy(self, number: int) -> Envoy:
        rng = self.city.rng("envoy", number)
        since = self.envoys.day(number)
        person = rng.randrange(self._people)
        for _ in range(40):
            if self.city.employer_on(person, since) is not None:
                break
            person = rng.randrange(self._people)
        field = rng.choice(FIELDS)
        return Envoy(
            number=number,
            envoy_no=f"TP{number + 1:06d}",
            person=person,
            district=rng.choice(COUNTIES),
            served=f"演示{self.city.mark(number, 13)}{field[:2]}专业合作社",
            field=field,
            since=since,
            until=years_after(since, rng.choice((1, 2, 3, 3, 5))),
        )

    def _activity(self, number: int) -> Activity:
        """Held by one of those that exist on the day, by some far more often than by others."""
        rng = self.city.rng("activity", number)
        held = self.activities.day(number)
        base = self._holder(rng, self.bases.count(held), held) if rng.random() < 0.5 else None
        envoy = self._sent(rng, held) if base is None else None
        chosen = EVENTS if envoy is None else {"农技服务": 1}
        filed = None if rng.random() < 0.15 else held + timedelta(days=rng.randint(-60, 20))
        return Activity(
            number=number,
            activity_no=f"HB{number + 1:06d}",
            kind=rng.choices(list(chosen), list(chosen.values()))[0],
            base=base,
            envoy=envoy,
            held=held,
            filed=filed,
            participants=rng.randint(8, 260),
        )

    def _holder(self, rng: random.Random, there: int, day: date) -> int | None:
        """A base that exists on a day; the older, the more often."""
        for _ in range(12 if there else 0):
            number = int(there * rng.random() ** 2)
            if self.base(number).exists_on(day):
                return number
        return None

    def _sent(self, rng: random.Random, day: date) -> int | None:
        """An envoy whose term runs on a day; the later sent, the more often."""
        there = self.envoys.count(day)
        recent = there - self.envoys.count(day - timedelta(days=LONGEST_TERM))
        for _ in range(12 if recent else 0):
            number = there - 1 - int(recent * rng.random() ** 2)
            if self.envoy(number).exists_on(day):
                return number
        return None

    # -- what the rules say ---------------------------------------------------------------------------------------

    def truth(self) -> dict[str, Any]:
        """`technologies` on the list without a project; `quiet_places`: stations, bases and envoys that did little."""
        bare, covered = self._technologies()
        quiet, busy = self._quiet()
        return {
            "technologies": bare,
            "quiet_places": quiet,
            "near_misses": {"technologies": covered, "quiet_places": busy},
        }

    def _technologies(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Technologies on today's list that no project works on or has worked on to its end, and those that one does or
        that left the list. A project that was broken off, and one whose row is refused, are none."""
        from demo.systems.pds import ProjectForms  # which needs this module

        today, projects = self.city.today, self.city.slice(Projects)
        register = self.city.slice(ProjectForms)
        bare, near = [], []
        for number in range(self.technologies.count(today)):
            t = self.technology(number)
            begun = [n for n in t.projects if n < projects.count and register.sound(n)]
            works = [n for n in begun if projects.project(n).stage_on(today) != "终止"]
            item = {
                "technology": t.technology_no,
                "industry": t.industry,
                "node": t.node,
                "direction": t.direction,
                "projects": [projects.project(n).project_no for n in begun],
                "days": (today - t.listed).days,
            }
            if t.removed and t.removed <= today:
                if not works:
                    near.append({**item, "kind": "removed"})
            elif not works:
                bare.append({**item, "kind": "broken_off" if begun else "no_project"})
            elif len(works) == 1:
                near.append({**item, "kind": "one_project"})
        return bare, near

    def _quiet(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Who held fewer registered activities than two within twelve months, and who just enough, enough only with
        those that nobody registered, or is no more there."""
        from demo.systems.pds_outreach import ActivityForms, BaseForms, EnvoyForms  # which need this module

        today = self.city.today
        start = years_after(today, -1)
        held: dict[tuple[str, int | None], list[Activity]] = defaultdict(list)
        register = self.city.slice(ActivityForms)
        for slot in filter(register.sound, range(register.size())):
            activity = self.activity(slot)
            if activity.held > start:
                held["base", activity.base].append(activity)
                held["envoy", activity.envoy].append(activity)
        quiet, near = [], []
        bases, envoys = self.city.slice(BaseForms), self.city.slice(EnvoyForms)
        things: list[tuple[str, Base | Envoy, str, str]] = []
        for number in filter(bases.sound, range(bases.size())):
            b = self.base(number)
            area = "county" if b.kind in COUNTY_KINDS else "cooperation"
            things.append((area, b, b.kind, f"pds:outreach_base:{b.base_no}"))
        for number in filter(envoys.sound, range(envoys.size())):
            e = self.envoy(number)
            things.append(("county", e, "科技特派员", f"pds:envoy:{e.envoy_no}"))
        for area, thing, kind, record in things:
            all_held = held["base" if isinstance(thing, Base) else "envoy", thing.number]
            counted = [a for a in all_held if a.filed and a.filed <= today]
            item = {
                "area": area,
                "kind": kind,
                "district": thing.district,
                "activities": len(counted),
                "records": [record],
            }
            if not thing.exists_on(today):
                near.append({**item, "reason": "ended"})
            elif len(counted) < LEAST_ACTIVITIES:
                quiet.append({**item, "reason": "unregistered" if len(all_held) >= LEAST_ACTIVITIES else "few"})
            elif len(counted) <= NEARLY:
                near.append({**item, "reason": "just_enough"})
        return quiet, near


SLICE = Outreach
