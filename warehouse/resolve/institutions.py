"""Which mentions mean one institution: edges between mentions, with rule, probability and evidence.

Mentions are many, their distinct forms (name, code, number) are few, so all the work is done on forms. The passes go
from what is sure to what is likely, and each sees what the ones before have joined:

1. numbers of registers (unit, firm, institution, ROR, school, stock), then credit codes whose check character is right;
2. codes of which only the check character is wrong, where the name does not speak against it;
3. names in their normal forms (`names`), strongest first: what a register calls an institution today, its other names,
   those it gave up, spellings that stand beside its code; then the names that stand alone;
4. what `references` found for names that no register spells so, before names that stand alone are joined by form;
5. a school of a university by the university's name.

A name joins nothing across two right credit codes, two ROR ids, two school codes, an institution and its parent or its
successor: what such evidence contradicts is a pair for a steward (`is_uncertain`), as are names that several
institutions bear and names that are alike. A name that two institutions bear on equal terms links nobody.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ingest.codes import uscc
from warehouse import connect
from warehouse.resolve import names

OWN, OTHER, FORMER, SPELLING, BARE = range(1, 6)
SCHEMA = pa.schema(
    [
        ("mention_a", pa.string()),
        ("mention_b", pa.string()),
        ("probability", pa.float64()),
        ("rule", pa.string()),
        ("evidence", pa.string()),
        ("is_uncertain", pa.bool_()),
    ]
)
SAME = "same_institution"  # rule of a reference between two registers
# Schemes of which one institution has one number: two of them are two institutions, whatever their names.
ONE_EACH = ("ror", "moe")
# Other registers enter an institution twice now and then: two numbers may be one where name and district agree.
MOST_RIVALS = 3  # pairs for a steward per name: the list is for people
ALIKE = 0.8  # likeness from which two names are worth a steward's look
NEAR = 0.3  # a short name is this like its long one; 示范 alone in common makes 0.2
BLOCK = 60  # names that begin and end alike; larger blocks say nothing

_FORMS = """
    select
        min(mention_id) as mention, name, credit_code, numbers, any_value(own_names) as own_names,
        any_value(other_names) as other_names, any_value(former_names) as former_names,
        min(district_code) as district, any_value(kin_numbers) as kin,
        bool_and(can_be_linked) as can_be_linked, is_registered, is_free_text, count(*) as mentions
    from mentions
    group by name, credit_code, numbers, is_registered, is_free_text, case when is_registered then mention_id end
    order by mention
"""
_SAME = """
    with forms as (
        select
            mention_id,
            min(mention_id) over (partition by name, credit_code, numbers, is_free_text) as first_id
        from mentions
        where not is_registered
    )
    select
        first_id as mention_a, mention_id as mention_b, 1.0 as probability, 'same' as rule,
        'same name, code and number' as evidence, false as is_uncertain
    from forms
    where mention_id <> first_id
    order by mention_b
