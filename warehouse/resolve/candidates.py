"""Which institutions an affiliation may mean, and what speaks for each: the features that affiliations.py weighs.

Four ways lead to a candidate: a run of words is one of its names, in this order or another; capitals are its acronym;
it shares rare words with a name; it is the parent of another candidate. A run of words is looked up by the sum of its
words' hashes, which does not depend on their order and grows by one addition, so a text costs its length times the
length of a name, not the number of names.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from warehouse.resolve.registry import ACRONYM, ALIAS, KINDS, PARENT, PREFIX, SHORT, VARIANT, Institution
from warehouse.resolve.words import GENERIC, STOP, canonical, fold, is_chinese, name_key, tokens, without_country

LONGEST_NAME = 12  # words
MOST_CANDIDATES = 8
RARE = 100  # a word of more names than this finds no rough candidate
ROUGH = 0.6  # share of a name's weight that a rough candidate must show
_BITS = (1 << 61) - 1
_STEP = 1_000_003
_ACRONYM = re.compile(r"[A-Z][A-Za-z0-9&]*[A-Z][A-Za-z0-9]*")
_ACRONYM_NAME = re.compile(r"[A-Z][A-Za-z&\-]{1,9}")
_PARTS = re.compile(r"\s*[,–—]\s*|\s+[-/]\s+")
NAME, CAPITALS, SHARED_WORDS, KIN = range(4)  # the four ways

# Countries as affiliations write them, beside the names that the registry gives its places.
COUNTRIES = {
    "US": ("USA", "US", "United States of America", "America"),
    "GB": ("UK", "England", "Scotland", "Wales", "Northern Ireland", "Great Britain"),
    "CN": ("PR China", "PRC", "People's Republic of China", "CN"),
    "KR": ("Korea", "Republic of Korea", "ROK"),
    "RU": ("Russia", "Russian Federation", "USSR"),
    "IR": ("Iran", "Islamic Republic of Iran"),
    "TW": ("Taiwan", "ROC", "Republic of China"),
    "VN": ("Viet Nam", "Vietnam"),
    "CZ": ("Czech Republic", "Czechia"),
    "HK": ("Hong Kong",),
    "MO": ("Macau", "Macao"),
    "TR": ("Turkey", "Türkiye"),
    "DE": ("Deutschland",),
    "ES": ("España",),
    "BR": ("Brasil",),
    "IT": ("Italia",),
    "NL": ("Holland", "The Netherlands"),
    "CH": ("Suisse", "Schweiz"),
    "AT": ("Österreich",),
    "AE": ("UAE",),
    "SA": ("KSA",),
}

# What speaks for or against a candidate, in the order of `Candidates.features`.
FEATURES = tuple(
    name
    for line in (
        "weight words in_order rank shared way generic bare coverage missing rough segment_share text_share",
        "segment_place segments left right left_weight right_weight country_named country_other city_named",
        "region_named city_other inside_longer holds_shorter child_of parent_of kin_weight education healthcare",
        "company facility government nonprofit active relations names identifiers same_words position text_words",
        "at_start at_end crosses place_share heavier heaviest_other strong_names heaviest_overlap strong_before after",
        "prior prior_lead",
    )
    for name in line.split()
)


class Key(NamedTuple):
    """A set of words that is a name: its weight, and whose name it is (number → how it speaks)."""

    weight: float
    size: int
    generic: bool  # kinds and places only
    bare: bool  # kinds only
    owners: tuple[tuple[int, int], ...]
    words: frozenset[str]


class Candidate:
    """One institution that a text may mean, by its best evidence: words `start` to `end` of the text."""

    __slots__ = (
        "bare", "coverage", "end", "generic", "in_order", "merit", "missing", "rank", "rough", "shared", "start", "way",
        "weight", "words",
    )  # fmt: skip

    def __init__(self, merit: float, start: int, end: int, key: Key, rank: int, in_order: bool, way: int = NAME):
        self.merit, self.start, self.end, self.rank, self.in_order, self.way = merit, start, end, rank, in_order, way
        self.weight, self.words, self.generic, self.bare = key.weight, key.size, key.generic, key.bare
        self.shared = len(key.owners)
        self.coverage, self.missing, self.rough = 1.0, 0.0, 0.0


class Reading(NamedTuple):
    """A text taken apart: its words, their segments and weights, the places it names, its candidates."""

    words: list[str | None]
    segments: list[int]
    weights: list[float]
    segment_weights: list[float]
    countries: set[str]
    cities: set[tuple[str, ...]]
    candidates: dict[int, Candidate]


class Candidates:
    """The names of a registry, arranged so that a text finds its candidates.

    `prior`: institution id → how often training texts meant it.
    """

    def __init__(self, institutions: Iterable[Institution], prior: Mapping[str, int] | None = None):
        self.institutions = sorted(institutions, key=lambda i: i.id)
        self.numbers = {i.id: n for n, i in enumerate(self.institutions)}
        self.prior = {self.numbers[i]: count for i, count in (prior or {}).items() if i in self.numbers}
        self._relate()
        self._place()
        self._name()
        self._repaired = lru_cache(maxsize=1 << 18)(self._repair)

    # -- the registry -----------------------------------------------------------------------------------------------

    def _relate(self) -> None:
        inverse = {"child": "parent", "parent": "child", "successor": "predecessor", "predecessor": "successor"}
        self.relations: dict[int, dict[int, str]] = defaultdict(dict)
        for number, institution in enumerate(self.institutions):
            for kind, other_id in institution.relations:
                other = self.numbers.get(other_id)
                if other is not None:
                    self.relations[number][other] = kind
                    self.relations[other].setdefault(number, inverse.get(kind, kind))
        self.parents = {
            n: [o for o, kind in others.items() if kind == "parent"] for n, others in self.relations.items()
        }

    def _place(self) -> None:
        words = lru_cache(maxsize=None)(name_key)
        countries: dict[tuple[str, ...], str] = {}
        cities: set[tuple[str, ...]] = set()
        self.cities_of: list[set[tuple[str, ...]]] = []
        self.regions_of: list[set[tuple[str, ...]]] = []
        self.countries_of: list[set[str]] = []
        for institution in self.institutions:
            places = institution.places
            self.cities_of.append({words(p.city) for p in places if p.city and words(p.city)})
            self.regions_of.append({words(p.region) for p in places if p.region and words(p.region)})
            self.countries_of.append({p.country for p in places if p.country})
            cities |= {k for k in self.cities_of[-1] | self.regions_of[-1] if len(k) > 1 or k[0] not in GENERIC}
            countries |= {words(p.country_name): p.country for p in places if p.country_name and p.country}
        countries |= {words(name): code for code, names in COUNTRIES.items() for name in names}
        self.place_words = frozenset(w for k in (*countries, *cities) for w in k)
        self._hash = {w: _hash(w) for w in self.place_words}
        self._places: dict[int, tuple[str | None, tuple[str, ...] | None]] = {}
        for place in cities | set(countries):
            self._places[self._in_order(place)] = (countries.get(place), place if place in cities else None)

    def _name(self) -> None:
        owners: dict[tuple[str, ...], dict[int, int]] = defaultdict(dict)  # words, sorted → number → rank
        in_order: dict[tuple[str, ...], set[int]] = defaultdict(set)
        self._counts: Counter[str] = Counter()
        acronyms: dict[str, set[int]] = defaultdict(set)
        beginnings: dict[tuple[str, ...], set[int]] = defaultdict(set)
        names = 0
        for number, institution in enumerate(self.institutions):
            for name, rank in institution.names:
                if rank == ACRONYM or (_ACRONYM_NAME.fullmatch(name) and sum(c.isupper() for c in name) > 1):
                    acronyms[fold(name, unglue=False).replace("-", "").replace(".", "")].add(number)
                key = name_key(name)
                if rank == ACRONYM or not key:
                    continue
                names += 1
                self._counts.update(set(key))
                forms = [(key, rank)]
                glued = name_key(name, unglue=False)
                if glued and glued != key:
                    forms.append((glued, rank))
                    self._counts.update(set(glued) - set(key))
                forms += [(k, VARIANT) for k in self._variants(number, name, key)]
                for form, strength in forms:
                    known = owners[tuple(sorted(form))]
                    known[number] = min(known.get(number, strength), strength)
                    in_order[form].add(number)
                for size in range(2, len(key)):
                    if sum(w not in GENERIC and w not in self.place_words for w in key[:size]) >= 2:
                        beginnings[key[:size]].add(number)
        self._add_short_forms(owners)
        for form, numbers in beginnings.items():
            if len(numbers) <= 2 and tuple(sorted(form)) not in owners:
                owners[tuple(sorted(form))] = dict.fromkeys(numbers, PREFIX)
                in_order[form] |= numbers
        self._weigh(owners, names)
        self._arrange(owners, in_order)
        self._acronyms = {text: frozenset(found) for text, found in acronyms.items() if len(found) <= 40}
        self._neighbours = {pair for form in in_order for pair in pairwise(form)}
        self._facts = [
            [
                *(kind in i.kinds for kind in KINDS),
                i.is_active,
                len(self.relations.get(n, ())),
                len(i.names),
                i.identifiers,
            ]
            for n, i in enumerate(self.institutions)
        ]

    def _variants(self, number: int, name: str, key: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Other forms of a name: what stands before a comma; with the city behind it, or without."""
        found = []
        parts = _PARTS.split(without_country(name))
        if len(parts) > 1:
            first = name_key(parts[0])
            if len(first) >= 2 and any(w not in GENERIC for w in first):
                found.append(first)
        for city in sorted(self.cities_of[number]):
            size = len(city)
            if key[-size:] == city:
                if len(key) - size >= 2 and any(w not in GENERIC for w in key[:-size]):
                    found.append(key[:-size])
            elif len(key) >= 2 and key[:size] != city and not set(city) & set(key):
                found.append(key + city)
        return found

    def _add_short_forms(self, owners: dict[tuple[str, ...], dict[int, int]]) -> None:
        """`Yale` for Yale University: one or two words of a name that few institutions have."""
        short: dict[tuple[str, ...], set[int]] = defaultdict(set)
        for form, found in owners.items():
            rest = tuple(w for w in form if w not in GENERIC and w not in self.place_words)
            if 0 < len(rest) < len(form) and len(rest) <= 2 and all(len(w) > 2 for w in rest):
                short[rest] |= {number for number, rank in found.items() if rank <= ALIAS}
        for rest, numbers in short.items():
            if len(numbers) <= 6 and not (len(rest) == 1 and len(rest[0]) < 4):
                for number in numbers:
                    owners[rest].setdefault(number, SHORT)

    def _weigh(self, owners: Iterable[tuple[str, ...]], names: int) -> None:
        """A word weighs the more the fewer names have it (inverse document frequency)."""
        words = {w for form in owners for w in form} | set(self._counts)
        self._weight = {w: math.log((names + 1) / (self._counts[w] + 0.5)) for w in words}
        self._unknown = math.log(max(names, 2))
        self._hash |= {w: _hash(w) for w in words}
        self._longest_chinese = max((len(w) for w in words if is_chinese(w)), default=0)

    def _arrange(
        self, owners: dict[tuple[str, ...], dict[int, int]], in_order: dict[tuple[str, ...], set[int]]
    ) -> None:
        self._keys: list[Key] = []
        self._by_words: dict[int, int] = {}
        self._rare: dict[str, list[int]] = defaultdict(list)
        for form, found in owners.items():
            key = Key(
                sum(self._weight[w] for w in form),
                len(form),
                all(w in GENERIC or w in self.place_words for w in form),
                all(w in GENERIC for w in form),
                tuple(found.items()),
                frozenset(form),
            )
            self._by_words[sum(self._hash[w] for w in form) & _BITS] = len(self._keys)
            if len(form) > 1:
                for word in key.words:
                    if word not in GENERIC and self._counts[word] <= RARE:
                        self._rare[word].append(len(self._keys))
            self._keys.append(key)
        self._ordered: dict[int, set[int]] = defaultdict(set)
        for form, numbers in in_order.items():
            self._ordered[self._in_order(form)] |= numbers

    def _in_order(self, words: Iterable[str]) -> int:
        """A hash that depends on the order of the words."""
        total = 0
        for word in words:
            total = (total * _STEP + self._hash[word]) & _BITS
        return total

    # -- a text -----------------------------------------------------------------------------------------------------

    def read(self, text: str) -> Reading:
        """Take a text apart and find its candidates, at most MOST_CANDIDATES."""
        words = self._words(text)
        segments, weights, segment_weights = [], [], [0.0]
        for word in words:
            segments.append(len(segment_weights) - 1)
            weight = 0.0 if word is None else self._weight.get(word, self._unknown)
            weights.append(weight)
            if word is None:
                segment_weights.append(0.0)
            else:
                segment_weights[-1] += weight
        countries: set[str] = set()
        cities: set[tuple[str, ...]] = set()
        found: dict[int, Candidate] = {}
        covered = self._find_names(words, countries, cities, found)
        if words:
            self._find_acronyms(text, len(words), found)
            self._find_rough(words, covered, found)
            self._find_parents(found)
        if len(found) > MOST_CANDIDATES:
            found = self._best(found, cities)
        return Reading(words, segments, weights, segment_weights, countries, cities, found)

    def _words(self, text: str) -> list[str | None]:
        """The text's canonical words, glued and misspelt ones repaired."""
        words: list[str | None] = []
        for word in tokens(text):
            if word is None or word in self._hash:
                words.append(word)
            else:
                words.extend(self._repaired(word))
        i = 0
        while i < len(words) - 1:
            first, second = words[i], words[i + 1]
            if (
                first
                and second
                and len(first) + len(second) > 5
                and first + second in self._counts
                and (first, second) not in self._neighbours
            ):
                words[i : i + 2] = [first + second]
            i += 1
        return words

    def _repair(self, word: str) -> tuple[str, ...]:
        """An unknown word as two known ones that were run together, or as the known word one letter away; an unknown
        run of Chinese characters as the names in it and what stands between them."""
        if is_chinese(word):
            return self._chinese(word)
        if len(word) < 6 or not word.isalpha():
            return (word,)
        counts = self._counts
        best: tuple[float, tuple[str, ...]] = (4.0, (word,))
        for place in range(2, len(word) - 1):
            parts = [w for w in (word[:place], word[place:]) if w not in STOP]
            known = [canonical(w) for w in parts]
            if parts and all(len(p) > 3 and counts[k] >= 5 for p, k in zip(parts, known, strict=True)):
                best = max(best, (sum(math.log(counts[k] + 1) for k in known), tuple(known)))
        if best[1] != (word,) or len(word) < 7:
            return best[1]
        near = Counter({w: counts[w] for w in _one_letter_away(word) if counts[w] >= 2})
        return (max(near, key=lambda w: (near[w], w)),) if near else (word,)

    def _chinese(self, run: str) -> tuple[str, ...]:
        """The longest names from left to right, and the rest: 西安交通大学管理学院 is 西安交通大学 and 管理学院."""
        parts, start, i = [], 0, 0
        while i < len(run):
            longest = min(len(run), i + self._longest_chinese)
            end = next((e for e in range(longest, i + 3, -1) if run[i:e] in self._hash), None)
            if end is None:
                i += 1
                continue
            parts += [run[start:i], run[i:end]]
            start = i = end
        return tuple(p for p in (*parts, run[start:]) if p)

    def _find_names(
        self,
        words: list[str | None],
        countries: set[str],
        cities: set[tuple[str, ...]],
        found: dict[int, Candidate],
    ) -> list[bool]:
        """Runs of words that are names or places; returns which words a full name in its own order covers."""
        covered = [False] * len(words)
        hashes = [0 if w is None else self._hash.get(w) for w in words]
        by_words, places, ordered = self._by_words, self._places, self._ordered
        for start, first in enumerate(words):
            if first is None:
                continue
            unordered = order = size = 0
            crosses = False
            for end in range(start, len(words)):
                word = hashes[end]
                if word is None:
                    break
                if words[end] is None:
                    crosses = True
                    continue
                size += 1
                if size > LONGEST_NAME:
                    break
                unordered = (unordered + word) & _BITS
                order = (order * _STEP + word) & _BITS
                number = by_words.get(unordered)
                if number is not None:
                    key = self._keys[number]
                    same_order = ordered.get(order, ())
                    for owner, rank in key.owners:
                        in_order = owner in same_order
                        merit = key.weight - (0 if in_order else 3) - rank * 0.5
                        if owner not in found or merit > found[owner].merit:
                            found[owner] = Candidate(merit, start, end + 1, key, rank, in_order)
                    if same_order and not key.generic and key.size > 1:
                        covered[start : end + 1] = [True] * (end + 1 - start)
                if size <= 4 and not crosses and order in places:
                    country, city = places[order]
                    if country:
                        countries.add(country)
                    if city:
                        cities.add(city)
        return covered

    def _find_acronyms(self, text: str, size: int, found: dict[int, Candidate]) -> None:
        for match in _ACRONYM.finditer(text):
            owners = self._acronyms.get(match[0])
            if not owners:
                continue
            start = min(len(tokens(text[: match.start()])), size - 1)
            key = Key(len(match[0]) * 2.0, 1, False, False, tuple((o, ACRONYM) for o in owners), frozenset())
            for owner in owners:
                if owner not in found:
                    found[owner] = Candidate(len(match[0]), start, start + 1, key, ACRONYM, True, CAPITALS)

    def _find_rough(self, words: list[str | None], covered: list[bool], found: dict[int, Candidate]) -> None:
        """Names of which the text holds the weightiest words, by its rarest uncovered ones."""
        open_words = {w for w, is_covered in zip(words, covered, strict=True) if w and not is_covered}
        rare = sorted((w for w in open_words if w in self._rare), key=lambda w: (-self._weight[w], w))[:4]
        shares: dict[int, float] = defaultdict(float)
        for word in rare:
            weight = self._weight[word]
            for number in self._rare[word]:
                shares[number] += weight
        keys = self._keys
        likely = [n for n, share in shares.items() if share >= 0.33 * keys[n].weight]
        if len(likely) > 30:
            likely = heapq.nlargest(30, likely, key=lambda n: shares[n] / keys[n].weight + shares[n] * 0.02)
        present = {w for w in words if w}
        best = []
        for number in likely:
            key = keys[number]
            common = sum(self._weight[w] for w in key.words if w in present)
            coverage = common / key.weight
            if coverage >= ROUGH:
                best.append((coverage * common, coverage, common, number))
        for merit, coverage, common, number in heapq.nlargest(6, best):
            key = keys[number]
            at = [i for i, w in enumerate(words) if w in key.words]
            for owner, rank in key.owners:
                candidate = found.get(owner)
                if candidate is None:
                    seen = key.words & present
                    candidate = found[owner] = Candidate(merit * 0.5, at[0], at[-1] + 1, key, rank, False, SHARED_WORDS)
                    candidate.weight, candidate.words = common, len(seen)
                    candidate.generic = all(w in GENERIC or w in self.place_words for w in seen)
                    candidate.bare = all(w in GENERIC for w in seen)
                    candidate.coverage, candidate.missing = coverage, key.weight - common
                candidate.rough = max(candidate.rough, coverage)

    def _find_parents(self, found: dict[int, Candidate]) -> None:
        for owner, child in list(found.items()):
            if child.way == CAPITALS:
                continue
            for parent in self.parents.get(owner, ()):
                if parent not in found:
                    kin = found[parent] = Candidate.__new__(Candidate)
                    for name in Candidate.__slots__:
                        setattr(kin, name, getattr(child, name))
                    kin.merit, kin.rank, kin.way = child.merit * 0.3, PARENT, KIN

    def _best(self, found: dict[int, Candidate], cities: set[tuple[str, ...]]) -> dict[int, Candidate]:
        def merit(number: int) -> float:
            c = found[number]
            return (
                c.merit * (0.3 if c.generic else 1)
                + 2 * math.log1p(self.prior.get(number, 0))
                + 3 * (not self.cities_of[number].isdisjoint(cities))
                + 3 * c.in_order
                - 2 * math.log(c.shared)
            )

        return {n: found[n] for n in heapq.nlargest(MOST_CANDIDATES, sorted(found), key=merit)}

    # -- features ---------------------------------------------------------------------------------------------------

    def features(self, reading: Reading, without: frozenset[int] = frozenset()) -> list[list[Any]]:
        """One row of FEATURES per candidate, in their order. `without`: institutions whose prior is one less, so that a
        text used for training does not count itself."""
        words, segments, weights, segment_weights, countries, cities, candidates = reading
        size, total = len(words), sum(segment_weights) or 1.0
        prior = {n: math.log1p(max(0, self.prior.get(n, 0) - (n in without))) for n in candidates}
        strong = _outermost(
            {(c.start, c.end) for c in candidates.values() if c.way == NAME and c.rank < SHORT and not c.generic}
        )
        rows = []
        for number, c in candidates.items():
            start, end = c.start, c.end
            left, left_weight = _run(words, weights, range(start - 1, -1, -1))
            right, right_weight = _run(words, weights, range(end, size))
            first, last = segments[start], segments[end - 1]
            country = not self.countries_of[number].isdisjoint(countries)
            city = not self.cities_of[number].isdisjoint(cities)
            inside = holds = child_of = parent_of = same = heavier = 0
            kin_weight = heaviest = overlap = rival_prior = 0.0
            related = self.relations.get(number, {})
            for other, d in candidates.items():
                if other == number:
                    continue
                heavier += d.weight > c.weight
                heaviest = max(heaviest, d.weight)
                if d.start < end and d.end > start:
                    overlap = max(overlap, d.weight)
                if d.start <= start and d.end >= end:
                    if d.start == start and d.end == end:
                        same += 1
                        rival_prior = max(rival_prior, prior[other])
                    elif d.way == NAME:
                        inside = 1
                elif d.start >= start and d.end <= end:
                    holds = 1
                relation = related.get(other)
                if relation in ("parent", "child"):
                    kin_weight = max(kin_weight, d.weight)
                    if relation == "parent":
                        child_of = max(child_of, 1 + (d.way == NAME))
                    else:
                        parent_of = max(parent_of, 1 + (d.way == NAME))
            own = sum(weights[start:end]) or 1.0
            in_place = sum(weights[i] for i in range(start, end) if words[i] in self.place_words)
            rows.append(
                [
                    c.weight, c.words, c.in_order, c.rank, c.shared, c.way, c.generic, c.bare, c.coverage, c.missing,
                    c.rough, c.weight / (sum(segment_weights[first : last + 1]) or 1.0), c.weight / total,
                    (first + 1) / len(segment_weights), len(segment_weights), left, right, left_weight, right_weight,
                    country, bool(countries) and not country, city,
                    not self.regions_of[number].isdisjoint(cities), bool(cities) and not city, inside, holds, child_of,
                    parent_of, kin_weight, *self._facts[number], same, end / size, size,
                    start == 0 or words[start - 1] is None, end == size or words[end] is None, first != last,
                    in_place / own, heavier, heaviest, len(strong), overlap, sum(s < start for s, _ in strong),
                    size - end, prior[number], prior[number] - rival_prior,
                ]
            )  # fmt: skip
        return rows


def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big") & _BITS


def _one_letter_away(word: str) -> Iterable[str]:
    """Words made by dropping, swapping, adding or changing one letter."""
    for place in range(len(word) + 1):
        head, tail = word[:place], word[place:]
        if tail:
            yield canonical(head + tail[1:])
        if len(tail) > 1:
            yield canonical(head + tail[1] + tail[0] + tail[2:])
        for letter in "abcdefghijklmnopqrstuvwxyz":
            yield canonical(head + letter + tail)
            if tail:
                yield canonical(head + letter + tail[1:])


def _outermost(spans: set[tuple[int, int]]) -> list[tuple[int, int]]:
    return [s for s in spans if not any(o != s and o[0] <= s[0] and o[1] >= s[1] for o in spans)]


def _run(words: list[str | None], weights: list[float], places: Iterable[int]) -> tuple[int, float]:
    """How many words follow up to the next boundary, and what they weigh."""
    count, weight = 0, 0.0
    for i in places:
        if words[i] is None:
            break
        count += 1
        weight += weights[i]
    return count, weight
