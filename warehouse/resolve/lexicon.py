"""The names and places of a registry, arranged as arrays in which whole batches of texts are looked up.

A set of words is known by the sum of its words' hashes, which does not depend on their order and grows by one addition;
words in order by a hash that does. So a text costs its length times the length of a name, not the number of names.
"""

from __future__ import annotations

import gc
import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from warehouse.resolve.arrays import Codes, Lists
from warehouse.resolve.registry import ACRONYM, ALIAS, KINDS, PREFIX, SHORT, VARIANT, Institution
from warehouse.resolve.spelling import Spelling
from warehouse.resolve.words import COUNTRIES, GENERIC, fold, is_chinese, name_key, without_country

RARE = 100  # a word of more names than this finds no rough candidate
STEP = np.uint64(1_000_003)
_OWNER = np.uint64(0x9E3779B97F4A7C15)
_ACRONYM_NAME = re.compile(r"[A-Z][A-Za-z&\-]{1,9}")
_PARTS = re.compile(r"\s*[,–—]\s*|\s+[-/]\s+")
_GLUED = re.compile(r"[a-z][A-Z]")

Words = tuple[str, ...]
# What a word says by itself; the order matters little to trees.
PLAIN, PLACE, FIELD, SCHOOL, INSTITUTE, LABORATORY, COMPANY, UNIVERSITY, HOSPITAL = range(9)
_SAYS = {
    "hospital": HOSPITAL, "clinic": HOSPITAL, "university": UNIVERSITY, "company": COMPANY, "incorporated": COMPANY,
    "limited": COMPANY, "corporation": COMPANY, "laboratory": LABORATORY, "institute": INSTITUTE, "center": INSTITUTE,
    "academy": INSTITUTE, "school": SCHOOL, "college": SCHOOL, "faculty": SCHOOL, "department": SCHOOL,
}  # fmt: skip


