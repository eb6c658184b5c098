"""Firms on the ladder: what is true of each from 2015 to the horizon, whatever day it is.

科技型中小企业 → 高新技术企业培育库 → 高新技术企业 → the narrow rungs → listing. Who climbs when follows from
`ladder.Order`, what a firm earns and spends from its own chance. Amounts are whole numbers of 0.01 万元 (100 yuan), so
that borders can be met exactly. Rules over these things stand in firm_rules.py, what the register shows in
systems/enterprises.py.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any

from demo.city import HORIZON, TODAY, City, Institution, day_between, years_after
from demo.ladder import LAST_YEAR, NARROW, REVOKED, Order, fate

FIRST_FIGURES = 2022  # the register keeps yearly figures since then
SHOWN_SINCE = TODAY - timedelta(days=45)  # nobody moves away before the first snapshot
WAN = 100  # units of 0.01 万元 in one 万元
YI = 10_000 * WAN  # in one 亿元

SMALL, POOL, HIGH_TECH, ABOVE = "科技型中小企业", "高新技术企业培育库", "高新技术企业", "规模以上企业"
DOUBLE_FIVE = "双五企业"
LISTED = ("科创板上市", "其他板块上市")
LISTS = ("拟上市培育库", "硬科技上市储备库")  # show only who is on them today
KINDS = (SMALL, POOL, HIGH_TECH, ABOVE, *(k for k in NARROW if k not in LISTED), DOUBLE_FIVE, "上市企业")
YEARS_VALID = {"专精特新小巨人": 3, "制造业单项冠军": 3, "瞪羚企业": 3, "硬科技企业": 3}
MOST_QUALIFICATIONS = 48
OTHER_BOARDS = ("沪市主板", "创业板", "深市主板", "北交所")


@dataclass(frozen=True)
class Qualification:
    """One span on one rung. `to`: last valid day, None while open; `end`: first day on which it was taken away or left.

    `years`: entries of 科技型中小企业 as (day of entry, last valid day); others have none.
    """

    number: int
    kind: str
    since: date
    to: date | None = None
    end: date | None = None
    end_reason: str | None = None
    years: tuple[tuple[date, date], ...] = ()
    level: str | None = None
    board: str | None = None

    def entries_on(self, day: date) -> tuple[tuple[date, date], ...]:
        return tuple(y for y in self.years if y[0] <= day)

    def to_on(self, day: date) -> date | None:
        """Last valid day as far as was known on a day."""
        if self.years:
            return self.entries_on(day)[-1][1]
        return self.to

    def ended_on(self, day: date) -> bool:
        return self.end is not None and self.end <= day

    def valid_on(self, day: date) -> bool:
        to = self.to_on(day) if self.since <= day else None
        return self.since <= day and not self.ended_on(day) and (to is None or day <= to)


@dataclass(frozen=True)
class Figures:
    """One firm in one year; amounts in 0.01 万元."""

    year: int
    staff: int
    rd_staff: int
    revenue: int
    rd: int
    high_tech_revenue: int
    assets: int
    profit: int
    score_staff: int
    score_rd: int
    score_results: int

    @property
    def score(self) -> int:
        return self.score_staff + self.score_rd + self.score_results


@dataclass(frozen=True)
class Report:
    """Figures as filed on a day; a correction is another report of the same year."""

    day: date
    figures: Figures


@dataclass(frozen=True)
class Firm:
    """A firm's whole story. `place`: its number in `city.firms`."""

    place: int
    institution: Institution
    moved_out: date | None
    qualifications: tuple[Qualification, ...]
    figures: Mapping[int, Figures]
    reports: Mapping[int, tuple[Report, ...]]

    @property
    def no(self) -> str:
        return firm_no(self.place)

    @property
    def gone(self) -> date | None:
        """First day on which the register of the city no longer has it."""
        days = [d for d in (self.institution.ended, self.moved_out) if d]
        return min(days) if days else None

    def is_there(self, day: date) -> bool:
        return self.institution.established <= day and (self.gone is None or day < self.gone)

    def holds(self, kind: str, day: date) -> Qualification | None:
        """The valid qualification of a kind on a day; the one that ends last where two overlap."""
        found = [q for q in self.qualifications if q.kind == kind and q.valid_on(day)]
        return max(found, key=lambda q: q.to_on(day) or date.max) if found else None

    def report_on(self, year: int, day: date) -> Report | None:
        """The report of a year as it stood on a day."""
        found = [r for r in self.reports.get(year, ()) if r.day <= day]
        return found[-1] if found else None

    def latest(self, day: date) -> Report | None:
        """The report of the newest year that was filed by a day."""
        return next((r for y in range(day.year, FIRST_FIGURES - 1, -1) if (r := self.report_on(y, day))), None)


