"""Units as Chinese records write them, and the registered institution behind each: `ChineseUnits.link`.

A unit stands in a record under its name of that year (西安公路交通大学), with the school or the laboratory behind
it (西安交通大学管理学院), with or without a campus (华北电力大学（北京）), or under a name that ROR knows in English
only. Four ways lead from it to an institution, the surest first: its name in normal form, a former name, the longest
name in front of a part, and the English name that its words amount to (bilingual.py).

Colleges with a university's name that are institutions of their own (西安交通大学城市学院) are told apart by being
registered, so the list of the Ministry of Education belongs among the registers; so are hospitals and companies, which
are never taken for a part.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from warehouse.resolve.bilingual import Phrases, sound
from warehouse.resolve.names import TO_SIMPLIFIED
from warehouse.resolve.registry import ACRONYM, DISPLAY, LABEL, Institution, Place

_HERE = Path(__file__).parent
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_COUNTRIES = {"CN", "HK", "MO", "TW"}
_SHORTEST = 4  # characters of a name in front of a part: shorter ones are kinds (商学院) or places

# -- normal form ------------------------------------------------------------------------------------------------------

_NOISE = re.compile(r"[^\w()]|_")
_TITLES = (
    ("中华人民共和国", ""),
    ("中国人民解放军", ""),
    ("解放军", ""),
    ("中国人民武装警察部队", "武警"),
    ("中国共产党", "中共"),
)
_PROVINCES = (
    "河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海"
)
_PROVINCE = re.compile(rf"^(中共)?({_PROVINCES})省|^(中共)?(北京|天津|上海|重庆)市")
_REGION = re.compile("(广西)壮族自治区|(宁夏)回族自治区|(新疆)维吾尔自治区|(内蒙古|西藏)自治区")
_COMPANY = re.compile("(股份有限|有限责任|有限|集团|总)?公司$")


@lru_cache(maxsize=1 << 16)
def unit_key(name: str) -> str:
    """The normal form of a unit's name: full-width forms folded, traditional characters simplified; blanks, dots and
    quotes gone, brackets kept.

    >>> unit_key("中国石油大学 （华东）"), unit_key("西安交通大学/公共政策与管理学院")
    ('中国石油大学(华东)', '西安交通大学公共政策与管理学院')
    """
    text = _NOISE.sub("", unicodedata.normalize("NFKC", name)).translate(TO_SIMPLIFIED).casefold()
    return text.replace("()", "")


@lru_cache(maxsize=1 << 16)
def loose_key(name: str) -> str:
    """The normal form without what writers leave out: 省 and 市 of a province, the army's and the party's titles.

    >>> loose_key("陕西省社会科学院"), loose_key("中国人民解放军第四军医大学"), loose_key("中共陕西省委党校")
    ('陕西社会科学院', '第四军医大学', '陕西省委党校')
    """
    text = unit_key(name)
    for long, short in _TITLES:
        if text.startswith(long) and len(text) - len(long) + len(short) >= 6:  # not 理工大学, 国防大学
            text = short + text.removeprefix(long)
            break
    text = text.removeprefix("中共") if text.endswith("党校") or "委党校" in text else text
    if "委" not in text[:6]:  # 陕西省委: the committee of the province
        text = _PROVINCE.sub(lambda m: (m[1] or "") + (m[2] or "") + (m[3] or "") + (m[4] or ""), text)
    text = _REGION.sub(lambda m: m[1] or m[2] or m[3] or m[4], text)
    stem = _COMPANY.sub("", text)
    return stem if len(stem) > _SHORTEST else text


# -- parts ------------------------------------------------------------------------------------------------------------

_HAS_PARTS = re.compile("(大学|[交师]大|学院|学校|师专|党校|博物馆|博物院|研究中心|信息中心|交易所|[省市]社会科学院)$")
_PART = re.compile("[学分](院|部)|系|所|研究院|中心|实验室|部|处|室|馆|社|站|组|基地|队|会|信箱|研究|校区|院")
_OWN = re.compile("医院|中学|小学|附中|附小|幼儿园|公司|集团|分校|出版社|城市学院|独立学院")
_MANY_OWN = re.compile("^中国.*科学院$")  # the national academies: their institutes are institutions of their own


def _is_part(base: str, rest: str, cities: frozenset[str]) -> bool:
    """Whether `rest`, behind the name `base`, is a part of that unit and not a unit of its own."""
    if _MANY_OWN.search(base) or not _HAS_PARTS.search(base) or _OWN.search(rest):
        return False
    if rest.endswith("研究院") and rest.removesuffix("研究院") in cities:  # 深圳研究院: a legal person of its own
        return False
    return _PART.search(rest) is not None


# -- links ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link:
    """A unit's institution: its id, how sure (0 to 1, four decimals), the rule, and the name by which it was found.

    Rules: name; listed and written (by the committed tables); form (normal form, campus or title); former; upgraded
    (学院 that became 大学); translated; part (school behind its university), with `+part` behind another of these.
    """

    id: str
    score: float
    rule: str
    name: str


@dataclass(frozen=True)
class FormerName:
    """A name and the one that stands for it now: when it changed, how (renamed, merged, written), on what basis."""

    name: str
    current: str
    year: str
    kind: str
    basis: str


@dataclass(frozen=True)
class Tables:
    """What is known beyond the registers: former names, Chinese names that ROR lacks, by id, units of no register, and
    names (in normal form) that ROR gives to the wrong institution, with its id."""

    former: tuple[FormerName, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: tuple[Institution, ...] = ()
    wrong: frozenset[tuple[str, str]] = frozenset()


@cache
def committed() -> Tables:
    """The tables beside this file: former_names.csv, local_units.csv and three on ROR (names it lacks, names it
    gives to the wrong record, ids of records that are not at hand)."""
    names: dict[str, tuple[str, ...]] = {}
    for row in (*_rows("ror_names.csv"), *_rows("ror_elsewhere.csv")):
        names[row["ror_id"]] = (*names.get(row["ror_id"], ()), row["name"])
    units = tuple(
        Institution(f"unit:{row['name']}", tuple((n, LABEL) for n in (row["name"], *row["also"].split("|")) if n))
        for row in _rows("local_units.csv")
    )
    wrong = frozenset((row["ror_id"], unit_key(row["name"])) for row in _rows("ror_wrong_names.csv"))
    return Tables(tuple(FormerName(*row.values()) for row in _rows("former_names.csv")), names, units, wrong)


def _rows(name: str) -> list[dict[str, str]]:
    with (_HERE / name).open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


SCORES = {
    "name": 1.0,
    "listed": 0.99,
    "form": 0.99,
    "written": 0.99,
    "former": 0.98,
    "upgraded": 0.95,
    "translated": 0.9,
}
PART_SCORE = 0.98  # factor
TRANSLATED = 0.7  # least score of a translation, and how far the second best must be behind: docs/units-matching.md
CHILD = 0.8  # the same for an institute among its academy's, whose names are shorter
MARGIN = 0.1


class ChineseUnits:
    """Finds the institution behind a Chinese unit name.

    `institutions`: ROR's, `relatives` among them where they are wanted. `others`: other registers' (the list of the
    Ministry of Education, the city's own). One of them that is the same as a ROR institution is found under the ROR id;
    `same` says which are: id of the other → link to ROR. Ids are those that come in, and of the table of units
    (`unit:` and the name) that no register holds.
    """

    def __init__(
        self,
        institutions: Iterable[Institution],
        others: Iterable[Institution] = (),
        tables: Tables | None = None,
    ):
        tables = tables or committed()
        first = sorted((i for i in institutions if _is_chinese(i)), key=lambda i: i.id)
        others = sorted(others, key=lambda i: i.id)
        self._wrong = tables.wrong
        self._former = {unit_key(f.name): f for f in tables.former}
        self._cities = frozenset(
            re.sub("[市省]$", "", place)
            for i in others
            for p in i.places
            for place in (p.city, p.region)
            if place and _CHINESE.match(place)
        )
        self.same: dict[str, Link] = {}
        self._names: dict[str, Link] = {}
        self._forms: dict[str, Link] = {}
        self._phrases = Phrases(first)
        self._children = _children(first)
        self._heirs = _heirs(first)
        at_hand = {i.id for i in first}
        self._index(
            [Institution(i, tuple((n, LABEL) for n in ns)) for i, ns in tables.names.items() if i in at_hand], "listed"
        )
        self._index(first)
        self.same = self._same(first, others)
        self._index(others)
        self._index(tables.units, "listed")
        self._longest = max(map(len, (*self._names, *self._forms, *self._former)), default=0) + 10

    def link(self, names: Sequence[str]) -> list[Link | None]:
        """The institution behind each name, in their order; None where no register holds it or several may be meant.

        Distinct names are looked up once. A name without Chinese characters gives None.
        """
        found = {name: self._link(name) for name in dict.fromkeys(names)}
        return [found[name] for name in names]

    # -- index --------------------------------------------------------------------------------------------------------

    def _index(self, institutions: Sequence[Institution], rule: str = "name") -> None:
        """Enters the names that one institution bears more strongly than all others; names already known stay."""
        for table, form in ((self._names, unit_key), (self._forms, loose_key)):
            owners: dict[str, dict[str, int]] = defaultdict(dict)
            texts: dict[str, str] = {}
            for institution in institutions:
                for text, kind in institution.names:
                    if kind == ACRONYM or not _CHINESE.search(text) or (institution.id, unit_key(text)) in self._wrong:
                        continue
                    strength = max(kind, LABEL) + 10 * (not institution.is_active)
                    key = form(text)
                    known = owners[key].get(institution.id, 99)
                    owners[key][institution.id] = min(known, strength)
                    texts[key] = text
            for key, by_owner in owners.items():
                best = min(by_owner.values())
                strongest = [i for i, s in by_owner.items() if s == best]
                if len(strongest) == 1 and key not in table:
                    table[key] = self._owner(strongest[0], rule if form is unit_key else "form", texts[key])

    def _owner(self, owner: str, rule: str, name: str) -> Link:
        """A link to the institution, or to the one that it is in the first register, or that followed it."""
        owner = self._heirs.get(owner, owner)
        link = self.same.get(owner)
        if link is None:
            return Link(owner, SCORES[rule], rule, name)
        score = min(link.score, SCORES[rule])
        return Link(link.id, score, rule if link.rule == "name" else link.rule, name)

    def _same(self, first: Sequence[Institution], others: Sequence[Institution]) -> dict[str, Link]:
        """Which of the other registers' institutions ROR holds too: under the same name, a former one, or in English.

        A ROR institution that two others claim on equal terms is neither's.
        """
        known = {unit_key(n) for o in others for n, _ in o.names} | set(self._former)
        before = defaultdict(list)
        for former in self._former.values():
            if former.kind == "renamed":
                before[unit_key(former.current)].append(unit_key(former.name))
        same: dict[str, Link] = {}
        for other in others:
            keys = [unit_key(n) for n, kind in other.names if kind != ACRONYM]
            older = [k for key in keys for k in before[key]]
            older += [
                k for k in (key.removesuffix("大学") + "学院" for key in keys) if k not in known | set(self._former)
            ]
            links = [self._names.get(k) or self._forms.get(loose_key(k)) for k in keys]
            links += [_as(self._names.get(k), "former") for k in older]
            link = next((x for x in links if x), None)
            if link:
                same[other.id] = link
        same = _sole(same)
        taken = {link.id for link in same.values()}
        return same | _sole(
            self._translated([i for i in first if i.id not in taken], [o for o in others if o.id not in same])
        )

    def _translated(self, first: Sequence[Institution], others: Sequence[Institution]) -> dict[str, Link]:
        """Schools in one city whose Chinese and English names say the same, and clearly no other pair does."""
        found = {}
        for institution in first:
            english = _english(institution)
            if english is None or "education" not in institution.kinds:
                continue
            near = [o for o in others if _in_one_city(o, institution)]
            scores = sorted(((self._phrases.score(o.names[0][0], english), o.id, o) for o in near), reverse=True)
            if scores and scores[0][0] >= TRANSLATED and (len(scores) < 2 or scores[0][0] - scores[1][0] >= MARGIN):
                other = scores[0][2]
                found[other.id] = Link(institution.id, SCORES["translated"], "translated", english)
        return found

    # -- search -------------------------------------------------------------------------------------------------------

    def _link(self, name: str) -> Link | None:
        key = unit_key(name)
        if not _CHINESE.search(key):
            return None
        return self._whole(key) or self._child(key) or self._part(key)

    def _whole(self, key: str, depth: int = 0) -> Link | None:
        """The institution that bears this name, or bore it."""
        if key in self._names:
            return self._names[key]
        former = self._former.get(key) or self._former.get(loose_key(key))
        if former and depth < 5:
            current = unit_key(former.current)
            link = self._whole(current, depth + 1) or self._child(current)
            if link:  # else no register has followed the change yet
                return _as(link, "written" if former.kind == "written" else "former", former.name)
        found = self._forms.get(loose_key(key)) or self._campus(key)
        if found is None and depth == 0 and key.endswith("学院"):
            found = _as(self._names.get(key.removesuffix("学院") + "大学"), "upgraded")
        return found

    def _campus(self, key: str) -> Link | None:
        """华北电力大学(保定) is 华北电力大学, unless another campus is registered by itself."""
        base, bracket, _ = key.partition("(")
        if not bracket or not key.endswith(")") or any(k.startswith(f"{base}(") for k in self._names):
            return None
        return _as(self._names.get(base), "form")

    def _child(self, key: str) -> Link | None:
        """中国科学院 and the name by which one of its institutes goes, in Chinese or in English."""
        for end in range(min(len(key) - 3, self._longest), _SHORTEST - 1, -1):
            parent = self._names.get(key[:end])
            children = self._children.get(parent.id) if parent else None
            if not children:
                continue
            rest = key[end:]
            for child in children:
                if any(unit_key(n) == rest for n, _ in child.names):
                    return Link(child.id, SCORES["form"], "form", key)
            scores = sorted(((self._phrases.score(rest, _english(c) or ""), c.id, c) for c in children), reverse=True)
            if scores[0][0] >= CHILD and (len(scores) < 2 or scores[0][0] - scores[1][0] >= MARGIN):
                return Link(scores[0][1], SCORES["translated"], "translated", _english(scores[0][2]) or "")
        return None

    def _part(self, key: str) -> Link | None:
        """The longest name in front of a part."""
        for end in range(min(len(key) - 1, self._longest), _SHORTEST - 1, -1):
            base, rest = key[:end], key[end:]
            link = self._whole(base)
            if link is None:
                continue
            if not _is_part(base, rest, self._cities):
                return None
            rule = "part" if link.rule == "name" else f"{link.rule}+part"
            return Link(link.id, round(link.score * PART_SCORE, 4), rule, link.name)
        return None


def _as(link: Link | None, rule: str, name: str | None = None) -> Link | None:
    return link and Link(link.id, min(link.score, SCORES[rule]), rule, name or link.name)


def _heirs(institutions: Sequence[Institution]) -> dict[str, str]:
    """Institutions that are no more, and the one that followed each."""
    by_id = {i.id: i for i in institutions}

    def heir(institution: Institution, depth: int = 0) -> str:
        following = {other for relation, other in institution.relations if relation == "successor"}
        if institution.is_active or len(following) != 1 or depth > 5:
            return institution.id
        (other,) = following
        return heir(by_id[other], depth + 1) if other in by_id else institution.id

    return {i.id: heir(i) for i in institutions if not i.is_active}


def _sole(links: dict[str, Link]) -> dict[str, Link]:
    """The links whose institution nothing else claims as strongly."""
    claims = defaultdict(list)
    for link in links.values():
        claims[link.id].append(link.score)
    return {o: k for o, k in links.items() if k.score == max(claims[k.id]) and claims[k.id].count(k.score) == 1}


def _english(institution: Institution) -> str | None:
    named = [n for n, kind in institution.names if kind == DISPLAY and not _CHINESE.search(n)]
    longer = [n for n, kind in institution.names if kind != ACRONYM and n.isascii() and " " in n]
    return named[0] if named and " " in named[0] else next(iter(longer), None)


def _children(institutions: Sequence[Institution]) -> dict[str, list[Institution]]:
    """Institutions by their parent's id, as either of the two tells."""
    by_id = {i.id: i for i in institutions}
    found: dict[str, dict[str, Institution]] = defaultdict(dict)
    for institution in institutions:
        for relation, other in institution.relations:
            if relation == "parent":
                found[other][institution.id] = institution
            elif relation == "child" and other in by_id:
                found[institution.id][other] = by_id[other]
    return {parent: [children[i] for i in sorted(children)] for parent, children in found.items()}


def _in_one_city(chinese: Institution, english: Institution) -> bool:
    """Whether the sound of a Chinese place is the name of an English one."""
    places = {sound(re.sub("[市省]$", "", p.city)) for p in chinese.places if p.city}
    named = {re.sub("[^a-z]", "", p.city.lower()) for p in english.places if p.city}
    return any(a in b or b in a for a in places for b in named)


def _is_chinese(institution: Institution) -> bool:
    return not institution.places or any(p.country in _COUNTRIES for p in institution.places)


def from_moe(row: Mapping[str, str]) -> Institution:
    """An institution from a row of the list of the Ministry of Education: name, code, address (所在地)."""
    place = Place(row["address"], None, "CN", "China")
    return Institution(row["code"], ((row["name"].replace("\n", ""), DISPLAY),), (place,), frozenset({"education"}))


def elsewhere() -> list[Institution]:
    """Institutions whose ROR id is known from labels, but whose record is not among those at hand (the committed table
    ror_elsewhere.csv). For callers who want the ids of schools that otherwise only the Ministry's list knows."""
    china = (Place(None, None, "CN", "China"),)
    return [
        Institution(row["ror_id"], ((row["english_name"], DISPLAY), (row["name"], LABEL)), china)
        for row in _rows("ror_elsewhere.csv")
    ]


def relatives(records: Iterable[Mapping[str, Any]], institutions: Iterable[Institution]) -> list[Institution]:
    """Institutions that ROR's records name among their relations (id and label) without being at hand themselves.

    `records`: parsed ROR records of any schema. They are taken to be where the one that names them is.
    """
    known = {i.id: i for i in institutions}
    found: dict[str, Institution] = {}
    for record in records:
        here = known.get(record["id"])
        for relation in record["relationships"] or ():
            if here is None or relation["id"] in known:
                continue
            back = {"child": "parent", "parent": "child"}.get(relation["type"].lower(), "related")
            last = found.get(relation["id"])
            found[relation["id"]] = Institution(
                relation["id"],
                ((relation["label"], DISPLAY),),
                here.places[:1],
                relations=(*(last.relations if last else ()), (back, here.id)),
            )
    return list(found.values())
