"""The city: its institutions and people, and what is true of them on any day. What its systems say stands in
systems/.

Everything follows from seed, scale and a number; time only says how much of it has happened. Every history is made
whole, from before 2015 to the horizon, and cut at today by whoever shows it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from math import ceil
from typing import Any, TypeVar, overload

from demo import codes, words

T = TypeVar("T")

TODAY = date(2026, 6, 30)  # day 0
HORIZON = date(2031, 12, 31)  # no history goes on after this day
KINDS = ("university", "institute", "hospital", "service", "firm")
SIZES = {"university": 12, "institute": 60, "hospital": 12, "service": 150, "firm": 2600, "person": 3000}
LEAST = {"university": 4, "institute": 6, "hospital": 3, "service": 12, "firm": 60, "person": 60}
MOST = {"university": 63}  # the city has no more
FOUNDED_A_DAY = 1.0  # institutions at scale 1, eight firms to one service institution
ARRIVED_A_DAY = 1.0  # people at scale 1
YEARS = range(1998, 2027)
YEAR_WEIGHTS = tuple(accumulate(1 + 0.35 * i for i in range(len(YEARS))))
SERVICE_EVERY = 9  # of the founded ones


@dataclass(frozen=True)
class Institution:
    """`names`: (from, full name), in order; planned renames included. `merged_into`: (day, number).

    `parent`: the university of a hospital, the firm of a subsidiary. `legal_representative`: person number.
    """

    number: int
    kind: str
    names: tuple[tuple[date, str], ...]
    short_name: str
    english_name: str
    credit_code: str
    industry: str | None
    service_type: str | None
    district: str
    zone: str | None
    address: str
    established: date
    closed: date | None
    merged_into: tuple[date, int] | None
    parent: int | None
    legal_representative: int
    staff: int

    def name_on(self, day: date) -> str:
        """Full name on a day; before the first day the first name."""
        return next((name for since, name in reversed(self.names) if since <= day), self.names[0][1])

    def former_names(self, day: date) -> tuple[str, ...]:
        """Names given up until that day, oldest first."""
        now = self.name_on(day)
        return tuple(name for since, name in self.names if since <= day and name != now)

    def exists_on(self, day: date) -> bool:
        """Founded, and neither merged nor struck off."""
        return self.established <= day and (self.ended is None or day < self.ended)

    @property
    def ended(self) -> date | None:
        """First day on which it is no institution of its own any more."""
        return self.merged_into[0] if self.merged_into else self.closed


@dataclass(frozen=True)
class Person:
    """`employers`: (from, to, institution), in order, without overlap; `to` is the first day that no longer counts."""

    number: int
    name: str
    traditional: str
    romanised: str
    id_number: str
    born: date
    gender: str
    phone: str
    email: str
    home_address: str
    orcid: str | None
    employers: tuple[tuple[date, date | None, int], ...]
    left_city: date | None
    discipline: str
    industry: str
    degree: str
    title: str

    def employer_on(self, day: date) -> int | None:
        """Institution that employs the person on a day; None before the first, between two and after the last."""
        return next((n for since, to, n in self.employers if since <= day and (to is None or day < to)), None)

    def last_employer(self, day: date) -> int:
        """The employer on a day, or the last before it, or the first."""
        begun = [n for since, _, n in self.employers if since <= day]
        return begun[-1] if begun else self.employers[0][2]


def day_between(rng: random.Random, first: date, last: date) -> date:
    """Any day from first to last, both included."""
    return first + timedelta(days=rng.randrange((last - first).days + 1))


def years_after(day: date, years: int) -> date:
    """The same day of a later year; 29 February becomes the 28th."""
    return day.replace(year=day.year + years, day=min(day.day, 28) if day.month == 2 else day.day)


class Numbers(Sequence[int]):
    """Numbers of one kind of institution: a range of the base, then every so-maniest of those founded since."""

    def __init__(self, base: range, founded: Sequence[int] = ()):
        self._base = base
        self._founded = founded

    def __len__(self) -> int:
        return len(self._base) + len(self._founded)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...
    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        if isinstance(place, slice):
            if not self._founded:
                return self._base[place]
            return [self[i] for i in range(*place.indices(len(self)))]
        if place < 0:
            place += len(self)
        return self._base[place] if place < len(self._base) else self._founded[place - len(self._base)]


class _Firms(Sequence[int]):
    """Of the numbers from `first` on, those that are no service institution."""

    def __init__(self, first: int, count: int):
        self._first, self._count = first, count

    def __len__(self) -> int:
        return self._count - self._count // SERVICE_EVERY

    def __getitem__(self, place: Any) -> Any:
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._first + place + place // (SERVICE_EVERY - 1)


class City:
    """What is true in the city of one seed and scale on one day after TODAY."""

    def __init__(self, seed: int = 1, scale: float = 1.0, day: int = 0):
        if not scale > 0:
            raise ValueError("scale must be above 0")
        if not 0 <= day <= (HORIZON - TODAY).days:
            raise ValueError(f"day must be from 0 to {(HORIZON - TODAY).days}: the city has no history after {HORIZON}")
        self.seed, self.scale, self.day = seed, scale, day
        self.today = TODAY + timedelta(days=day)
        self.now = datetime.combine(self.today, time(23, 59, 59))
        self._slices: dict[type, Any] = {}
        sizes = {k: min(MOST.get(k, 1 << 40), max(LEAST[k], round(n * scale))) for k, n in SIZES.items()}
        self._ranges: dict[str, range] = {}
        first = 0
        for kind in KINDS:
            self._ranges[kind] = range(first, first + sizes[kind])
            first += sizes[kind]
        self._base, self._base_people = first, sizes["person"]
        founded = int(FOUNDED_A_DAY * scale * day + 1e-9)
        self.universities: Sequence[int] = self._ranges["university"]
        self.institutes: Sequence[int] = self._ranges["institute"]
        self.hospitals: Sequence[int] = self._ranges["hospital"]
        later = range(first + SERVICE_EVERY - 1, first + founded, SERVICE_EVERY)
        self.services: Sequence[int] = Numbers(self._ranges["service"], later)
        self.firms: Sequence[int] = Numbers(self._ranges["firm"], _Firms(first, founded))
        self.institutions = range(first + founded)
        self.people = range(self._base_people + int(ARRIVED_A_DAY * scale * day + 1e-9))
        self.life = lru_cache(maxsize=50_000)(self._life)
        self.institution = lru_cache(maxsize=20_000)(self._institution)
        self.career = lru_cache(maxsize=50_000)(self._career)
        self.person = lru_cache(maxsize=20_000)(self._person)

    # -- chance, sizes, slices ------------------------------------------------------------------------------------

    def rng(self, kind: str, number: int) -> random.Random:
        """Chance of its own for every thing, so that things can be made in any order."""
        return random.Random(f"{self.seed}/{kind}/{number}")

    def count(self, kind: str) -> int:
        """Institutions (all, or of one kind) or people that were ever there up to today."""
        found = {
            "institution": self.institutions,
            "university": self.universities,
            "institute": self.institutes,
            "hospital": self.hospitals,
            "service": self.services,
            "firm": self.firms,
            "person": self.people,
        }
        return len(found[kind])

    def slice(self, cls: type[T]) -> T:
        """The one instance of a slice of this city, built as `cls(city)`."""
        if cls not in self._slices:
            self._slices[cls] = cls(self)  # type: ignore[call-arg]
        return self._slices[cls]

    def at(self, day: int) -> City:
        """The same city on another day."""
        return City(self.seed, self.scale, day)

    def scaled(self, count: float, least: int = 1) -> int:
        """How many things there are here of which there are `count` at scale 1."""
        return max(least, round(count * self.scale))

    def kind_of(self, number: int) -> str:
        """Kind of the institution of a number."""
        if number >= self._base:
            return "service" if (number - self._base) % SERVICE_EVERY == SERVICE_EVERY - 1 else "firm"
        return next(kind for kind, numbers in self._ranges.items() if number in numbers)

    # -- institutions ---------------------------------------------------------------------------------------------

    def mark(self, number: int, salt: int = 0) -> str:
        """Two to five characters that tell things of one kind apart: no two numbers share one under the same salt."""
        size, width = len(words.CHARACTERS), 2
        first = 0
        while number >= first + size**width:
            first += size**width
            width += 1
        space = size**width
        mixed = ((number - first) * 1_237 + self.seed * 101 + salt * 577) % space
        text = ""
        for _ in range(width):
            mixed, place = divmod(mixed, size)
            text = words.CHARACTERS[place] + text
        return text

    def _setting(self, number: int) -> tuple[random.Random, str, str | None, str]:
        """District, zone and industry, and the chance from which the rest of an institution is drawn."""
        rng = self.rng("institution", number)
        district = rng.choices(list(words.DISTRICTS), [share for _, share in words.DISTRICTS.values()])[0]
        zones = [code for code, (_, places) in words.ZONES.items() if district in places]
        zone = rng.choice(zones) if zones and rng.random() < 0.8 else None
        return rng, district, zone, rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]

    def industry_of(self, number: int) -> str | None:
        """Industry of an institution; only institutes and firms have one."""
        return self._setting(number)[3] if self.kind_of(number) in ("institute", "firm") else None

    def _institution(self, number: int) -> Institution:
        rng, district, zone, industry = self._setting(number)
        kind = self.kind_of(number)
        established, merged, closed = self.life(number)
        service = words.SERVICE_TYPES[number % 4] if kind == "service" else None
        names, short, english, parent = self._names(rng, number, kind, industry, service, established)
        public = kind in ("university", "institute", "hospital")
        staff = {
            "university": lambda: rng.randint(800, 4000),
            "institute": lambda: rng.randint(60, 900),
            "hospital": lambda: rng.randint(300, 3000),
            "service": lambda: rng.randint(6, 120),
            "firm": lambda: max(4, int(rng.lognormvariate(3.6, 1.1))),
        }[kind]()
        return Institution(
            number=number,
            kind=kind,
            names=names,
            short_name=short,
            english_name=english,
            credit_code=codes.credit_code("12" if public else "91", 10_000_019 * (self.seed + 1) + number * 7_919),
            industry=industry if kind in ("institute", "firm") else None,
            service_type=service,
            district=district,
            zone=zone,
            address=f"西安市{words.DISTRICTS[district][0]}示范大道{rng.randint(1, 999)}号",
            established=established,
            closed=closed,
            merged_into=merged,
            parent=parent,
            legal_representative=self._head(number),
            staff=staff,
        )

    def _life(self, number: int) -> tuple[date, tuple[date, int] | None, date | None]:
        """Founding; a merger with another of its kind; being struck off. Neither before it is three years old."""
        kind = self.kind_of(number)
        if number >= self._base:
            return (
                TODAY + timedelta(days=ceil((number - self._base + 1) / (FOUNDED_A_DAY * self.scale) - 1e-9)),
                None,
                None,
            )
        rng = self.rng("life", number)
        if kind in ("university", "institute", "hospital"):
            established = day_between(rng, date(1956, 1, 1), date(2012, 12, 31))
        else:  # more young firms than old ones
            year = rng.choices(YEARS, cum_weights=YEAR_WEIGHTS)[0]
            established = min(day_between(rng, date(year, 1, 1), date(year, 12, 31)), TODAY)
        first = max(established + timedelta(days=1000), date(2016, 1, 1))
        # numbers that 5 divides go on for ever, so every successor does
        if first >= HORIZON or number % 5 == 0 or kind in ("university", "hospital"):
            return established, None, None
        chance, day = rng.random(), day_between(rng, first, HORIZON)
        if number % 5 == 3 and chance < 0.2:
            numbers = self._ranges[kind]
            target = numbers[(number * 31 + self.seed) % len(numbers)] // 5 * 5
            if target in numbers and self.life(target)[0] < day:
                return established, (day, target), None
        if kind != "institute" and 0.2 < chance < 0.3:
            return established, None, day
        return established, None, None

    def _sibling(self, number: int) -> int | None:
        """One firm in forty is a subsidiary that bears the mark of the firm before it."""
        firms = self._ranges["firm"]
        return number - 1 if number in firms and number % 40 == 7 and number - 1 in firms else None

    def _names(
        self, rng: random.Random, number: int, kind: str, industry: str, service: str | None, established: date
    ) -> tuple[tuple[tuple[date, str], ...], str, str, int | None]:
        """Names with their days, short name, English name, parent."""
        parent = self._sibling(number)
        mark = self.mark(number if parent is None else parent)
        sound = "".join(words.SOUNDS[c] for c in mark).capitalize()
        word, english = words.INDUSTRY_WORDS[industry]
        day = day_between(rng, max(established + timedelta(days=300), date(2015, 3, 1)), HORIZON)
        renamed = rng.random() < {"university": 0.15, "institute": 0.25, "hospital": 0.2}.get(kind, 0.14)
        before: str | None = None
        if kind == "university":
            name, short = f"演示{mark}大学", f"演示{mark}大"
            before = f"演示{mark}学院"
            english = f"Yanshi {sound} University"
        elif kind == "institute":
            ending = rng.choice(("研究院", "研究所"))
            name, short = f"西安演示{mark}{industry}{ending}", f"演示{mark}院"
            before = (
                f"西安演示{self.mark(number, 1)}{word}技术研究所"
                if rng.random() < 0.5
                else f"演示{mark}{industry}研究室"
            )
            english = f"Xi'an Yanshi {sound} Institute of {english}"
        elif kind == "hospital":
            if number % 2:
                parent = self.universities[number % len(self.universities)]
                school = self.mark(parent)
                name, short = f"演示{school}大学{mark}附属医院", f"演示{mark}附院"
                of = "".join(words.SOUNDS[c] for c in school).capitalize()
                english = f"{sound} Affiliated Hospital of Yanshi {of} University"
            else:
                name, short = f"西安演示{mark}医院", f"演示{mark}医院"
                english = f"Xi'an Yanshi {sound} Hospital"
            before = f"西安演示{mark}人民医院"
        elif service:
            name, short = f"西安示范{mark}{words.SERVICE_WORDS[service][0]}", f"示范{mark}"
            before = f"西安演示{self.mark(number, 1)}咨询服务有限公司"
            english = f"Xi'an Shifan {sound} {words.SERVICE_ENGLISH[service]} Co., Ltd."
        else:
            form = rng.choices(("科技有限公司", "技术有限公司", "股份有限公司", "有限公司"), (60, 18, 8, 14))[0]
            name, short = f"西安示范{mark}{word}{form}", f"示范{mark}"
            if parent is not None:
                # another word than the parent's, so that two firms of one group have two names
                own = self.rng("institution", parent).getrandbits(8)
                word = ("智造", "检测", "软件", "供应链")[own % 4]
                name, short = f"西安示范{mark}{word}{form}", f"示范{mark}{word}"
            elif rng.random() < 0.5:
                before = f"西安演示{self.mark(number, 1)}{word}技术开发有限公司"
            else:
                before = f"西安示范{mark}{word}工程有限责任公司"
            english = f"Xi'an Shifan {sound} {english} {'Group ' if form[0] == '股' else ''}Technology Co., Ltd."
        if not renamed or before is None or day <= established:
            return ((established, name),), short, english, parent
        return ((established, before), (day, name)), short, english, parent

    # -- people ---------------------------------------------------------------------------------------------------

    def _head(self, number: int) -> int:
        """Every third person heads institutions: the k-th of them the institutions k, k + heads, k + 2·heads, …"""
        heads = (self._base_people + 1) // 3
        return 3 * (number % heads) + 1

    def heads(self, number: int) -> list[int]:
        """Institutions of which a person is the legal representative."""
        heads = (self._base_people + 1) // 3
        if number % 3 != 1 or number >= 3 * heads:
            return []
        return list(range(number // 3, len(self.institutions), heads))

    def _person(self, number: int) -> Person:
        rng = self.rng("traits", number)
        born = self.born(number)
        employers, left = self.career(number)
        industry = self.industry_of(employers[0][2]) or rng.choices(list(words.INDUSTRIES), words.INDUSTRY_SHARES)[0]
        degree = rng.choices(("博士", "硕士", "学士", "无"), (50, 28, 20, 2))[0]
        given = self.given_name(number)
        sounds = [words.SOUNDS[c] for c in given]
        home = words.DISTRICTS[rng.choice(list(words.DISTRICTS))][0]
        return Person(
            number=number,
            name="演示" + given,
            traditional="演示" + given.translate(words.TRADITIONAL),
            romanised=f"Yanshi {''.join(sounds).capitalize()}",
            id_number=codes.id_number(f"{born:%Y%m%d}", number),
            born=born,
            gender="男" if number % 2 else "女",
            phone=f"101{(number * 7_001 + 13) % 100_000_000:08d}",
            email=f"demo{number:06d}@example.com",
            home_address=f"西安市{home}演示路{rng.randint(1, 299)}号{rng.randint(1, 20)}幢{rng.randint(101, 999)}室",
            orcid=codes.orcid(number) if rng.random() < 0.25 else None,
            employers=employers,
            left_city=left,
            discipline=rng.choice(words.INDUSTRIES[industry]),
            industry=industry,
            degree=degree,
            title=rng.choice(words.TITLES),
        )

    def given_name(self, number: int) -> str:
        """Two characters. One person in fifty bears the name of the person seventeen numbers before."""
        if number % 50 == 31:
            number -= 17
        size = len(words.NAME_CHARACTERS)
        first, second = divmod((number * 1_237 + self.seed * 4_001) % (size * size), size)
        return words.NAME_CHARACTERS[first] + words.NAME_CHARACTERS[second]

    def born(self, number: int) -> date:
        """Birthday: steps that never give one twice to numbers with the same last three digits."""
        return date(1958, 1, 1) + timedelta(days=(number * 7_919 + number // 1000) % 14_600)

    def employer_on(self, number: int, day: date) -> int | None:
        """Like `person(number).employer_on(day)`, without making the rest of the person."""
        return next((n for since, to, n in self.career(number)[0] if since <= day and (to is None or day < to)), None)

    def _career(self, number: int) -> tuple[tuple[tuple[date, date | None, int], ...], date | None]:
        """Jobs from the first to the end of working life or the horizon, and the day of leaving the city if ever."""
        rng = self.rng("person", number)
        born = self.born(number)
        retired = years_after(born, 63)
        if number >= self._base_people:
            start = TODAY + timedelta(days=ceil((number - self._base_people + 1) / (ARRIVED_A_DAY * self.scale) - 1e-9))
        else:
            young = years_after(born, rng.randint(23, 31))
            start = min(max(young, date(1982, 1, 1)), TODAY - timedelta(days=rng.randint(30, 900)))
        jobs: list[tuple[date, date | None, int]] = []
        left = None
        headed = self.heads(number)
        own = self.span(headed[0]) if headed else None
        day = start
        if own and own[0] <= start:
            day = start = max(start, own[0])
        while day < min(HORIZON, retired):
            to: date | None = day + timedelta(days=max(180, int(rng.expovariate(1 / 2600))))
            if own and own[0] <= day and (own[1] is None or day < own[1]):
                place, to = headed[0], own[1]  # nobody leaves the firm that he heads
            else:
                place = self._workplace(rng, day)
                to = min(to, own[0]) if own and day < own[0] else to
            end = min(x for x in (to, retired, HORIZON) if x)
            self._work(jobs, day, None if end >= HORIZON else end, place)
            day = end
            if not own and day < min(HORIZON, retired):
                chance = rng.random()
                if chance < 0.12:  # leaves the city
                    left = day
                    break
                if chance < 0.2:
                    day += timedelta(days=rng.randint(40, 400))
        if not jobs:
            self._work(jobs, start, retired if retired > start else None, self._workplace(rng, start))
        return tuple(jobs), left

    def _work(self, jobs: list[tuple[date, date | None, int]], since: date, to: date | None, place: int) -> None:
        """Add a job; where the institution merges meanwhile the successor goes on, where it ends the job ends."""
        _, merged, closed = self.life(place)
        ended = merged[0] if merged else closed
        cut = ended is not None and since < ended and (to is None or ended < to)
        jobs.append((since, ended if cut else to, place))
        if cut and merged:
            jobs.append((merged[0], to, merged[1]))

    def span(self, number: int) -> tuple[date, date | None]:
        """First day of an institution, and the first day on which it is none of its own any more."""
        established, merged, closed = self.life(number)
        return established, merged[0] if merged else closed

    def _workplace(self, rng: random.Random, day: date) -> int:
        """An institution that exists on a day; universities and institutes hold more people than their number says."""
        for _ in range(12):
            kind = rng.choices(KINDS, (27, 18, 6, 5, 44))[0]
            numbers = self._ranges[kind]
            found = numbers[rng.randrange(len(numbers))]
            first, ended = self.span(found)
            if first <= day and (ended is None or day < ended):
                return found
        return self._ranges["university"][0]
