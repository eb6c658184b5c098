"""Laboratories, centres and carriers of the city, the firms in them, and what was reported of each year.

The figures of 2020 are the plan's (1.1, 专栏1, 3.2): 省级以上重点实验室 164, 工程技术研究中心 154, 企业技术中心 237,
市级以上新型研发机构 5, 国家备案众创空间 71, 国家级孵化器 24, 市级以上众创载体 285; those of 2025 are its targets.
All at scale 10. Amounts are whole thousands of yuan (千元), as the forms want them; hours are those of one instrument
in a year.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from demo import codes, words
from demo.city import HORIZON, City, Institution, day_between
from demo.ladder import FIRST_YEAR, YEARS, scaled

NATIONAL, PROVINCIAL, MUNICIPAL = "国家级", "省级", "市级"
PREFIX = {NATIONAL: "国家", PROVINCIAL: "陕西省", MUNICIPAL: "西安市"}
LABORATORY, CENTRE, COMPANY_CENTRE = "重点实验室", "工程技术研究中心", "企业技术中心"
NEW_INSTITUTION = "新型研发机构"
INCUBATOR, MAKERSPACE, ACCELERATOR = "科技企业孵化器", "众创空间", "加速器"
CARRIERS = (INCUBATOR, MAKERSPACE, ACCELERATOR)

FIRST_FORM = 2021  # year of the first forms
EFFECTIVE_HOURS, EXTERNAL_HOURS = 1599, 273  # national averages of 2025
OCCUPIED = 75  # percent of the space for incubation that firms must use (国科发区〔2018〕300号, 第七条)
SURVIVAL_MONTHS = 36
MOST_TENANTS = 256


def _grown(before: int, *counts: int) -> tuple[int, ...]:
    """Counts by year from FIRST_YEAR on: those of before 2020 grow evenly up to the first of `counts`."""
    start = [before + (counts[0] - before) * i // 5 for i in range(5)]
    last = counts[-1] - counts[-2]
    grown = [*start, *counts]
    while len(grown) < len(YEARS):
        grown.append(grown[-1] + max(0, last))
    return tuple(grown)


# Kind, level → recognised up to the end of each year; figures from 2020 to 2025 are written out.
COUNTS: Mapping[tuple[str, str], tuple[int, ...]] = {
    (LABORATORY, NATIONAL): _grown(18, 22, 22, 23, 24, 26, 27),
    (LABORATORY, PROVINCIAL): _grown(90, 142, 146, 150, 155, 159, 163),
    (LABORATORY, MUNICIPAL): _grown(120, 200, 215, 235, 250, 265, 280),
    (CENTRE, NATIONAL): _grown(6, 7, 7, 7, 7, 8, 8),
    (CENTRE, PROVINCIAL): _grown(95, 147, 150, 154, 160, 164, 168),
    (CENTRE, MUNICIPAL): _grown(150, 240, 255, 270, 290, 305, 320),
    (COMPANY_CENTRE, NATIONAL): _grown(12, 18, 19, 21, 22, 24, 25),
    (COMPANY_CENTRE, PROVINCIAL): _grown(130, 219, 232, 246, 261, 275, 290),
    (COMPANY_CENTRE, MUNICIPAL): _grown(100, 180, 200, 220, 240, 260, 280),
    ("技术创新中心", PROVINCIAL): _grown(0, 6, 10, 16, 22, 28, 34),
    ("中试平台", MUNICIPAL): _grown(0, 10, 18, 28, 40, 54, 70),
    ("大科学装置", NATIONAL): _grown(1, 2, 2, 3, 3, 4, 4),
    (NEW_INSTITUTION, MUNICIPAL): _grown(0, 5, 18, 38, 60, 82, 100),
    (INCUBATOR, NATIONAL): _grown(16, 24, 25, 26, 27, 29, 30),
    (INCUBATOR, PROVINCIAL): _grown(18, 30, 34, 38, 42, 45, 48),
    (INCUBATOR, MUNICIPAL): _grown(14, 25, 28, 31, 34, 37, 40),
    (MAKERSPACE, NATIONAL): _grown(20, 71, 75, 79, 83, 87, 90),
    (MAKERSPACE, PROVINCIAL): _grown(15, 45, 50, 55, 60, 65, 70),
    (MAKERSPACE, MUNICIPAL): _grown(20, 70, 80, 88, 96, 103, 110),
    (ACCELERATOR, MUNICIPAL): _grown(8, 20, 23, 26, 29, 32, 35),
}


@dataclass(frozen=True)
class Platform:
    """`approved`: day of recognition; `closed`: first day on which the recognition is gone."""

    number: int
    kind: str
    level: str
    name: str
    host: int
    industry: str
    field: str
    district: str
    zone: str | None
    address: str
    approved: date
    closed: date | None

    @property
    def no(self) -> str:
        return f"PT{self.number + 1:05d}"

    @property
    def incubates(self) -> bool:
        return self.kind in CARRIERS


@dataclass(frozen=True)
class Year:
    """What a laboratory or centre did in a year. `hours`, `external`: tenths of an hour per instrument; money: 千元."""

    year: int
    area: float
    staff: int
    hired: int
    instruments: int
    equipment: int
    hours: int
    external: int
    revenue: int
    rd: int
    subsidy: int
    hatched: int
    score: float
    status: str


@dataclass(frozen=True)
class CarrierYear:
    """What a carrier did in a year. Areas in square metres, money in 千元; tenants are counted on 31 December."""

    year: int
    area: int
    for_tenants: int
    occupied: int
    desks: int
    tenants: int
    entered: int
    graduated: int
    graduated_ever: int
    staff: int
    mentors: int
    events: int
    revenue: int
    subsidy: int
    score: float
    status: str


@dataclass(frozen=True)
class Tenant:
    """A firm in a carrier. `graduated`, `left`: first day out of it, one of them at most; `ended`: struck off."""

    number: int
    carrier: int
    firm: int | None
    name: str
    credit_code: str
    entered: date
    graduated: date | None
    left: date | None
    ended: date | None
    staff: int
    revenue: int

    @property
    def no(self) -> str:
        return f"RZ{self.number + 1:06d}"

    def status_on(self, day: date) -> str:
        for since, status in ((self.ended, "注销"), (self.graduated, "毕业"), (self.left, "退出")):
            if since and since <= day:
                return status
        return "在孵"

    def in_house(self, day: date) -> bool:
        return self.entered <= day and self.status_on(day) == "在孵"

    @property
    def proven(self) -> date:
        """Day on which it has lived for 36 months since it came in."""
        return months_after(self.entered, SURVIVAL_MONTHS)

    @property
    def last_reported(self) -> int:
        """Last year in whose form it stands: until it is out and its 36 months are over."""
        out = [d for d in (self.graduated, self.left, self.ended) if d]
        return max(min(out).year if out else HORIZON.year, min(self.proven, self.ended or self.proven).year)


def months_after(day: date, months: int) -> date:
    """The same day some months later; the last of the month where that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


