"""Intellectual property rights of firms and institutions, which of them back a 高新技术企业, and 创新联合体.

A right belongs to whoever applied, until it is transferred; its history is whole, whoever shows it cuts it at a day.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from demo import words
from demo.city import HORIZON, City, Institution, day_between, years_after
from demo.firms import HIGH_TECH, Firm, Firms, Qualification
from demo.ladder import Order
from demo.quiet import quiet

INVENTION, MODEL, DESIGN, SOFTWARE, LAYOUT = (
    "发明专利",
    "实用新型专利",
    "外观设计专利",
    "软件著作权",
    "集成电路布图设计",
)
RIGHT_KINDS = {INVENTION: 34, MODEL: 38, DESIGN: 6, SOFTWARE: 21, LAYOUT: 1}  # share in percent
YEARS_HELD = {INVENTION: 20, MODEL: 10, DESIGN: 15, SOFTWARE: 50, LAYOUT: 10}
FIRST = date(2012, 1, 1)
MOST_OF_FIRM, MOST_OF_INSTITUTION = 24, 64
HALF_YEARS_UNPUBLISHED = 548  # days after which an application for an invention is published


@dataclass(frozen=True)
class Right:
    """`owners`: (from, institution), in order. `refused`: it came to nothing. `ended`: first day without effect.
    `pledged`, `awarded`: since when a loan or a national award counts for it; `family`: it has relatives abroad."""

    no: str
    kind: str
    title: str
    applied: date
    granted: date | None
    refused: date | None
    ended: date | None
    owners: tuple[tuple[date, int], ...]
    strategic: bool
    family: bool
    pledged: date | None
    awarded: date | None

    def owner_on(self, day: date) -> int:
        return next((n for since, n in reversed(self.owners) if since <= day), self.owners[0][1])

    def is_public(self, day: date) -> bool:
        """Inventions show before they are granted, all others when they are."""
        opened = self.applied + timedelta(days=HALF_YEARS_UNPUBLISHED) if self.kind == INVENTION else None
        return any(d is not None and d <= day for d in (self.granted, opened))

    def is_effective(self, day: date) -> bool:
        return self.granted is not None and self.granted <= day and (self.ended is None or day < self.ended)

    def criteria(self, day: date) -> tuple[bool, bool, bool, bool, bool]:
        """What gives an invention high value: 战略性新兴产业, 海外同族, 维持超过 10 年, 质押融资, 国家奖."""
        return (
            self.strategic,
            self.family,
            self.granted is not None and years_after(self.applied, 10) < day,
            self.pledged is not None and self.pledged <= day,
            self.awarded is not None and self.awarded <= day,
        )

    def is_high_value(self, day: date) -> bool:
        """An effective invention that meets any of the five (「十四五」国家知识产权保护和运用规划, 专栏)."""
        return self.kind == INVENTION and self.is_effective(day) and any(self.criteria(day))


@dataclass(frozen=True)
class Consortium:
    """`members`: (institution, joined, left); the first is the leader. `dissolved`: first day on which it is none."""

    number: int
    name: str
    industry: str
    founded: date
    dissolved: date | None
    members: tuple[tuple[int, date, date | None], ...]

    def members_on(self, day: date) -> list[int]:
        return [n for n, joined, left in self.members if joined <= day and (left is None or day < left)]


class Patents:
    """Rights and consortia of a city; `city.slice(Patents)`."""

    CONSORTIA_A_YEAR = 6  # at scale 1
    CONSORTIA_SINCE = date(2019, 3, 1)

    def __init__(self, city: City):
        self.city = city
        self.firms = city.slice(Firms)
        self._made = _made(city.seed, city.scale)
        # the kinds of institution that are founded no more, so their places never move
        self.others = [*city.universities, *city.institutes, *city.hospitals]

    def of_firm(self, place: int) -> tuple[Right, ...]:
        """Rights applied for by a firm, whole history, in order of application."""
        return self._made.of_firm(place)

    def of_other(self, place: int) -> tuple[Right, ...]:
        """Rights applied for by a university, institute or hospital; `place` in `others`."""
        return self._made.of_other(place, self.city.institution(self.others[place]))

    def backing(self, firm: Firm, certificate: Qualification) -> tuple[Right, ...]:
        """Rights named in the application for a certificate; some wrongly: not the firm's, or without effect."""
        rng = self.city.rng("backing", firm.place * 64 + certificate.number)
        own = [r for r in self.of_firm(firm.place) if r.applied < certificate.since]
        good = [r for r in own if backs(r, firm.institution.number, certificate)]
        found = good[-3:]
        if rng.random() < 0.1:
            other = self.of_firm((firm.place + 1) % min(self.firms.count, self._made.base))
            wrong = [r for r in own if r not in good] or [
                r for r in other if r.granted and r.applied < certificate.since
            ]
            found = [*found[:2], *wrong[-1:]]
        return tuple(found)

    def quiet_rights(self, place: int) -> tuple[Right, ...]:
        """Rights of a firm whose records may be planted rubbish; none of any other firm."""
        place %= min(self.firms.count, self._made.base)
        return self.of_firm(place) if quiet(place) else ()

    def consortia(self) -> int:
        """Consortia founded up to today."""
        days = (self.city.today - self.CONSORTIA_SINCE).days
        return int(days * self.CONSORTIA_A_YEAR * self.city.scale / 365) + 1

    def consortium(self, number: int) -> Consortium:
        return self._made.consortium(number)


