"""How many firms stand on a rung at the end of each year, and in which order firms climb.

The figures of 2020 are the plan's (市政发〔2022〕1号, 1.1 and 专栏1), 高企 of 2017 and of 2022 to 2024 and 科小 of
2022 to 2024 are published ones; the years between and after are invented to grow plausibly. All are those of scale 10.

A firm's place in the order follows from its block of some 1,300 neighbours, never from the whole city, and the places
of the blocks interlock: so the totals are exact while no more than a block is held.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from demo.city import TODAY, City

FIRST_YEAR, LAST_YEAR = 2015, 2031
YEARS = range(FIRST_YEAR, LAST_YEAR + 1)
PLAN_SCALE = 10
BLOCK = 1300
SETTLED = 2023  # the order takes in only firms that live until this year: up to then its totals are exact

HIGH_TECH = (
    900,
    1300,
    1839,
    2620,
    3673,
    5212,
    7140,
    10431,
    12500,
    15000,
    16200,
    17200,
    18000,
    18600,
    19000,
    19300,
    19500,
)
SMALL = (300, 900, 1900, 3100, 4500, 6135, 8900, 12263, 15000, 19000, 21000, 22000, 22600, 23000, 23300, 23500, 23600)

# Cumulative recognitions of the narrow rungs, by year from FIRST_YEAR on.
NARROW: Mapping[str, tuple[int, ...]] = {
    "专精特新小巨人": (0, 0, 0, 0, 12, 37, 84, 130, 178, 196, 214, 226, 236, 244, 250, 255, 260),
    "制造业单项冠军": (0, 0, 1, 1, 2, 3, 5, 8, 10, 12, 14, 16, 17, 18, 19, 20, 21),
    "瞪羚企业": (0, 0, 0, 40, 100, 180, 300, 420, 540, 640, 720, 790, 850, 900, 950, 990, 1020),
    "独角兽企业": (0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 6),
    "硬科技企业": (0, 0, 0, 0, 60, 140, 230, 330, 430, 520, 600, 660, 700, 740, 770, 800, 820),
    "创新型领军企业": (0, 0, 0, 0, 0, 0, 15, 35, 55, 78, 100, 108, 116, 124, 132, 140, 148),
    "拟上市培育库": (0, 0, 0, 0, 30, 80, 140, 210, 280, 350, 410, 470, 520, 570, 610, 650, 690),
    "硬科技上市储备库": (0, 0, 0, 0, 0, 40, 90, 150, 210, 270, 330, 390, 440, 480, 520, 550, 580),
    "科创板上市": (0, 0, 0, 0, 2, 5, 8, 11, 14, 15, 17, 19, 20, 22, 23, 25, 26),
    "其他板块上市": (14, 17, 20, 23, 26, 29, 32, 35, 38, 40, 42, 44, 46, 48, 50, 52, 54),
}

# What becomes of the t-th high-tech firm, by t mod 40: spans of validity in years since recognition. Else it stays one.
REVOKED = 37
FATES: Mapping[int, tuple[tuple[int, int | None], ...]] = {
    3: ((0, 3),), 17: ((0, 3),), 29: ((0, 3),), 7: ((0, 6),), 23: ((0, 6),), 31: ((0, 9),), REVOKED: ((0, 2),),
    11: ((0, 3), (4, None)),
}  # fmt: skip
CYCLE = 40


def fate(order: int) -> tuple[tuple[int, int | None], ...]:
    """Spans of validity of the `order`-th high-tech firm, in whole years since its first recognition."""
    return FATES.get(order % CYCLE, ((0, None),))


def scaled(count: int, scale: float, least: int = 0) -> int:
    """A figure of scale 10 at another scale; never under `least` where there is one at all."""
    return max(least, round(count * scale / PLAN_SCALE)) if count else 0


def high_tech_entries(scale: float) -> list[int]:
    """First recognitions up to each year such that the stock at its end is the published one, losses made good."""
    cumulative: list[int] = []
    for year, target in zip(YEARS, HIGH_TECH, strict=True):
        left = 0
        for cohort, end in enumerate(cumulative):
            begin, age = cumulative[cohort - 1] if cohort else 0, year - FIRST_YEAR - cohort
            left += sum(_of_fate(begin, end, r) for r in range(CYCLE) if _lives(r, age))
        before = cumulative[-1] if cumulative else 0
        cumulative.append(before + max(0, scaled(target, scale) - left))
    return cumulative


def _lives(residue: int, age: int) -> bool:
    return any(a <= age and (b is None or age < b) for a, b in fate(residue))


def _of_fate(begin: int, end: int, residue: int) -> int:
    """How many of the orders from begin up to end have this residue."""
    return (end - residue + CYCLE - 1) // CYCLE - (begin - residue + CYCLE - 1) // CYCLE


@dataclass(frozen=True)
class Block:
    """Neighbouring firms. `place`: firm → its place among those that climb, the early ones first; `big`: firms that
    were high-tech by 2018, the largest first; `fast`: the same by chance of their own."""

    number: int
    place: Mapping[int, int]
    big: Mapping[int, int]
    fast: Mapping[int, int]


class Order:
    """The order in which the firms of a city climb, numbered as in `city.firms`, whatever the day of the city is."""

    def __init__(self, city: City):
        self.city = city if city.day == 0 else city.at(0)
        self.firms = self.city.firms
        self.count = len(self.firms)
        self.blocks = max(1, round(self.count / BLOCK))
        scale = city.scale
        self._high_tech = high_tech_entries(scale)
        self._small = [scaled(n, scale) for n in SMALL]
        self._narrow = {kind: [scaled(n, scale, 1) for n in counts] for kind, counts in NARROW.items()}
        self.block = lru_cache(maxsize=64)(self._block)

    def block_of(self, firm: int) -> Block:
        number = firm * self.blocks // self.count
        while firm >= (number + 1) * self.count // self.blocks:
            number += 1
        return self.block(number)

    def high_tech(self, firm: int) -> tuple[int, int] | None:
        """Order and year of the firm's first recognition as 高新技术企业; None where that lies behind the horizon."""
        return self._when(self._high_tech, firm, "place", 0)

    def small(self, firm: int) -> int | None:
        """Year in which the firm first enters the register of 科技型中小企业; one in thirteen never does."""
        block = self.block_of(firm)
        place = block.place.get(firm)
        if place is None or place % 13 == 5:
            return None
        group, within = divmod(place - place // 13 - (place % 13 > 5), 24)
        turned = (
            within * 7 + group * 5 + self.city.seed
        ) % 24  # the order of the one register is not that of the other
        found = self._year(self._small, (group * 24 + turned) * self.blocks + self._turn(block, 1))
        return found[1] if found else None

    def narrow(self, kind: str, firm: int) -> int | None:
        """Year in which the firm comes on one of the narrow rungs."""
        salt = list(NARROW).index(kind)
        way = "fast" if kind in ("瞪羚企业", "硬科技企业", "硬科技上市储备库") else "big"
        found = self._when(self._narrow[kind], firm, way, salt)
        return found[1] if found else None

    def _turn(self, block: Block, salt: int) -> int:
        """Every kind begins its round with another block."""
        return (block.number - self.city.seed - salt) % self.blocks

    def _when(self, cumulative: list[int], firm: int, way: str, salt: int) -> tuple[int, int] | None:
        block = self.block_of(firm)
        place = getattr(block, way).get(firm)
        return None if place is None else self._year(cumulative, place * self.blocks + self._turn(block, salt))

    def _year(self, cumulative: list[int], order: int) -> tuple[int, int] | None:
        year = bisect_right(cumulative, order)
        return (order, YEARS[year]) if year < len(YEARS) else None

    def _block(self, number: int) -> Block:
        first, end = number * self.count // self.blocks, (number + 1) * self.count // self.blocks
        keys, staff = {}, {}
        for firm in range(first, end):
            i = self.city.institution(self.firms[firm])
            if i.ended is None or i.ended.year >= SETTLED:
                # old firms may climb late, young ones must climb soon after they were founded
                left = max(0, TODAY.year - 2 - i.established.year) * 365
                keys[firm] = i.established.toordinal() + self.city.rng("climb", firm).random() * 0.6 * left
                staff[firm] = i.staff
        place = {firm: n for n, firm in enumerate(sorted(keys, key=lambda firm: (keys[firm], firm)))}
        by_2018 = self._high_tech[2018 - FIRST_YEAR]
        early = [f for f, n in place.items() if n * self.blocks + self.blocks <= by_2018]
        big = sorted(early, key=lambda f: (-staff[f], f))
        fast = sorted(early, key=lambda f: (self.city.rng("fast", f).random(), f))
        return Block(number, place, {f: n for n, f in enumerate(big)}, {f: n for n, f in enumerate(fast)})