def firm_no(place: int) -> str:
    """Number of a firm in the register."""
    return f"QY{place + 1:06d}"


def qualification_no(firm: int, number: int) -> str:
    return f"ZZ{firm * MOST_QUALIFICATIONS + number + 1:08d}"


def rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def high_tech_share(revenue: int) -> int:
    """Least R&D in percent of revenue for a 高新技术企业 (国科发火〔2016〕32号, 第十一条)."""
    if revenue <= YI // 2:
        return 5
    return 4 if revenue <= 2 * YI else 3


def scores(staff: int, rd_staff: int, revenue: int, rd: int, results: int) -> tuple[int, int, int]:
    """Parts of the score of a 科技型中小企业: 人员 up to 20, 研发 up to 50, 成果 up to 30 (国科发政〔2017〕115号).

    `results`: number of effective intellectual property rights.
    """
    steps_staff, steps_rd = (10, 15, 20, 25, 30), (2, 3, 4, 5, 6)
    by_staff = sum(rd_staff * 100 >= s * staff for s in steps_staff)
    by_rd = sum(rd * 100 >= s * revenue for s in steps_rd) if revenue else 0
    return (0, 4, 8, 12, 16, 20)[by_staff], 10 * by_rd, 6 * min(5, results)


class Firms:
    """The firms of a city; `city.slice(Firms)`. Stories reach the horizon; `city.today` says how much has happened."""

    def __init__(self, city: City):
        self.city = city
        self._stories = _stories(city.seed, city.scale)

    @property
    def count(self) -> int:
        return len(self.city.firms)

    def firm(self, place: int) -> Firm:
        return self._stories.firm(place)

    def truth(self) -> dict[str, Any]:
        """What the rules about firms should find."""
        from demo.firm_rules import truth

        return truth(self.city)

    def place_of(self, number: int) -> int:
        """Place of an institution among the firms."""
        firms = self.city.firms
        place = bisect_left(firms, number)
        if place == len(firms) or firms[place] != number:
            raise ValueError(f"institution {number} is no firm")
        return place


@lru_cache(maxsize=4)
def _stories(seed: int, scale: float) -> _Stories:
    return _Stories(City(seed, scale))


