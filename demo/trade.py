"""What is traded in the city: technology contracts, achievements, demands and resources, the meetings that bring them
together, the list of scenarios, and what the rules of matching and of netting say of them.

Everything comes in order of time (`Timeline`). A contract that came of a demand is found from the demand by arithmetic
and the other way round, for no list of them is held.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from statistics import NormalDist
from typing import Any

from demo import codes, words
from demo.city import HORIZON, City
from demo.projects import Projects
from demo.timeline import Timeline
from demo.trade_rules import score

# Contracts registered in a year, by twelves at scale 1; every other count of this module hangs on these.
DOZENS = {
    2015: 13, 2016: 14, 2017: 16, 2018: 18, 2019: 22, 2020: 27, 2021: 33, 2022: 38, 2023: 44, 2024: 50, 2025: 54,
    2026: 58, 2027: 60, 2028: 62, 2029: 64, 2030: 66, 2031: 68,
}  # fmt: skip
# Amount of all contracts signed in a year, net of cancellations, in 亿元 at scale 10. 2017 and 2020 to 2022 as
# published, 2024 "over 4,500", from 2025 on as planned; the rest lies between.
VOLUMES = {
    2015: 658.0, 2016: 732.0, 2017: 809.0, 2018: 1012.0, 2019: 1363.0, 2020: 1648.0, 2021: 2209.49, 2022: 2881.30,
    2023: 3650.0, 2024: 4510.0, 2025: 4720.0, 2026: 5100.0, 2027: 5600.0, 2028: 6100.0, 2029: 6600.0, 2030: 7100.0,
    2031: 7600.0,
}  # fmt: skip
EXACT = (2020, 2021, 2022)  # these sum up to the cent; all their contracts are settled before day 0
SIGMA = 1.6  # of the logarithm of the amounts: the largest tenth holds two thirds of the money
SETTLED_DAYS = 900  # no contract is cancelled or amended later than that after its registration
TWIN_EVERY, TWIN_AT = 40, 18  # registered by the other side as well
ALIKE_EVERY, ALIKE_AT = 40, 30  # looks like an earlier one, but is a contract of its own
ALIKE_BACK = 6  # how many numbers at most either of the two lies behind the first
MATCHED_EVERY, MATCHED_AT = 12, 5  # came of a demand; no number of these is a twin
KINDS = {"技术服务": 45, "技术开发": 35, "技术咨询": 10, "技术转让": 6, "技术许可": 4}
OUTSIDE = {"110000": "北京", "310000": "上海", "320000": "江苏", "330000": "浙江", "440000": "广东", "510000": "四川"}
FORMS = {"发明专利": 40, "样机": 14, "新工艺": 12, "软件": 12, "新材料": 10, "实用新型": 8, "技术标准": 4}
RESOURCE_KINDS = {"仪器设备": 50, "检测服务": 20, "中试平台": 12, "数据资源": 10, "试验场地": 8}


@dataclass(frozen=True)
class Party:
    """A side of a contract. `institution`: None for a firm outside the city. `region`: GB/T 2260."""

    institution: int | None
    name: str
    credit_code: str
    region: str

    @property
    def is_local(self) -> bool:
        return self.institution is not None


@dataclass(frozen=True)
class Contract:
    """A contract, by the number of its first registration. Amounts in 1/100 万元.

    `cancelled`, `asked` (cancellation asked for, never granted), `amended`, `done`: days, None where it never happens.
    `alike`: the contract it resembles.
    """

    number: int
    title: str
    kind: str
    seller: Party
    buyer: Party
    industry: str
    node: str
    signed: date
    registered: date
    signed_amount: int
    amended_amount: int
    technology_share: float
    amended: date | None
    asked: date | None
    cancelled: date | None
    done: date | None
    achievement: int | None
    demand: int | None
    alike: int | None

    def amount(self, day: date) -> int:
        """What stands in it on a day."""
        return self.amended_amount if self.amended and self.amended <= day else self.signed_amount

    def net(self, day: date) -> int:
        """What it counts on a day: nothing once it is cancelled."""
        return 0 if self.cancelled and self.cancelled <= day else self.amount(day)


@dataclass(frozen=True)
class Achievement:
    """`price`: in 1/100 万元, None where it is to be negotiated. `closed`: (day, 已转化 or 下架)."""

    number: int
    title: str
    form: str
    owner: int
    project: int | None
    industry: str
    node: str
    trl: int
    price: int | None
    mode: str
    published: date
    closed: tuple[date, str] | None

    def open_on(self, day: date) -> bool:
        return self.published <= day and (self.closed is None or day < self.closed[0])


@dataclass(frozen=True)
class Need:
    """What a firm asks for. `trl`: least readiness level. `budget`: in 1/100 万元, None where the firm does not say."""

    firm: int
    industry: str
    node: str
    trl: int
    budget: int | None
    posted: date


@dataclass(frozen=True)
class Demand:
    """`closed`: (day, 已签约 or 已撤回); `contract`: of the former."""

    number: int
    title: str
    need: Need
    closed: tuple[date, str] | None
    contract: int | None

    def open_on(self, day: date) -> bool:
        return self.need.posted <= day and (self.closed is None or day < self.closed[0])


@dataclass(frozen=True)
class Resource:
    number: int
    title: str
    kind: str
    owner: int
    industry: str
    node: str
    hourly: float | None
    hours: float
    published: date
    closed: date | None


@dataclass(frozen=True)
class Meeting:
    """A demand meets an achievement. `steps`: (day, result), in order."""

    number: int
    activity: str
    kind: str
    listed: date
    held: date
    demand: int
    achievement: int
    service: int | None
    steps: tuple[tuple[date, str], ...]
    contract: int | None


@dataclass(frozen=True)
class Scenario:
    number: int
    title: str
    owner: int
    industry: str
    node: str
    investment: int
    published: date
    closing: date
    steps: tuple[tuple[date, str], ...]


class Trade:
    """Slice of the city: its technology market."""

    def __init__(self, city: City):
        self.city = city
        base = city.at(0)
        self._base = base
        dozens = {year: max(1, round(n * city.scale)) for year, n in DOZENS.items()}
        self.contracts = Timeline({y: 12 * n for y, n in dozens.items()})
        self.demands = Timeline({y: 2 * n for y, n in dozens.items()})
        self.meetings = Timeline({y: 3 * n for y, n in dozens.items()})
        self.achievements = Timeline({y: max(1, round(n * 2.5)) for y, n in dozens.items()})
        self.resources = Timeline({y: max(1, round(n * 0.8)) for y, n in dozens.items()})
        self.scenarios = Timeline({y: max(1, n // 3) for y, n in dozens.items() if y >= 2021})
        self._block = max(4, round(16 * city.scale))  # demands that are met in another order than they were posted
        self._delay = max(1, round(1.5 * city.scale))  # least contracts of demands between a demand and its own
        self._step = next(a for a in (7, 11, 13, 17, 19) if math.gcd(a, self._block) == 1)
        self._back = pow(self._step, -1, self._block)
        self._factors: dict[int, tuple[float, int, int]] = {}
        self._mean = math.exp(SIGMA**2 / 2)
        self.contract = lru_cache(maxsize=20_000)(self._contract)
        self.achievement = lru_cache(maxsize=20_000)(self._achievement)
        self.demand = lru_cache(maxsize=20_000)(self._demand)

    # -- numbers as the market gives them -------------------------------------------------------------------------

    def contract_no(self, registration: int) -> str:
        return f"HT{self.contracts.place(registration)[0]}-{registration + 1:06d}"

    @staticmethod
    def achievement_no(number: int) -> str:
        return f"CG{number + 1:06d}"

    @staticmethod
    def demand_no(number: int) -> str:
        return f"XQ{number + 1:06d}"

    # -- contracts ------------------------------------------------------------------------------------------------

    def registration(self, number: int) -> tuple[int, str]:
        """Which contract a registration is of, and the side that made it."""
        if number % TWIN_EVERY == TWIN_AT:
            back = 1 + self.city.rng("twin", number).randrange(ALIKE_BACK)
            return number - back, "buyer"
        return number, "seller"

    def contracts_of(self, year: int) -> Iterator[int]:
        """Numbers of the contracts signed in a year."""
        first = self.contracts.first(year)
        for number in range(first, first + self.contracts.volumes[self.contracts.years.index(year)]):
            if number % TWIN_EVERY != TWIN_AT:
                yield number

    def _contract(self, number: int) -> Contract:
        if number % ALIKE_EVERY == ALIKE_AT and self.contracts.place(number)[1] > ALIKE_BACK:
            return self._alike(number)
        rng = self.city.rng("contract", number)
        registered = self.contracts.day(number)
        signed = max(date(registered.year, 1, 1), registered - timedelta(days=rng.randint(0, 20)))
        demand = self._demand_of(number)
        achievement = self._offer(rng, self.need(demand), signed) if demand is not None else None
        if demand is not None:
            need = self.need(demand)
            industry, node = need.industry, need.node
            buyer = self._local(need.firm, signed)
            seller = self._seller(rng, signed) if achievement is None else self._owner(achievement, signed)
        else:
            industry = rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
            node = rng.choice(words.INDUSTRIES[industry])
            abroad = rng.random()
            seller = self._outside(rng, number) if abroad < 0.1 else self._seller(rng, signed)
            buyer = self._outside(rng, number) if 0.1 <= abroad < 0.45 else self._buyer(rng, signed, seller)
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        states = self._states(rng, registered, is_settled=demand is not None)
        amount = self._amount(number)
        change = rng.choice((1.0, rng.uniform(0.5, 0.95), rng.uniform(1.05, 1.6)))
        return Contract(
            number=number,
            title=f"{node}{kind[2:]}合同（{self.city.mark(number, 3)}）",
            kind=kind,
            seller=seller,
            buyer=buyer,
            industry=industry,
            node=node,
            signed=signed,
            registered=registered,
            signed_amount=amount,
            amended_amount=max(1, round(amount * change)) if states["amended"] else amount,
            technology_share=rng.choice((1.0, 1.0, round(rng.uniform(0.4, 1.0), 2))),
            achievement=achievement,
            demand=demand,
            alike=None,
            **states,
        )

    def _states(self, rng: random.Random, registered: date, *, is_settled: bool) -> dict[str, date | None]:
        """What happens to a contract after its registration."""
        chance, days = rng.random(), rng.randint(20, SETTLED_DAYS - 200)
        later = registered + timedelta(days=days)
        found: dict[str, date | None] = {"amended": None, "asked": None, "cancelled": None, "done": None}
        if chance < 0.05 and not is_settled:
            # most ask first; the day between is the register's own time
            found["asked"] = later
            found["cancelled"] = later + timedelta(days=rng.randint(0, 60))
        elif chance < 0.065 and not is_settled:
            found["asked"] = later
        elif chance < 0.13 and not is_settled:
            found["amended"] = later
        else:
            found["done"] = registered + timedelta(days=rng.randint(200, 1100))
        return found

    def _alike(self, number: int) -> Contract:
        """A contract that differs from an earlier one in one thing: the stage, the day or the amount."""
        rng = self.city.rng("alike", number)
        other = self.contract(number - 1 - rng.randrange(ALIKE_BACK))
        registered = self.contracts.day(number)
        kind = number // ALIKE_EVERY % 3
        signed, title, amount = other.signed, other.title, other.signed_amount
        if kind == 0:
            title = title.replace("（", "（二期·")
        elif kind == 1:
            signed = min(registered, other.signed + timedelta(days=rng.randint(1, 9)))
            if signed == other.signed:
                title = title.replace("（", "（二期·")
        else:
            amount = max(amount + 1, round(amount * rng.uniform(1.01, 1.3)))
        states = {"amended": None, "asked": None, "cancelled": None, "done": registered + timedelta(days=400)}
        return Contract(
            **{
                **{name: getattr(other, name) for name in Contract.__dataclass_fields__},
                **states,
                "number": number,
                "title": title,
                "signed": signed,
                "registered": registered,
                "signed_amount": amount,
                "amended_amount": amount,
                "achievement": None,
                "demand": None,
                "alike": other.number,
            }
        )

    # -- amounts --------------------------------------------------------------------------------------------------

    def _raw(self, number: int) -> float:
        """Size of a contract among those of its year: one of each rank, so that every year has its few great ones."""
        _, place, volume = self.contracts.place(number)
        step = next(a for a in (7_919, 7_927, 7_933) if math.gcd(a, volume) == 1)
        rank = (place * step + self.city.seed * 31) % volume
        chance = (rank + self.city.rng("amount", number).uniform(0.05, 0.95)) / volume
        return math.exp(SIGMA * NormalDist().inv_cdf(min(chance, 1 - 0.1 / volume)))

    def _amount(self, number: int) -> int:
        """Amount as signed, in 1/100 万元."""
        year, _, volume = self.contracts.place(number)
        if year not in EXACT or self.city.scale > 10:  # what sums up holds a whole year in memory
            # one contract in forty is a twin, one in twenty is cancelled
            counted = volume * (1 - 1 / TWIN_EVERY) * 0.953
            return max(1, round(self._raw(number) * self.volume(year) / (counted * self._mean)))
        factor, last, rest = self._exact(year)
        return rest if number == last else max(1, round(self._raw(number) * factor))

    def volume(self, year: int) -> int:
        """Amount of the contracts of a year, net of cancellations, in 1/100 万元."""
        return round(VOLUMES[year] * self.city.scale / 10 * 10_000 * 100)

    def _exact(self, year: int) -> tuple[float, int, int]:
        """Factor on the sizes of a year's contracts, the contract that takes what is left over, and its amount."""
        if year not in self._factors:
            numbers = list(self.contracts_of(year))
            # any factor tells which contracts count in the end, and how much each weighs among them
            unit = 1_000_000.0
            self._factors[year] = (unit, -1, 0)
            shapes = [self._contract(n) for n in numbers]
            leaned_on = {c.alike for c in shapes}
            last = max(c.number for c in shapes if self._is_plain(c) and c.number not in leaned_on and c.alike is None)
            weight = sum(c.net(HORIZON) for c in shapes if c.number != last) / unit
            counted = sum(c.cancelled is None for c in shapes)
            factor = self.volume(year) * (1 - 1 / counted) / weight
            self._factors[year] = (factor, last, 0)
            self.contract.cache_clear()
            others = sum(self._contract(n).net(HORIZON) for n in numbers if n != last)
            self._factors[year] = (factor, last, self.volume(year) - others)
            self.contract.cache_clear()
        return self._factors[year]

    @staticmethod
    def _is_plain(contract: Contract) -> bool:
        return contract.amended is None and contract.asked is None and contract.cancelled is None

    # -- parties --------------------------------------------------------------------------------------------------

    def _local(self, number: int, day: date) -> Party:
        i = self.city.institution(number)
        return Party(number, i.name_on(day), i.credit_code, i.district)

    def _owner(self, achievement: int, day: date) -> Party:
        return self._local(self.achievement(achievement).owner, day)

    def _outside(self, rng: random.Random, number: int) -> Party:
        region = rng.choice(list(OUTSIDE))
        firm = rng.randrange(200)  # the same two hundred firms trade again and again
        name = f"{OUTSIDE[region]}示范{self.city.mark(firm, 7)}科技有限公司"
        return Party(None, name, codes.credit_code("91", 600_000_000_000 + firm * 7_919 + int(region)), region)

    def _seller(self, rng: random.Random, day: date) -> Party:
        kind = rng.choices((self._base.universities, self._base.institutes, self._base.firms), (22, 23, 55))[0]
        return self._local(self.existing(rng, kind, day), day)

    def _buyer(self, rng: random.Random, day: date, seller: Party) -> Party:
        while True:
            kind = rng.choices((self._base.firms, self._base.institutes, self._base.hospitals), (86, 9, 5))[0]
            number = self.existing(rng, kind, day)
            if number != seller.institution:
                return self._local(number, day)

    def existing(self, rng: random.Random, numbers: Any, day: date) -> int:
        """One of these institutions that exists on a day; an institute of the city where chance finds none."""
        for _ in range(40):
            number = numbers[rng.randrange(len(numbers))]
            if self.city.institution(number).exists_on(day):
                return number
        return next(
            n for n in (*self._base.universities, *self._base.institutes) if self.city.institution(n).exists_on(day)
        )

    # -- demands and achievements ---------------------------------------------------------------------------------

    def _contract_of(self, demand: int) -> int | None:
        """Number of the contract that meets a demand: every other demand finds one, in another order than posted."""
        if demand % 2:
            return None
        block, place = divmod(demand // 2, self._block)
        number = (block + 1) * self._block + (place * self._step) % self._block + self._delay
        number = number * MATCHED_EVERY + MATCHED_AT
        return number if number < self.contracts.ends[-1] else None

    def _demand_of(self, contract: int) -> int | None:
        """The demand that a contract meets."""
        number, rest = divmod(contract, MATCHED_EVERY)
        block, place = divmod(number - self._delay, self._block)
        if rest != MATCHED_AT or block < 1:
            return None
        return 2 * ((block - 1) * self._block + (place * self._back) % self._block)

    def need(self, number: int) -> Need:
        """Firm, industry, node, readiness level, budget and day of a demand: what does not hang on its contract."""
        rng = self.city.rng("demand", number)
        posted = self.demands.day(number)
        firm = self.existing(rng, self._base.firms, posted)
        industry = self.city.institution(firm).industry or "电子信息"
        node = rng.choice(words.INDUSTRIES[industry])
        level = rng.choices(range(4, 10), (8, 14, 22, 26, 20, 10))[0]
        budget = None if rng.random() < 0.15 else 100 * round(rng.lognormvariate(5.0, 0.9))
        return Need(firm, industry, node, level, budget, posted)

    def _demand(self, number: int) -> Demand:
        need = self.need(number)
        rng = self.city.rng("demand end", number)
        contract = self._contract_of(number)
        closed: tuple[date, str] | None = None
        if contract is not None:
            closed = (self.contracts.day(contract), "已签约")
        elif rng.random() < 0.35:
            closed = (need.posted + timedelta(days=rng.randint(20, 500)), "已撤回")
        return Demand(number, f"{need.node}技术需求（{self.city.mark(number, 5)}）", need, closed, contract)

    def same_district(self, one: int, other: int) -> bool:
        """Whether two institutions of the city lie in one district."""
        return self.city.institution(one).district == self.city.institution(other).district

    def _achievement(self, number: int) -> Achievement:
        rng = self.city.rng("achievement", number)
        published = self.achievements.day(number)
        form = rng.choices(list(FORMS), list(FORMS.values()))[0]
        project, owner, industry = self._origin(rng, published)
        node = rng.choice(words.INDUSTRIES[industry])
        closed: tuple[date, str] | None = None
        chance = rng.random()
        if chance < 0.45:
            closed = (published + timedelta(days=rng.randint(60, 900)), "已转化" if chance < 0.35 else "下架")
        return Achievement(
            number,
            f"{node}{form}（{self.city.mark(number, 6)}）",
            form,
            owner,
            project,
            industry,
            node,
            rng.choices(range(3, 10), (8, 14, 18, 22, 20, 12, 6))[0],
            None if rng.random() < 0.25 else 100 * round(rng.lognormvariate(4.8, 1.0)),
            rng.choice(("转让", "许可", "作价入股", "合作开发")),
            published,
            closed,
        )

    def _origin(self, rng: random.Random, day: date) -> tuple[int | None, int, str]:
        """Project, owner and industry of an achievement: every other one comes of a project that got that far."""
        if rng.random() < 0.5:
            found = self._project(rng, day)
            if found is not None:
                return found
        kind = rng.choices((self._base.universities, self._base.institutes, self._base.firms), (30, 35, 35))[0]
        owner = self.existing(rng, kind, day)
        industry = self.city.institution(owner).industry
        return None, owner, industry or rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]

    def _project(self, rng: random.Random, day: date) -> tuple[int, int, str] | None:
        """A project that was accepted by a day: its number, host and industry."""
        projects = self.city.slice(Projects)
        low, high = 0, projects.end // 4 * 3
        while low < high:  # projects awarded at least 400 days before
            middle = (low + high) // 2
            awarded = projects.decided(projects.application_of(middle))
            low, high = (middle + 1, high) if awarded <= day - timedelta(days=400) else (low, middle)
        for _ in range(6 if low else 0):
            number = rng.randrange(low)
            accepted = projects.accepted(number)
            if accepted is not None and accepted <= day:
                cast = projects.cast(projects.application_of(number))
                return number, cast.host, self.city.person(cast.leader).industry
        return None

    def _offer(self, rng: random.Random, need: Need, day: date) -> int | None:
        """The best of some achievements that are offered on a day, as far as it fits at all."""
        there = self.achievements.count(day)
        # in a country the market of a town: each of these is made from nothing when a page asks for it
        recent = min(there, max(40, round(400 * self.city.scale) if self.city.scale <= 10 else 400))
        best: tuple[float, int] | None = None
        for _ in range(25 if recent else 0):
            number = there - 1 - rng.randrange(recent)
            offer = self.achievement(number)
            if offer.open_on(day) and offer.industry == need.industry and offer.owner != need.firm:
                points = score(need, offer, self.same_district(need.firm, offer.owner))
                if best is None or (points, -number) > (best[0], -best[1]):
                    best = (points, number)
        return best[1] if best else None

    # -- the other lists ------------------------------------------------------------------------------------------

    def resource(self, number: int) -> Resource:
        rng = self.city.rng("resource", number)
        published = self.resources.day(number)
        kind = rng.choices(list(RESOURCE_KINDS), list(RESOURCE_KINDS.values()))[0]
        kinds = (self._base.universities, self._base.institutes, self._base.services, self._base.firms)
        owner = self.existing(rng, rng.choices(kinds, (30, 35, 20, 15))[0], published)
        industry = self.city.institution(owner).industry
        industry = industry or rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        node = rng.choice(words.INDUSTRIES[industry])
        return Resource(
            number,
            f"{node}{kind}（{self.city.mark(number, 8)}）",
            kind,
            owner,
            industry,
            node,
            None if rng.random() < 0.2 else round(rng.lognormvariate(5.0, 0.8), 2),
            round(rng.uniform(80, 2400), 1),
            published,
            published + timedelta(days=rng.randint(300, 2500)) if rng.random() < 0.2 else None,
        )

    def meeting(self, number: int) -> Meeting:
        """Every third meeting is the one that leads to the contract of a demand."""
        rng = self.city.rng("meeting", number)
        listed = self.meetings.day(number)
        yearly = min(140, max(6, round(12 * self.city.scale)))
        held, activity = self._activity(listed, yearly)
        kind = ("对接会", "路演", "揭榜推介")[int(activity[-1]) % 3]
        demand, contract = self._met(rng, number, listed)
        if contract is not None and self.contract(contract).signed <= held:
            held, activity, kind = listed, f"DD{listed.year}-{number + 1:06d}", "一对一"
        achievement = self.contract(contract).achievement if contract is not None else None
        if achievement is None:
            contract = None
            achievement = self._offer(rng, self.need(demand), listed)
        if achievement is None:
            achievement = max(0, self.achievements.count(listed) - 1)
        steps = [(listed, "待跟进")]
        if contract is not None:
            signed = self.contract(contract).registered
            if held + timedelta(days=10) < signed:
                steps.append((held + timedelta(days=rng.randint(1, 9)), "达成意向"))
            steps.append((signed, "签订合同"))
        else:
            steps.append((held + timedelta(days=rng.randint(5, 120)), rng.choice(("达成意向", "未达成", "未达成"))))
        services = self._base.services
        service = services[rng.randrange(len(services))] if rng.random() < 0.8 else None
        if service is not None and not self.city.institution(service).exists_on(listed):
            service = None
        return Meeting(number, activity, kind, listed, held, demand, achievement, service, tuple(steps), contract)

    def _activity(self, day: date, yearly: int) -> tuple[date, str]:
        """Day and number of the next activity: so many a year, in equal steps."""
        first = date(day.year, 1, 1)
        place = (day - first).days * yearly // 366
        held = first + timedelta(days=min(364, -(-(place + 1) * 366 // yearly) - 1))
        return max(held, day), f"HD{day.year}-{place + 1:03d}"

    def _met(self, rng: random.Random, number: int, day: date) -> tuple[int, int | None]:
        """Demand of a meeting, and the contract that comes of it."""
        if number % 3 == 1:
            demand = number // 3 * 2
            return demand, self._contract_of(demand)
        there = self.demands.count(day)
        recent = max(1, min(there, round(min(60 * self.city.scale, 600))))
        return max(0, there - 1 - rng.randrange(recent)), None

    def scenario(self, number: int) -> Scenario:
        rng = self.city.rng("scenario", number)
        published = self.scenarios.day(number)
        industry = rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        node = rng.choice(words.INDUSTRIES[industry])
        closing = published + timedelta(days=rng.randint(30, 180))
        steps = [(published, "征集中"), (closing, "对接中")]
        steps.append((closing + timedelta(days=rng.randint(30, 400)), rng.choice(("已落地", "关闭"))))
        kinds = (self._base.hospitals, self._base.firms, self._base.universities)
        owner = self.existing(rng, rng.choices(kinds, (15, 70, 15))[0], published)
        return Scenario(
            number,
            f"{node}应用场景（{self.city.mark(number, 9)}）",
            owner,
            industry,
            node,
            100 * round(rng.lognormvariate(6.0, 0.9)),
            published,
            closing,
            tuple(steps),
        )

    # -- what the rules say ---------------------------------------------------------------------------------------

    def truth(self) -> dict[str, Any]:
        """Netting of contracts and matching of demands, as of today."""
        from demo.trade_rules import truth

        return truth(self)


SLICE = Trade