def backs(right: Right, institution: int, certificate: Qualification) -> bool:
    """Whether a right supports a certificate: owned by the firm and with effect on the day of recognition."""
    return right.owner_on(certificate.since) == institution and right.is_effective(certificate.since)


@lru_cache(maxsize=4)
def _made(seed: int, scale: float) -> _Made:
    return _Made(City(seed, scale))


class _Made:
    """Makes rights and consortia; they do not depend on the day."""

    def __init__(self, city: City):
        self.city = city
        self.firms = Firms(city)
        self.order = Order(city)
        self.base = self.order.count
        self.of_firm = lru_cache(maxsize=30_000)(self._of_firm)
        self.of_other = lru_cache(maxsize=20_000)(self._of_other)
        self.consortium = lru_cache(maxsize=20_000)(self._consortium)

    def _of_firm(self, place: int) -> tuple[Right, ...]:
        firm = self.firms.firm(place)
        rng = self.city.rng("rights of firm", place)
        i = firm.institution
        most = 0.4 + 0.32 * i.staff**0.48
        count = min(MOST_OF_FIRM - 1, int(rng.expovariate(1 / most)))
        first = max(i.established, FIRST) + timedelta(days=20)
        days = sorted(first + timedelta(days=int((HORIZON - first).days * rng.random() ** 1.15)) for _ in range(count))
        certificate = next((q for q in firm.qualifications if q.kind == HIGH_TECH), None)
        if certificate:  # who becomes one has something to show
            days.insert(
                0, max(i.established + timedelta(days=5), certificate.since - timedelta(days=rng.randint(400, 900)))
            )
        end = firm.gone
        rights = [
            self._right(rng, 100 + place, n, i, day) for n, day in enumerate(sorted(days)) if not end or day < end
        ]
        return tuple(rights)

    def _of_other(self, place: int, i: Institution) -> tuple[Right, ...]:
        rng = self.city.rng("rights of other", place)
        count = {"university": rng.randint(30, 60), "institute": rng.randint(4, 14)}.get(i.kind, rng.randint(2, 10))
        days = sorted(day_between(rng, FIRST, HORIZON) for _ in range(count))
        return tuple(self._right(rng, -1 - place, n, i, day) for n, day in enumerate(days))

    def _right(self, rng: random.Random, owner: int, number: int, i: Institution, applied: date) -> Right:
        kind = rng.choices(list(RIGHT_KINDS), list(RIGHT_KINDS.values()))[0]
        if i.kind != "firm" and kind in (MODEL, DESIGN) and rng.random() < 0.6:
            kind = INVENTION
        industry = i.industry or rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        topic = rng.choice(words.INDUSTRIES[industry])
        thing = {
            INVENTION: rng.choice(("方法", "系统", "制备工艺", "控制方法")),
            MODEL: rng.choice(("装置", "结构", "夹具", "检测装置")),
            DESIGN: "设备外观",
            SOFTWARE: rng.choice(("管理软件", "仿真软件", "控制系统软件")),
            LAYOUT: "芯片布图",
        }[kind]
        wait = {INVENTION: (420, 1100), MODEL: (150, 330), DESIGN: (100, 240)}.get(kind, (30, 120))
        decided = applied + timedelta(days=rng.randint(*wait))
        refused = kind == INVENTION and rng.random() < 0.18
        end = years_after(applied, YEARS_HELD[kind])
        if rng.random() < 0.3:  # fees no longer paid
            end = min(end, decided + timedelta(days=rng.randint(700, 3600)))
        owners = [(applied, i.number)]
        if not refused and rng.random() < 0.05:
            firms = self.city.firms
            owners.append((decided + timedelta(days=rng.randint(60, 1800)), firms[rng.randrange(len(firms))]))
        serial = f"{2 * owner if owner >= 0 else -2 * owner + 1}{number:02d}"  # even for firms, odd for the others
        mark = {INVENTION: "1", MODEL: "2", DESIGN: "3", SOFTWARE: "SR", LAYOUT: "BS"}[kind]
        return Right(
            no=f"YS{applied.year}{mark}{serial.zfill(8)}",
            kind=kind,
            title=f"一种面向{industry}的{topic}{thing}"
            if kind != SOFTWARE
            else f"{topic}{thing}V{rng.randint(1, 5)}.0",
            applied=applied,
            granted=None if refused else decided,
            refused=decided if refused else None,
            ended=None if refused or end > HORIZON else end,
            owners=tuple(owners),
            strategic=rng.random() < 0.45,
            family=rng.random() < 0.06,
            pledged=decided + timedelta(days=rng.randint(100, 2000)) if rng.random() < 0.08 else None,
            awarded=decided + timedelta(days=rng.randint(300, 2500)) if rng.random() < 0.02 else None,
        )

    def _consortium(self, number: int) -> Consortium:
        rng = self.city.rng("consortium", number)
        founded = Patents.CONSORTIA_SINCE + timedelta(
            days=int(number * 365 / (Patents.CONSORTIA_A_YEAR * self.city.scale)) + 1
        )
        block = self.order.block(number % self.order.blocks)
        leaders = list(block.big) or list(block.place)
        lead = self.city.institution(self.city.firms[leaders[number // self.order.blocks % min(len(leaders), 40)]])
        industry = lead.industry or "电子信息"
        members = [(lead.number, founded, None)]
        for _ in range(rng.randint(3, 8)):
            other = self._member(rng, founded)
            if other is not None and other not in [m[0] for m in members]:
                joined = founded if rng.random() < 0.75 else founded + timedelta(days=rng.randint(90, 900))
                left = joined + timedelta(days=rng.randint(300, 1800)) if rng.random() < 0.2 else None
                members.append((other, joined, left))
        dissolved = founded + timedelta(days=rng.randint(700, 2400)) if rng.random() < 0.3 else None
        name = f"西安市{rng.choice(words.INDUSTRIES[industry])}创新联合体（{self.city.mark(number, 5)}）"
        return Consortium(number, name, industry, founded, dissolved, tuple(members))

    def _member(self, rng: random.Random, day: date) -> int | None:
        """A firm, a university or an institute that is there for some years yet."""
        kind = rng.choices((self.city.firms, self.city.universities, self.city.institutes), (70, 18, 12))[0]
        i = self.city.institution(kind[rng.randrange(len(kind))])
        return i.number if i.exists_on(day) and i.exists_on(day + timedelta(days=700)) else None