class _Stories:
    """Makes stories; they do not depend on the day, so the cities of all days share them."""

    def __init__(self, city: City):
        self.city = city
        self.order = Order(city)
        self.firm = lru_cache(maxsize=30_000)(self._firm)  # some kilobytes each

    @cached_property
    def _base(self) -> int:
        return self.order.count

    def _number(self, place: int) -> int:
        if place < self._base:
            return self.city.firms[place]
        later = place - self._base  # eight firms to one service institution
        return len(self.city.institutions) + later + later // 8

    def _firm(self, place: int) -> Firm:
        i = self.city.institution(self._number(place))
        rng = self.city.rng("firm story", place)
        moved = None
        chance, day = rng.random(), day_between(rng, SHOWN_SINCE, HORIZON)
        if chance < 0.08 and i.ended is None and place % 5 and day > i.established + timedelta(days=400):
            moved = day  # numbers that 5 divides are successors of mergers
        cohort = self.order.high_tech(place) if place < self._base else None
        certificates = self._certificates(rng, i, cohort) if cohort else self._young(rng, i)
        figures = _Money(rng, i, certificates).years()
        found = [*certificates, *self._pool(rng, i, certificates), *self._small(rng, place, i, figures)]
        found += [*self._narrow(rng, place, i), *self._from_figures(rng, i, figures)]
        ended = [d for d in (i.ended, moved) if d]
        found = [_cut(q, min(ended), "迁出" if moved else "注销") if ended else q for q in found]
        found = sorted((q for q in found if q and q.since <= HORIZON), key=lambda q: (q.since, KINDS.index(q.kind)))
        if len(found) > MOST_QUALIFICATIONS:
            raise ValueError(f"firm {place} has {len(found)} qualifications")
        return Firm(
            place,
            i,
            moved,
            tuple(replace(q, number=n) for n, q in enumerate(found)),
            figures,
            {y: _reports(rng, f, min(ended) if ended else None) for y, f in figures.items() if y >= FIRST_FIGURES},
        )

    def _certificates(self, rng: random.Random, i: Institution, cohort: tuple[int, int]) -> list[Qualification]:
        """Certificates of a 高新技术企业, three years each, renewed within ninety days before the end or not at all."""
        order, year = cohort
        found = []
        for begin, end in fate(order):
            day = date(year + begin, 1, 6) + timedelta(days=rng.randrange(355))
            if i.established + timedelta(days=366) > day:  # nobody is recognised in the first year
                day = min(max(day, i.established + timedelta(days=366)), date(day.year, 12, 27))
            while day <= HORIZON:
                q = Qualification(0, HIGH_TECH, day, years_after(day, 3) - timedelta(days=1))
                if order % 40 == REVOKED:
                    taken = day_between(rng, date(day.year + 2, 2, 1), date(day.year + 2, 12, 20))
                    q = replace(q, end=taken, end_reason="撤销")
                found.append(q)
                if end is not None and q.to.year >= year + end:
                    break
                lead = 0 if rng.random() < 0.3 else rng.randint(1, 90)
                # a renewal falls into the year in which the old certificate ends: the stock of a year is exact
                day = max(q.to + timedelta(days=1 - lead), date(q.to.year, 1, 6))
        return found

    def _young(self, rng: random.Random, i: Institution) -> list[Qualification]:
        """Firms founded after day 0 stand outside the order; one in six becomes a 高新技术企业 in some years."""
        day = i.established + timedelta(days=rng.randint(400, 1100))
        if i.established <= TODAY or rng.random() > 0.16 or day > HORIZON:
            return []
        return [Qualification(0, HIGH_TECH, day, years_after(day, 3) - timedelta(days=1))]

    def _pool(self, rng: random.Random, i: Institution, certificates: list[Qualification]) -> list[Qualification]:
        """The pool of those who are about to become one; half of the others wait there in vain for a while."""
        first = certificates[0].since if certificates else None
        if first and first.year >= 2019 and rng.random() < 0.7:
            since = first - timedelta(days=rng.randint(150, 700))
            if since > i.established + timedelta(days=30):
                return [Qualification(0, POOL, since, end=first, end_reason="出库")]
        elif not first and rng.random() < 0.5:
            since = max(i.established, date(2022, 1, 1)) + timedelta(days=rng.randint(90, 1200))
            end = since + timedelta(days=rng.randint(300, 1100))
            return [Qualification(0, POOL, since, end=end, end_reason="出库")]
        return []

    def _small(
        self, rng: random.Random, place: int, i: Institution, figures: Mapping[int, Figures]
    ) -> list[Qualification]:
        """Years on the register of 科技型中小企业, joined to spans; an entry holds until the end of next March."""
        if place < self._base:
            first = self.order.small(place)
        else:
            first = i.established.year + 1 if rng.random() < 0.6 else None
        if first is None:
            return []
        spans: list[list[tuple[date, date]]] = []
        for year in range(first, LAST_YEAR + 1):
            known = figures.get(year - 1)
            willing = rng.random() < (0.84 if known is None or is_small(known) else 0.03)
            late, day = rng.random() < 0.15, date(year, 3, 2) + timedelta(days=rng.randrange(115))
            if late:
                day = date(year, 7, 1) + timedelta(days=rng.randrange(110))
            if year == first:
                day = max(day, min(i.established + timedelta(days=20), date(year, 12, 20)))
            elif not willing:
                continue
            entry = (day, date(year + 1, 3, 31))
            if spans and spans[-1][-1][0].year == year - 1:
                spans[-1].append(entry)
            else:
                spans.append([entry])
        return [Qualification(0, SMALL, s[0][0], s[-1][1], years=tuple(s)) for s in spans]

    def _narrow(self, rng: random.Random, place: int, i: Institution) -> list[Qualification]:
        if place >= self._base:
            return []
        found: list[Qualification] = []
        listed: date | None = None
        for kind in (*LISTED, *(k for k in NARROW if k not in LISTED)):
            year = self.order.narrow(kind, place)
            if year is None:
                continue
            day = date(year, 1, 10) + timedelta(days=rng.randrange(340))
            if kind in LISTED:
                if listed is None:
                    board = "科创板" if kind == LISTED[0] else rng.choice(OTHER_BOARDS)
                    found.append(Qualification(0, "上市企业", day, board=board))
                    listed = day
            elif kind in LISTS:
                # who is listed has left the lists; others leave them again after some years
                end = listed or (day + timedelta(days=rng.randint(500, 2400)) if rng.random() < 0.5 else None)
                if end is None or end > day:
                    found.append(Qualification(0, kind, day, end=end, end_reason=end and "出库"))
            else:
                found += _renewed(rng, kind, day)
        return found

    def _from_figures(self, rng: random.Random, i: Institution, figures: Mapping[int, Figures]) -> list[Qualification]:
        """Rungs that follow from what was earned: 小升规 (revenue from 2,000 万元 on) and the list of 双五企业."""
        found = []
        grown = next((y for y, f in sorted(figures.items()) if f.revenue >= 2_000 * WAN and f.staff >= 20), None)
        if grown is not None and rng.random() < 0.4:
            first = min(figures)
            year = grown + 1 if grown > first else rng.randint(min(2016, first), first)
            day = date(year, 1, 10) + timedelta(days=rng.randrange(340))
            if day > i.established:
                found.append(Qualification(0, ABOVE, day))
        for year, f in sorted(figures.items()):
            # announced in September for the year before; who is announced has a year of it
            if year >= FIRST_FIGURES - 1 and is_double_five(f) and rng.random() < 0.72:
                day = date(year + 1, 9, 1) + timedelta(days=rng.randrange(20))
                found.append(Qualification(0, DOUBLE_FIVE, day, years_after(day, 1) - timedelta(days=1)))
        return found