class Platforms:
    """The platforms of a city; `city.slice(Platforms)`. A platform keeps its number, also before it is recognised."""

    def __init__(self, city: City):
        self.city = city
        self._made = _made(city.seed, city.scale)

    @property
    def count(self) -> int:
        """Numbers up to the horizon; look at `approved`."""
        return self._made.count

    @property
    def carriers(self) -> range:
        """Numbers of the incubators, makerspaces and accelerators."""
        return self._made.carriers

    def platform(self, number: int) -> Platform:
        return self._made.platform(number)

    def year(self, number: int, year: int) -> Year:
        return self._made.year(number, year)

    def carrier_year(self, number: int, year: int) -> CarrierYear:
        return self._made.carrier_year(number, year)

    def tenants(self, carrier: int) -> tuple[Tenant, ...]:
        return self._made.tenants(carrier)

    def truth(self) -> dict[str, Any]:
        """What the rules about platforms should find."""
        from demo.platform_rules import truth

        return truth(self.city)


@lru_cache(maxsize=4)
def _made(seed: int, scale: float) -> _Made:
    return _Made(City(seed, scale))


class _Made:
    """Makes platforms; they do not depend on the day."""

    def __init__(self, city: City):
        self.city = city
        self._groups = {group: [scaled(n, city.scale, 1) for n in counts] for group, counts in COUNTS.items()}
        self._ends: list[int] = []
        for counts in self._groups.values():
            self._ends.append((self._ends[-1] if self._ends else 0) + counts[-1])
        self.count = self._ends[-1]
        first = next(n for n, (kind, _) in enumerate(self._groups) if kind in CARRIERS)
        self.carriers = range(self._ends[first - 1], self.count)
        self.platform = lru_cache(maxsize=50_000)(self._platform)
        self.tenants = lru_cache(maxsize=5_000)(self._tenants)

    def _platform(self, number: int) -> Platform:
        rng = self.city.rng("platform", number)
        group = bisect_right(self._ends, number)
        (kind, level), counts = list(self._groups.items())[group]
        place = number - (self._ends[group - 1] if group else 0)
        year = YEARS[bisect_right(counts, place)]
        approved = date(year, 1, 8) + timedelta(days=rng.randrange(350))
        if year == FIRST_YEAR:
            approved = day_between(rng, date(2006, 1, 1), date(2015, 12, 20))
        host = self._host(rng, kind, approved)
        industry = host.industry or rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        field = rng.choice(words.INDUSTRIES[industry])
        closed = None
        first = max(date(2021, 3, 1), approved + timedelta(days=700))  # nobody was lost before the plan's baseline
        if rng.random() < 0.06 and first < HORIZON:
            closed = day_between(rng, first, HORIZON)
        return Platform(
            number,
            kind,
            level,
            f"{PREFIX[level]}示范{field}{kind}（{self.city.mark(number, 3)}）",
            host.number,
            industry,
            field,
            host.district,
            host.zone,
            host.address,
            approved,
            closed,
        )

    def _host(self, rng: random.Random, kind: str, day: date) -> Institution:
        """Somebody who was there on the day and stays for two years yet."""
        c = self.city
        public = (c.universities, c.universities, c.institutes, c.hospitals)
        pools = {
            COMPANY_CENTRE: (c.firms,),
            LABORATORY: (*public, c.firms),
            CENTRE: (*public, c.firms, c.firms),
            INCUBATOR: (c.services, c.firms, c.universities),
            MAKERSPACE: (c.services, c.firms, c.universities),
            ACCELERATOR: (c.services, c.firms),
        }.get(kind, (c.universities, c.institutes, c.firms))
        for _ in range(60):
            pool = rng.choice(pools)
            i = c.institution(pool[rng.randrange(len(pool))])
            if i.exists_on(day) and i.exists_on(day + timedelta(days=700)):
                return i
        return c.institution(c.universities[rng.randrange(len(c.universities))])

    # -- laboratories and centres ---------------------------------------------------------------------------------

    def year(self, number: int, year: int) -> Year:
        p = self.platform(number)
        size = self.city.rng("size of platform", number)
        base_hours = size.choice((900, 1400, 1580, 1620, 1700, 2100))
        open_share = size.choice((0.05, 0.12, 0.17, 0.18, 0.3))
        instruments, area, staff = size.randint(3, 90), size.lognormvariate(7.2, 0.9), size.randint(8, 160)
        rng = self.city.rng("year of platform", number * 100 + year - 2000)
        hours = int(base_hours * rng.gauss(1, 0.06) * 10)
        external = int(hours * min(0.9, open_share * rng.uniform(0.75, 1.25)))
        hours = _near(rng, hours, EFFECTIVE_HOURS * 10)
        external = min(hours, _near(rng, external, EXTERNAL_HOURS * 10))
        revenue = int(size.lognormvariate(8.6, 1.1) * rng.uniform(0.8, 1.25))
        grown = 1 + 0.04 * (year - FIRST_FORM)
        status = "运行"
        if p.closed and p.closed <= date(year, 12, 31):
            status = "撤销"
        elif rng.random() < 0.04:
            status = "整改"
        return Year(
            year=year,
            area=round(area, 1),
            staff=round(staff * grown),
            hired=rng.randint(0, 6),
            instruments=instruments + (year - FIRST_FORM) * size.randint(0, 3),
            equipment=int(instruments * size.lognormvariate(6.3, 0.8) * grown),
            hours=hours,
            external=external,
            revenue=revenue,
            rd=int(revenue * rng.uniform(0.3, 0.9)),
            subsidy=int(rng.lognormvariate(6.2, 0.9)) if rng.random() < 0.6 else 0,
            hatched=rng.randint(0, 8) if p.kind == NEW_INSTITUTION else 0,
            score=round(min(100, max(40, rng.gauss(78, 9))), 1),
            status=status,
        )

    # -- carriers and their tenants -------------------------------------------------------------------------------

    def carrier_year(self, number: int, year: int) -> CarrierYear:
        p = self.platform(number)
        size = self.city.rng("size of carrier", number)
        area = int(size.lognormvariate(8.2, 0.7)) + 400
        used, share = size.uniform(0.6, 0.9), size.choice((55, 68, 74, 76, 82, 92))
        rng = self.city.rng("year of carrier", number * 100 + year - 2000)
        for_tenants = int(area * used)
        for_tenants -= for_tenants % 4  # so that three quarters of it are whole square metres
        occupied = min(for_tenants, int(for_tenants * share * rng.gauss(1, 0.03) / 100))
        occupied = _near(rng, occupied, for_tenants * OCCUPIED // 100)
        end = date(year, 12, 31)
        tenants = self.tenants(number)
        graduated = [t for t in tenants if t.graduated and t.graduated <= end]
        status = "运行"
        if p.closed and p.closed <= end:
            status = "撤销"
        elif rng.random() < 0.04:
            status = "整改"
        return CarrierYear(
            year=year,
            area=area,
            for_tenants=for_tenants,
            occupied=occupied,
            desks=size.randint(30, 300),
            tenants=sum(t.in_house(end) for t in tenants),
            entered=sum(t.entered.year == year for t in tenants),
            graduated=sum(t.graduated.year == year for t in graduated),
            graduated_ever=len(graduated),
            staff=size.randint(6, 40),
            mentors=size.randint(4, 60),
            events=rng.randint(4, 90),
            revenue=int(size.lognormvariate(8.0, 0.9) * rng.uniform(0.8, 1.2)),
            subsidy=int(rng.lognormvariate(6.6, 0.7)) if rng.random() < 0.7 else 0,
            score=round(min(100, max(40, rng.gauss(77, 9))), 1),
            status=status,
        )

    def _tenants(self, carrier: int) -> tuple[Tenant, ...]:
        """Firms that came in one after another since the carrier was recognised, as places became free."""
        p = self.platform(carrier)
        rng = self.city.rng("tenants", carrier)
        pace = {INCUBATOR: 34, MAKERSPACE: 46, ACCELERATOR: 75}[p.kind] * rng.uniform(0.7, 1.5)  # days between two
        day = max(p.approved, date(2018, 1, 1)) + timedelta(days=rng.randint(5, 60))
        found: list[Tenant] = []
        while len(found) < MOST_TENANTS and day <= HORIZON and (p.closed is None or day < p.closed):
            found.append(self._tenant(rng, p, carrier * MOST_TENANTS + len(found), day))
            day += timedelta(days=max(3, int(rng.expovariate(1 / pace))))
        return tuple(found)

    def _tenant(self, rng: random.Random, p: Platform, number: int, entered: date) -> Tenant:
        stay = timedelta(days=rng.randint(420, 1450))
        fate = rng.choices(("graduates", "leaves", "ends", "stays"), (56, 16, 20, 8))[0]
        ended = None
        if fate == "ends":
            # many end close to the 36 months on which carriers are judged
            months = rng.choice((rng.randint(6, 60), rng.randint(33, 38), SURVIVAL_MONTHS))
            ended = months_after(entered, months) + timedelta(days=rng.choice((0, 0, -1, 1, rng.randint(-20, 20))))
        firm = self._young_firm(rng, entered) if rng.random() < 0.35 else None
        if firm is None:
            word = words.INDUSTRY_WORDS[p.industry][0]
            name = f"西安创苗{self.city.mark(number, 9)}{word}科技有限公司"
            code = codes.credit_code("91", 600_000_000_000 + self.city.seed * 10_000_019 + number * 7_919)
        else:
            name, code, ended = firm.name_on(entered), firm.credit_code, firm.ended
        out = entered + stay
        if ended and out >= ended:
            fate = "ends"
        return Tenant(
            number,
            p.number,
            firm.number if firm else None,
            name,
            code,
            entered,
            out if fate == "graduates" else None,
            out if fate == "leaves" else None,
            ended,
            max(2, int(rng.lognormvariate(2.3, 0.7))),
            int(rng.lognormvariate(7.2, 1.2)),
        )

    def _young_firm(self, rng: random.Random, day: date) -> Institution | None:
        """A firm of the city that was founded in the two years before."""
        firms = self.city.firms
        for _ in range(15):
            i = self.city.institution(firms[rng.randrange(len(firms))])
            if day - timedelta(days=730) <= i.established <= day and i.exists_on(day):
                return i
        return None


def _near(rng: random.Random, value: int, border: int) -> int:
    """A value within five percent of a border lies, half of the time, exactly on it or one unit beside it."""
    if abs(value - border) * 20 < border and rng.random() < 0.5:
        return border + rng.choice((-1, 0, 0, 1))
    return value


SLICE = Platforms