class Lexicon:
    """`experience`: institution id → how many training texts meant it, and how many have its name."""

    def __init__(self, institutions: Iterable[Institution], experience: Mapping[str, Sequence[float]] | None = None):
        self.institutions = sorted(institutions, key=lambda i: i.id)
        self.numbers = {i.id: n for n, i in enumerate(self.institutions)}
        known = [(experience or {}).get(i.id, (0, 0)) for i in self.institutions]
        self.experience = np.array(known, dtype=float).reshape(-1, 2)
        # millions of tuples come and none go: looking for circles among them takes two fifths of the time
        is_collecting = gc.isenabled()
        gc.disable()
        try:
            places = self._place()
            self._relate()
            self._name(places)
        finally:
            if is_collecting:
                gc.enable()

    def _relate(self) -> None:
        parents: list[set[int]] = [set() for _ in self.institutions]
        related: list[set[int]] = [set() for _ in self.institutions]
        for number, institution in enumerate(self.institutions):
            for kind, other_id in institution.relations:
                other = self.numbers.get(other_id)
                if other is None:
                    continue
                related[number].add(other)
                related[other].add(number)
                if kind == "parent":
                    parents[number].add(other)
                elif kind == "child":
                    parents[other].add(number)
        self.parents = Lists([sorted(p) for p in parents])
        size = len(self.institutions)
        codes = [n * size + p for n, some in enumerate(parents) for p in some]
        self.parent_codes = np.sort(np.array(codes, dtype=np.int64))
        children = Counter(p for some in parents for p in some)
        self.facts = np.array(
            [
                [*(kind in i.kinds for kind in KINDS), i.is_active, len(related[n]), len(i.names), i.identifiers,
                 len(parents[n]), children[n]]
                for n, i in enumerate(self.institutions)
            ],
            dtype=float,
        ).reshape(size, len(KINDS) + 6)  # fmt: skip

    # -- places -----------------------------------------------------------------------------------------------------

    def _place(self) -> dict[Words, tuple[int, bool]]:
        """Words of a place → number of its country or −1, and whether it is a city or region."""
        words = lru_cache(maxsize=None)(name_key)
        codes: dict[Words, str] = {}
        cities: set[Words] = set()
        self._cities: list[set[Words]] = []
        regions, countries = [], []
        for institution in self.institutions:
            places = institution.places
            self._cities.append({words(p.city) for p in places if p.city and words(p.city)})
            regions.append({words(p.region) for p in places if p.region and words(p.region)})
            countries.append({p.country for p in places if p.country})
            cities |= {k for k in self._cities[-1] | regions[-1] if len(k) > 1 or k[0] not in GENERIC}
            codes |= {words(p.country_name): p.country for p in places if p.country_name and p.country}
        codes |= {words(name): code for code, names in COUNTRIES.items() for name in names}
        self.place_words = frozenset(w for k in (*codes, *cities) for w in k)
        country = {c: n for n, c in enumerate(sorted({*codes.values(), *(c for cs in countries for c in cs)}))}
        number = {k: n for n, k in enumerate(sorted({*codes, *cities}))}
        self.place_base = max(len(number), len(country)) + 1
        self.place_numbers = number
        self.cities = Lists([sorted(number[c] for c in some if c in number) for some in self._cities])
        self.regions = Lists([sorted(number[c] for c in some if c in number) for some in regions])
        self.countries = Lists([sorted(country[c] for c in some) for some in countries])
        home: dict[int, set[int]] = defaultdict(set)
        for lists in (self.cities, self.regions):
            for n, some in enumerate(countries):
                for place in lists.values[lists.starts[n] : lists.starts[n + 1]].tolist():
                    home[place] |= {country[c] for c in some}
        # the country of a place whose name no other country has
        self.home_of_place = np.full(self.place_base, -1, dtype=np.int64)
        for place, some in home.items():
            if len(some) == 1:
                self.home_of_place[place] = min(some)
        return {k: (country[codes[k]] if k in codes else -1, k in cities) for k in number}

    # -- names ------------------------------------------------------------------------------------------------------

    def _name(self, places: Mapping[Words, tuple[int, bool]]) -> None:
        owners: dict[Words, dict[int, int]] = defaultdict(dict)  # words, sorted → number → rank
        in_order: dict[Words, set[int]] = defaultdict(set)
        counts: Counter[str] = Counter()
        acronyms: dict[str, set[int]] = defaultdict(set)
        beginnings: dict[Words, set[int]] = defaultdict(set)
        names = 0
        for number, institution in enumerate(self.institutions):
            for name, rank in institution.names:
                if rank == ACRONYM or (_ACRONYM_NAME.fullmatch(name) and sum(c.isupper() for c in name) > 1):
                    acronyms[fold(name, unglue=False).replace("-", "").replace(".", "")].add(number)
                key = name_key(name)
                if rank == ACRONYM or not key:
                    continue
                names += 1
                counts.update(set(key))
                forms = [(key, rank)]
                if _GLUED.search(name):
                    glued = name_key(name, unglue=False)
                    if glued and glued != key:
                        forms.append((glued, rank))
                        counts.update(set(glued) - set(key))
                forms += [(k, VARIANT) for k in self._variants(number, name, key)]
                for form, strength in forms:
                    known = owners[tuple(sorted(form))]
                    known[number] = min(known.get(number, strength), strength)
                    in_order[form].add(number)
                telling = 0
                for size, word in enumerate(key[:-1], 1):
                    telling += word not in GENERIC and word not in self.place_words
                    if telling > 1:
                        beginnings[key[:size]].add(number)
        self._add_short_forms(owners)
        for form, numbers in beginnings.items():
            if len(numbers) <= 2 and tuple(sorted(form)) not in owners:
                owners[tuple(sorted(form))] = dict.fromkeys(sorted(numbers), PREFIX)
                in_order[form] |= numbers
        self._number_words(owners, in_order, counts, names)
        self._add_joined(owners, in_order, counts)
        self._arrange(owners, in_order)
        self._arrange_places(places)
        self.acronyms = {text: sorted(found) for text, found in acronyms.items() if len(found) <= 40}

    def _variants(self, number: int, name: str, key: Words) -> list[Words]:
        """Other forms of a name: what stands before a comma; with the city behind it, or without; and the new names of
        medical colleges (now universities) and of Traditional Chinese Medicine (now Chinese Medicine)."""
        found = []
        if key[-2:] == ("medicine", "college"):
            found.append((*key[:-1], "university"))
        if "traditional" in key and "medicine" in key:
            found.append(tuple(w for w in key if w != "traditional"))
        parts = _PARTS.split(without_country(name))
        if len(parts) > 1:
            first = name_key(parts[0])
            if len(first) >= 2 and any(w not in GENERIC for w in first):
                found.append(first)
        for city in sorted(self._cities[number]):
            size = len(city)
            if key[-size:] == city:
                if len(key) - size >= 2 and any(w not in GENERIC for w in key[:-size]):
                    found.append(key[:-size])
            elif len(key) >= 2 and key[:size] != city and not set(city) & set(key):
                found.append(key + city)
        return found

    def _add_short_forms(self, owners: dict[Words, dict[int, int]]) -> None:
        """`Yale` for Yale University: one or two words of a name that few institutions have."""
        short: dict[Words, set[int]] = defaultdict(set)
        for form, found in owners.items():
            rest = tuple(w for w in form if w not in GENERIC and w not in self.place_words)
            if 0 < len(rest) < len(form) and len(rest) <= 2 and all(len(w) > 2 for w in rest):
                short[rest] |= {number for number, rank in found.items() if rank <= ALIAS}
        for rest, numbers in short.items():
            if len(numbers) <= 6 and not (len(rest) == 1 and len(rest[0]) < 4):
                for number in sorted(numbers):
                    owners[rest].setdefault(number, SHORT)

    def _number_words(
        self, owners: Iterable[Words], in_order: Iterable[Words], counts: Counter[str], names: int
    ) -> None:
        """Words and their weights: the more, the fewer names have it (inverse document frequency). Behind the last
        known word stands the unknown one."""
        words = sorted({w for form in owners for w in form} | set(counts) | self.place_words)
        self.words = {w: n for n, w in enumerate(words)}
        weights = [math.log((names + 1) / (counts[w] + 0.5)) for w in words]
        # as multiples of 1/4096: their sums are exact, so what a text tells does not depend on the batch it stands in
        self.weights = np.round(np.array([*weights, math.log(max(names, 2))]) * 4096) / 4096
        self.hashes = np.array([_hash(w) for w in (*words, "?")], dtype=np.uint64)
        self.is_generic = np.array([*(w in GENERIC for w in words), False])
        self.is_place = np.array([*(w in self.place_words for w in words), False])
        self.is_rare = np.array([*(w not in GENERIC and 0 < counts[w] <= RARE for w in words), False])
        fields = [FIELD if w in GENERIC else PLACE if w in self.place_words else PLAIN for w in words]
        self.says = np.array([*(_SAYS.get(w, f) for w, f in zip(words, fields, strict=True)), PLAIN], dtype=float)
        neighbours = {pair for form in in_order for pair in pairwise(form) if len(pair[0]) + len(pair[1]) > 6}
        self.spelling = Spelling(self.words, counts, sorted(neighbours))

    def _add_joined(
        self, owners: dict[Words, dict[int, int]], in_order: dict[Words, set[int]], counts: Counter[str]
    ) -> None:
        """`Jiao Tong` is read as Jiaotong, in texts and in names."""
        joined: dict[tuple[str, str], str] = {}
        for word in self.words:
            if len(word) > 5 and counts[word] > 1 and word.isalpha() and not is_chinese(word):
                for i in range(2, len(word) - 1):
                    if word[:i] in self.words and word[i:] in self.words:
                        joined[word[:i], word[i:]] = word
        firsts = {first for first, _ in joined}
        for form in [f for f in in_order if not firsts.isdisjoint(f)]:
            short = _join(form, joined)
            if len(short) < len(form):
                ranks, known = owners[tuple(sorted(form))], owners[tuple(sorted(short))]
                for number in sorted(in_order[form]):
                    known[number] = min(known.get(number, VARIANT), ranks[number])
                in_order[short] |= in_order[form]
        size = len(self.words) + 1
        pairs = [self.words[a] * size + self.words[b] for a, b in joined]
        self.joined = Codes(np.array(pairs, dtype=np.uint64))
        self.joined_words = np.array([self.words[w] for w in joined.values()], dtype=np.int64)

    def _arrange(self, owners: dict[Words, dict[int, int]], in_order: dict[Words, set[int]]) -> None:
        """Names as keys: a key is a set of words and belongs to one or more institutions, its owners."""
        rows = [[self.words[w] for w in form] for form in owners]
        self.key_words = Lists([sorted(set(r)) for r in rows])
        every = Lists(rows)
        self.key_size = every.sizes
        self.key_weight = every.sum(self.weights)
        self.keys = Codes(every.sum(self.hashes))
        plain = ~self.is_generic
        self.key_is_bare = every.sum(plain.astype(np.int64)) == 0
        self.key_is_generic = every.sum((plain & ~self.is_place).astype(np.int64)) == 0
        self.owners = Lists([list(found) for found in owners.values()])
        self.owner_ranks = Lists([list(found.values()) for found in owners.values()])
        rare: list[list[int]] = [[] for _ in range(len(self.words) + 1)]
        is_rare = self.is_rare.tolist()
        for number, row in enumerate(rows):
            if len(row) > 1:
                for word in set(row):
                    if is_rare[word]:
                        rare[word].append(number)
        self.keys_of_word = Lists(rare)
        codes = {order_code(o, n) for form, some in in_order.items() for o in (self._ordered(form),) for n in some}
        self.in_order = Codes(np.array(sorted(codes), dtype=np.uint64))

    def _arrange_places(self, places: Mapping[Words, tuple[int, bool]]) -> None:
        codes = {self._ordered(k): k for k in places}
        self.places = Codes(np.array(list(codes), dtype=np.uint64))
        self.place_number = np.array([self.place_numbers[k] for k in codes.values()], dtype=np.int64)
        self.place_country = np.array([places[k][0] for k in codes.values()], dtype=np.int64)
        self.place_is_city = np.array([places[k][1] for k in codes.values()], dtype=bool)

    def _ordered(self, form: Words) -> int:
        total = 0
        for word in form:
            total = (total * 1_000_003 + self._hash_of[word]) & 0xFFFFFFFFFFFFFFFF
        return total

    @property
    def _hash_of(self) -> dict[str, int]:
        found = self.__dict__.get("_hashes")
        if found is None:
            found = self._hashes = dict(zip(self.words, self.hashes.tolist(), strict=False))
        return found


def order_code(ordered, owner):
    """One code for words in order and whose name they are; of numbers or of arrays."""
    if isinstance(ordered, np.ndarray):
        return ordered ^ (owner.astype(np.uint64) * _OWNER)
    return ordered ^ (owner * int(_OWNER) & 0xFFFFFFFFFFFFFFFF)


def _join(form: Words, joined: Mapping[tuple[str, str], str]) -> Words:
    found: list[str] = []
    i = 0
    while i < len(form):
        word = joined.get(form[i : i + 2])  # type: ignore[call-overload]
        found.append(word or form[i])
        i += 2 if word else 1
    return tuple(found)


def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