def is_small(f: Figures) -> bool:
    """Whether a firm qualifies as 科技型中小企业: limits of size, 60 points, some for staff (国科发政〔2017〕115号)."""
    return f.staff <= 500 and f.revenue <= 2 * YI and f.assets <= 2 * YI and f.score >= 60 and f.score_staff > 0


def is_double_five(f: Figures) -> bool:
    """Revenue above 5 亿 and R&D above 5 % of it, both strictly (the plan, footnote 1)."""
    return f.revenue > 5 * YI and f.rd * 100 > 5 * f.revenue


def _renewed(rng: random.Random, kind: str, day: date) -> list[Qualification]:
    """Spans of three years, mostly renewed; kinds without a term are one open span."""
    years = YEARS_VALID.get(kind)
    if years is None:
        return [Qualification(0, kind, day)]
    found = []
    while day <= HORIZON:
        q = Qualification(0, kind, day, years_after(day, years) - timedelta(days=1))
        found.append(q)
        if day.year + years > 2022 and rng.random() < 0.15:  # the stock of 2020 has lost nobody
            break
        day = q.to + timedelta(days=1)
    return found


def _cut(q: Qualification, end: date, reason: str) -> Qualification | None:
    """The span as it is for a firm that is gone from `end` on."""
    if q.since >= end:
        return None
    if q.years:
        q = replace(q, years=tuple(y for y in q.years if y[0] < end))
        q = replace(q, to=q.years[-1][1])
    if (q.to is None or q.to >= end) and (q.end is None or q.end > end):
        return replace(q, end=end, end_reason=reason)
    return q