"""


@dataclass(frozen=True)
class Form:
    """Mentions that say the same. `code`: with a right check character; `weak_code`: with a wrong one."""

    mention: str
    name: str | None
    key: str
    code: str | None
    weak_code: str | None
    numbers: tuple[str, ...]
    names: tuple[tuple[str, int], ...]
    district: str | None
    kin: tuple[str, ...]
    can_be_linked: bool
    is_registered: bool
    is_free_text: bool
    mentions: int

    @property
    def is_bare(self) -> bool:
        """Nothing but a name."""
        return not (self.code or self.numbers or self.is_registered)


@dataclass
class _Group:
    """Forms joined so far."""

    forms: list[int]
    codes: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    kin: set[str] = field(default_factory=set)
    districts: set[str] = field(default_factory=set)
    is_anchored: bool = False


def edges(mentions: pa.Table, references: pa.Table | None = None) -> pa.Table:
    """Edges (SCHEMA) between mentions as int_institution_mentions has them; any order of rows gives the same edges.

    `references`: what names mean in the registers, as `warehouse.resolve.references` finds it.

    The accepted ones span each institution: they are no list of all its pairs.
    """
    with connect.memory() as con:
        con.register("mentions", mentions)
        rows = con.execute(_FORMS).fetchall()
        same = con.execute(_SAME).to_arrow_table().cast(SCHEMA)
    linker = _Linker([_form(row) for row in rows])
    linker.link(references.to_pylist() if references is not None else [])
    return pa.concat_tables([same, linker.table()])


def _form(row: tuple) -> Form:
    mention, name, code, numbers, own, other, former, district, kin, linked, registered, free, n = row
    strengths: dict[str, int] = {}
    for strength, found in ((OWN, own), (OTHER, other), (FORMER, former)):
        for text in found or ():
            key = names.plain(text or "")
            if key:
                strengths[key] = min(strength, strengths.get(key, BARE))
    key = names.plain(name or "")
    is_right = code is not None and uscc(code)
    if key and not registered and (is_right or numbers):
        strengths.setdefault(key, SPELLING)
    return Form(
        mention,
        name,
        key,
        code if is_right else None,
        code if not is_right else None,
        tuple(sorted(numbers or ())),
        tuple(sorted(strengths.items())),
        district,
        tuple(kin or ()),
        linked,
        registered,
        free,
        n,
    )


class _Linker:
    """Joins forms pass by pass; `table` gives the edges."""

    def __init__(self, forms: list[Form]):
        self.forms = forms
        self.parent = list(range(len(forms)))
        self.groups: dict[int, _Group] = {}
        self.rows: list[tuple[str, str, float, str, str, bool]] = []
        self.codes = self._trusted_codes()
        for i, f in enumerate(forms):
            self.groups[i] = _Group(
                [i],
                {self.codes[i]} if self.codes[i] else set(),
                set(f.numbers),
                set(f.kin),
                {f.district} if f.district else set(),
                not f.is_bare,
            )

    def _trusted_codes(self) -> list[str | None]:
        """The right code of each form. Beside a number only the code that most say of that number counts, the
        register's own entry first."""
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        for f in self.forms:
            for number in f.numbers if f.code else ():
                votes[number][f.code or ""] += f.mentions + (1_000_000 if f.is_registered else 0)
        best = {number: max(sorted(found), key=found.__getitem__) for number, found in votes.items()}
        return [None if any(best.get(n, f.code) != f.code for n in f.numbers) else f.code for f in self.forms]

    # -- joining --------------------------------------------------------------------------------------------------

    def root(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = i = self.parent[self.parent[i]]
        return i

    def join(self, i: int, j: int, probability: float, rule: str, evidence: str) -> None:
        a, b = sorted((self.root(i), self.root(j)))
        if a == b:
            return
        self._row(i, j, probability, rule, evidence, is_uncertain=False)
        one, two = self.groups[a], self.groups.pop(b)
        self.parent[b] = a
        one.forms += two.forms
        one.codes |= two.codes
        one.numbers |= two.numbers
        one.kin |= two.kin
        one.districts |= two.districts
        one.is_anchored = one.is_anchored or two.is_anchored

    def doubt(self, i: int, j: int, probability: float, rule: str, evidence: str) -> None:
        """A pair for a steward, unless it is joined anyway."""
        if self.root(i) != self.root(j):
            self._row(i, j, probability, rule, evidence, is_uncertain=True)

    def _row(self, i: int, j: int, probability: float, rule: str, evidence: str, *, is_uncertain: bool) -> None:
        a, b = sorted((self.forms[i].mention, self.forms[j].mention))
        self.rows.append((a, b, round(probability, 4), rule, evidence, is_uncertain))

    def agree(self, i: int, j: int, *, by_own_name: bool) -> bool:
        """Whether nothing speaks against two forms being one institution."""
        a, b = self.groups[self.root(i)], self.groups[self.root(j)]
        if a.codes and b.codes and not a.codes & b.codes:
            return False
        if a.kin & b.numbers or b.kin & a.numbers:
            return False
        for scheme, mine in _by_scheme(a.numbers).items():
            theirs = _by_scheme(b.numbers).get(scheme)
            if theirs and not mine & theirs:
                same_place = bool(a.districts & b.districts)
                if scheme in ONE_EACH or not (by_own_name and same_place):
                    return False
        return True

    def link(self, references: list[dict[str, Any]]) -> None:
        self._by_number()
        self._by_code()
        self._by_body_of_code()
        self._by_same_name()
        for level, make in enumerate((_itself, names.stem, names.local)):
            for strength in (OWN, OTHER, FORMER, SPELLING):
                self._by_name_of_anchors(make, level, strength)
            if level == 0:
                self._by_reference(references)
            self._by_bare_name(make, level)
        self._by_school()
        self._by_likeness()

    def _by_number(self) -> None:
        first: dict[str, int] = {}
        # the register's own entry stands in the middle of the star
        for i in sorted(range(len(self.forms)), key=lambda i: (not self.forms[i].is_registered, i)):
            for number in self.forms[i].numbers:
                self.join(first.setdefault(number, i), i, 0.999, "number", number)

    def _by_code(self) -> None:
        first: dict[str, int] = {}
        for i in sorted(range(len(self.forms)), key=lambda i: (not self.forms[i].is_registered, i)):
            code = self.codes[i]
            if code:
                self.join(first.setdefault(code, i), i, 0.998, "credit_code", code)

    def _by_body_of_code(self) -> None:
        """A code wrong in its check character only: the 17 before it are still those of one known institution."""
        known: dict[str, set[int]] = defaultdict(set)
        keys: dict[str, set[str]] = defaultdict(set)
        for i, code in enumerate(self.codes):
            if code:
                known[code[:17]].add(self.root(i))
                keys[code[:17]] |= {k for k, _ in self.forms[i].names}
        bearers = self._bearers(names.stem, SPELLING)
        for i, f in enumerate(self.forms):
            body = (f.weak_code or "")[:17]
            if len(body) < 17 or body not in known or len({self.root(r) for r in known[body]}) != 1:
                continue
            target = min(known[body])
            foreign = not names.is_chinese(f.key)
            near = max((names.likeness(names.local(f.key), names.local(k)) for k in keys[body]), default=0.0)
            others = {self.root(j) for j in bearers.get(names.stem(f.key), ())} - {self.root(i), self.root(target)}
            if self.agree(i, target, by_own_name=True) and not others and (foreign or near >= NEAR):
                self.join(i, target, 0.97, "credit_code_body", body)
            else:
                self.doubt(i, target, 0.5, "credit_code_body", body)

    def _by_same_name(self) -> None:
        """Names that stand alone and are written alike."""
        first: dict[str, int] = {}
        for i, f in enumerate(self.forms):
            if f.key and not self._group(i).is_anchored:
                self.join(first.setdefault(f.key, i), i, 0.99, "name", f.key)

    def _group(self, i: int) -> _Group:
        return self.groups[self.root(i)]

    def _bearers(self, make: Callable[[str], str], most: int) -> dict[str, dict[int, tuple[int, int]]]:
        """Key → anchored group → strength with which it bears the key, and the form that says so."""
        found: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
        for i, f in enumerate(self.forms):
            for key, strength in f.names:
                if strength <= most:
                    if not f.can_be_linked:
                        strength += 10
                    key, root = make(key), self.root(i)
                    found[key][root] = min((strength, i), found[key].get(root, (99, i)))
        return found

    def _by_name_of_anchors(self, make: Callable[[str], str], level: int, most: int) -> None:
        """Entries of registers and what stands beside codes, joined by a name that nothing speaks against."""
        rule = ("name", "name_form", "name_without_city")[level]
        for key, bearers in sorted(self._bearers(make, most).items()):
            if len(bearers) < 2:
                continue
            ranked = sorted((strength, i) for strength, i in bearers.values() if strength < 10)
            owner = self._owner(ranked)
            if owner is None:
                if level == 0:
                    self._tell_rivals(key, [i for _, i in ranked])
                continue
            least = ranked[0][0]
            for strength, i in ranked:
                if self.agree(owner, i, by_own_name=strength == OWN and level < 2):
                    self.join(owner, i, 0.99 - 0.01 * (strength + least - 2) - 0.02 * level, rule, key)
                elif level == 0 and strength == least:
                    self.doubt(owner, i, 0.5, "name", key)

    def _owner(self, ranked: list[tuple[int, int]]) -> int | None:
        """The bearer of a name: the one that bears it most strongly, or those if they may be one."""
        if not ranked:
            return None
        best = [i for strength, i in ranked if strength == ranked[0][0]]
        own = ranked[0][0] == OWN
        if all(self.root(best[0]) == self.root(i) or self.agree(best[0], i, by_own_name=own) for i in best[1:]):
            pairs = ((i, j) for n, i in enumerate(best) for j in best[:n])
            if all(self.root(i) == self.root(j) or self.agree(i, j, by_own_name=own) for i, j in pairs):
                return best[0]
        return None

    def _tell_rivals(self, key: str, rivals: list[int]) -> None:
        for i in rivals[1 : MOST_RIVALS + 1]:
            self.doubt(rivals[0], i, 0.4, "name", key)

    def _by_reference(self, references: list[dict[str, Any]]) -> None:
        """Names that stand alone go where the finders of names lead; those led to a number that no entry has, together.

        Of a text that names several institutions the first known one counts: a mention has one entity.
        """
        first: dict[str, int] = {}
        for i, f in enumerate(self.forms):
            for number in f.numbers:
                first.setdefault(number, i)
        registered = set(first)
        meant: dict[tuple[str, bool], dict[str, Any]] = {}
        for found in sorted(references, key=lambda r: (r["name"], r["place"])):
            if found["rule"] == SAME and {found["name"], found["number"]} <= registered:
                i, j = first[found["name"]], first[found["number"]]
                if self.agree(i, j, by_own_name=True):
                    self.join(i, j, found["score"] * 0.99, "reference", f"{found['name']} {found['number']}")
            elif found["number"] in registered or not found["is_free_text"]:
                meant.setdefault((found["name"], found["is_free_text"]), found)
        for i, f in enumerate(self.forms):
            found = meant.get((f.name or "", f.is_free_text))
            if found is None or self._group(i).is_anchored:
                continue
            target = first.setdefault(found["number"], i)
            if self.agree(i, target, by_own_name=True):
                rule = "affiliation" if f.is_free_text else "reference"
                self.join(i, target, found["score"] * 0.99, rule, f"{found['rule']}: {found['number']}")

    def _by_bare_name(self, make: Callable[[str], str], level: int) -> None:
        """Names that stand alone go to the institution that bears them, if there is one and no other."""
        rule = ("name", "name_form", "name_without_city")[level]
        bearers = self._bearers(make, SPELLING)
        first: dict[str, int] = {}
        for i, f in enumerate(self.forms):
            if not f.key or self._group(i).is_anchored:
                continue
            key = make(f.key)
            ranked = sorted(bearers.get(key, {}).values())
            best = sorted({self.root(j) for strength, j in ranked if strength == ranked[0][0]})
            if len(best) == 1:
                strength = ranked[0][0] % 10
                free = level and f.is_free_text
                if not free and self.agree(i, best[0], by_own_name=True):
                    self.join(i, ranked[0][1], 0.99 - 0.01 * strength - 0.02 * level, rule, key)
            elif best:
                for j in best[:MOST_RIVALS] if level == 0 else ():
                    self.doubt(i, j, round(1 / len(best), 4), "name", key)
            elif level and not f.is_free_text:
                self.join(first.setdefault(key, i), i, 0.97 - 0.02 * level, rule, key)

    def _by_school(self) -> None:
        """西安交通大学管理学院 → its university; a college that is named otherwise is left to a steward."""
        bearers = self._bearers(_itself, SPELLING)
        lone = {f.key: i for i, f in reversed(list(enumerate(self.forms))) if not self._group(i).is_anchored}
        for i, f in enumerate(self.forms):
            found = None if self._group(i).is_anchored or f.is_free_text else names.school_of(f.name or "")
            if found is None:
                continue
            university, is_discipline = found
            ranked = sorted(bearers.get(university, {}).values())
            best = {self.root(j) for strength, j in ranked if strength == ranked[0][0]}
            target = ranked[0][1] if len(best) == 1 else None if best else lone.get(university)
            if target is None or target == i:
                continue
            if is_discipline:
                self.join(i, target, 0.96, "school", university)
            else:
                self.doubt(i, target, 0.3, "school", university)

    def _by_likeness(self) -> None:
        """Names that stand alone beside the most similar one that begins and ends alike: pairs for a steward."""
        blocks: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for i, f in enumerate(self.forms):
            for key in {f.key, *(k for k, s in f.names if s <= OTHER)} if not f.is_free_text else ():
                if len(key) >= 6 and names.is_chinese(key):
                    short = names.local(key)
                    blocks[short[:3], key[-2:]].setdefault(key, i)
        for block in blocks.values():
            if not 1 < len(block) <= BLOCK:
                continue
            for key, i in sorted(block.items()):
                if self._group(i).is_anchored:
                    continue
                near = [(names.likeness(key, k), k, j) for k, j in block.items() if self.root(i) != self.root(j)]
                best = max(near, default=(0.0, "", 0))
                if best[0] >= ALIKE:
                    self.doubt(i, best[2], best[0] * 0.7, "similar_name", f"{key} ~ {best[1]}")

    def table(self) -> pa.Table:
        """The edges found, in order of their mentions, each pair once."""
        best: dict[tuple[str, str, bool], tuple] = {}
        accepted = {row[:2] for row in self.rows if not row[5]}
        for row in sorted(self.rows, key=lambda r: (r[0], r[1], -r[2], r[3], r[4])):
            if not (row[5] and row[:2] in accepted):
                best.setdefault((row[0], row[1], row[5]), row)
        return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in best.values()], SCHEMA)


def _itself(key: str) -> str:
    return key


def _by_scheme(numbers: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for number in numbers:
        found[number.partition(":")[0]].add(number)
    return found