def _reports(rng: random.Random, f: Figures, gone: date | None) -> tuple[Report, ...]:
    """When the year was filed: mostly until June of the next one, some late, 1 % never; one in twenty is corrected."""
    filed = date(f.year + 1, 1, 18) + timedelta(days=int(rng.triangular(0, 150, 95)))
    chance, later = rng.random(), rng.randint(20, 200)
    if chance < 0.07:
        filed += timedelta(days=rng.randint(40, 120))
    if chance > 0.99 or (gone and filed >= gone):
        return ()
    if rng.random() > 0.05:
        return (Report(filed, f),)
    wrong = f.rd * rng.randint(85, 97) // 100
    parts = scores(f.staff, f.rd_staff, f.revenue, wrong, f.score_results // 6)
    first = replace(f, rd=wrong, score_staff=parts[0], score_rd=parts[1])
    return (Report(filed, first), Report(filed + timedelta(days=later), f))


class _Money:
    """Yearly figures of one firm."""

    FIRST = 2020

    def __init__(self, rng: random.Random, i: Institution, certificates: list[Qualification]):
        self.rng, self.i, self.certificates = rng, i, certificates
        self.growth = rng.gauss(0.06, 0.09)
        self.per_head = rng.lognormvariate(0, 0.6)
        self.share = rng.expovariate(1 / 2.6)  # percent of revenue above the threshold
        self.rd_staff = min(0.85, max(0.03, rng.gauss(0.3, 0.14)))
        self.high_tech = min(0.99, max(0.5, rng.gauss(0.78, 0.1)))
        self.results = min(9, int(rng.expovariate(1 / 3.2)))

    def years(self) -> dict[int, Figures]:
        first = max(self.FIRST, self.i.established.year)
        return {y: self._year(y) for y in range(first, LAST_YEAR + 1)}

    def _year(self, year: int) -> Figures:
        rng = self.rng
        staff = max(2, round(self.i.staff * (1 + self.growth) ** (year - 2025) * rng.uniform(0.95, 1.05)))
        staff = self._near(staff, 500, 0.5)
        # larger firms earn more per head, up to a point: skewed as industry is
        revenue = int(2_100 * min(staff, 700) ** 0.3 * staff * self.per_head * rng.lognormvariate(0, 0.12))
        for border, chance in ((YI // 2, 0.3), (2 * YI, 0.4), (5 * YI, 0.6)):
            revenue = self._near(revenue, border, chance)
        is_holder = any(q.since.year <= year + 1 and q.to.year >= year for q in self.certificates)
        percent = high_tech_share(revenue) + self.share if is_holder else self.share * 0.9
        percent = percent * rng.uniform(0.85, 1.2) + (1.3 if revenue > 3 * YI else 0)
        rd = int(revenue * percent / 100)
        for border in (3, 4, 5, 6):
            if abs(percent - border) < 0.5 and rng.random() < 0.3:
                revenue -= revenue % 100 if revenue % YI != 1 else 0
                rd = -(-revenue * border // 100) - rng.choice((0, 0, 1))  # just enough, or one unit short
        high = self.high_tech if is_holder else self.high_tech * rng.uniform(0.4, 1)
        high_tech = int(revenue * high)
        if abs(high - 0.6) < 0.05 and rng.random() < 0.5:
            high_tech = -(-revenue * 60 // 100) - rng.choice((0, 1))
        assets = self._near(int(revenue * rng.uniform(0.6, 1.9)), 2 * YI, 0.35)
        rd_staff = min(staff, round(staff * self.rd_staff * rng.uniform(0.85, 1.15)))
        results = min(9, self.results + (rng.random() < 0.2) + (year - 2020) // 4)
        return Figures(
            year,
            staff,
            rd_staff,
            revenue,
            rd,
            high_tech,
            assets,
            int(revenue * rng.gauss(0.06, 0.08)),
            *scores(staff, rd_staff, revenue, rd, results),
        )

    def _near(self, value: int, border: int, chance: float) -> int:
        """A value within an eighth of a border lies, by this chance, exactly on it or one unit above."""
        if abs(value - border) * 8 < border and self.rng.random() < chance:
            return border + self.rng.choice((0, 1))
        return value


SLICE = Firms
