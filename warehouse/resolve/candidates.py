"""Which institutions the texts of a batch may mean.

Four ways lead to a candidate: a run of words is one of its names, in this order or another; capitals are its acronym;
it shares rare words with a name; it is the parent of another candidate. Everything is done for the whole batch at once:
words, runs and candidates are rows of arrays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.resolve.arrays import among, first_of_each
from warehouse.resolve.lexicon import STEP, Lexicon, order_code
from warehouse.resolve.registry import ACRONYM, PARENT, VARIANT
from warehouse.resolve.spelling import BOUNDARY

LONGEST_NAME = 12  # words
LONGEST_PLACE = 4
MOST_CANDIDATES = 8
MOST_RARE = 4  # words of a text whose names are looked at
MOST_ROUGH = 6  # names found by rare words
DISORDER = 6.0  # weight that a name loses whose words stand in another order
ROUGH = 0.6  # share of a name's weight that a rough candidate must show
NAME, CAPITALS, SHARED_WORDS, KIN = range(4)  # the four ways
_ACRONYM = re.compile(r"[A-Z][A-Za-z0-9&]*[A-Z][A-Za-z0-9]*")

Table = dict[str, np.ndarray]  # columns of equal length


@dataclass(frozen=True)
class Reading:
    """A batch of texts taken apart.

    `words`, `text`, `segment`: per word its number, the text it stands in and its segment (between two boundaries),
    counted through the batch. `countries`, `cities`: sorted codes text × base + number, base being the number of
    places. `candidates`: a table sorted by text; `start` and `end` are places in `words`.
    """

    texts: int
    words: np.ndarray
    text: np.ndarray
    segment: np.ndarray
    countries: np.ndarray
    cities: np.ndarray
    candidates: Table


def read(names: Lexicon, texts: Sequence[str]) -> Reading:
    """Take texts apart and find their candidates, at most MOST_CANDIDATES each."""
    words, text, segment, moved = _words(names, texts)
    spans, ordered = _runs(names, words, text)
    named = _named(names, spans, ordered)
    countries, cities = _places(names, words, text, segment)
    found = _best_of_each(names, named)
    found = _add(names, found, _capitals(names, texts, text, moved))
    found = _add(names, found, _rough(names, words, text, _covered(names, named, len(words))), keep_rough=True)
    found = _add(names, found, _parents(names, found))
    reading = Reading(len(texts), words, text, segment, countries, cities, found)
    return Reading(len(texts), words, text, segment, countries, cities, _likeliest(names, reading))


def take(table: Table, rows: np.ndarray) -> Table:
    return {name: column[rows] for name, column in table.items()}


def holds(codes: np.ndarray, text: np.ndarray, number: np.ndarray, base: int) -> np.ndarray:
    return among(text * base + number, codes)


def in_places(names: Lexicon, reading: Reading, candidates: Table) -> np.ndarray:
    """Whether the text names the country, the city, the region of each candidate, and whether it names a place that is
    in no other country."""
    base = names.place_base
    text, place = np.divmod(reading.cities, base)
    home = names.home_of_place[place]
    homes = np.unique((text * base + home)[home >= 0])
    found = []
    for places, codes in (
        (names.countries, reading.countries),
        (names.cities, reading.cities),
        (names.regions, reading.cities),
        (names.countries, homes),
    ):
        whose, place = places.of(candidates["number"])
        is_named = np.zeros(len(candidates["number"]), dtype=bool)
        is_named[whose[holds(codes, candidates["text"][whose], place, base)]] = True
        found.append(is_named)
    return np.column_stack(found)


def _words(names: Lexicon, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Words of the batch, their texts and segments, and per text where its first to last pieces went."""
    read = [names.spelling.read(t) for t in texts]
    sizes = [len(r) for r in read]
    flat = np.fromiter((w for r in read for w in r), dtype=np.int64, count=sum(sizes))
    text = np.repeat(np.arange(len(texts)), sizes)
    unknown = len(names.words)
    known = np.where(flat < 0, unknown, flat)
    # two words that are one: the first takes its number, the second goes
    pairs = known[:-1] * (unknown + 1) + known[1:]
    at, which = names.joined.find(pairs.astype(np.uint64))
    fits = (text[at] == text[at + 1]) & (flat[at] >= 0) & (flat[at + 1] >= 0)
    fits[1:] &= ~((at[1:] == at[:-1] + 1) & fits[:-1])
    at, which = at[fits], which[fits]
    known[at] = names.joined_words[which]
    is_boundary = flat == BOUNDARY
    keep = ~is_boundary
    keep[at + 1] = False
    segment = np.cumsum(is_boundary | np.concatenate([[True], text[1:] != text[:-1]])[: len(text)])
    places = np.cumsum(keep) - 1  # of a piece: its word, or the word before it
    moved = np.split(places, np.cumsum(sizes)[:-1])
    return known[keep], text[keep], segment[keep], moved


def _runs(names: Lexicon, words: np.ndarray, text: np.ndarray) -> tuple[Table, np.ndarray]:
    """Runs of words that are names, in any order: start, end, key; and the hash of the words in this order."""
    hashes = names.hashes[words]
    total, ordered = hashes.copy(), hashes.copy()
    starts, ends, keys, orders = [], [], [], []
    for size in range(1, LONGEST_NAME + 1):
        if size > 1:
            total = total[:-1] + hashes[size - 1 :]
            ordered = ordered[:-1] * STEP + hashes[size - 1 :]
        if not len(total):
            break
        at, which = names.keys.find(total)
        within = text[at] == text[at + size - 1]
        at, which = at[within], which[within]
        starts.append(at)
        ends.append(at + size)
        keys.append(which)
        orders.append(ordered[at])
    empty = [np.zeros(0, dtype=np.int64)]
    start = np.concatenate(starts or empty)
    table = {"start": start, "end": np.concatenate(ends or empty), "key": np.concatenate(keys or empty)}
    table["text"] = text[start]
    return table, np.concatenate(orders or [np.zeros(0, dtype=np.uint64)])


def _named(names: Lexicon, spans: Table, ordered: np.ndarray) -> Table:
    """The owners of the names found, one row per run and owner."""
    run, owner = names.owners.of(spans["key"])
    _, rank = names.owner_ranks.of(spans["key"])
    in_order = np.zeros(len(run), dtype=bool)
    in_order[names.in_order.find(order_code(ordered[run], owner))[0]] = True
    key = spans["key"][run]
    shared = names.owners.sizes[key]
    weight = names.key_weight[key]
    zero = np.zeros(len(run))
    return {
        "text": spans["text"][run], "number": owner, "start": spans["start"][run], "end": spans["end"][run],
        "merit": weight - np.where(in_order, 0, DISORDER) - rank * 0.5, "weight": weight, "words": names.key_size[key],
        "rank": rank, "in_order": in_order, "way": np.full(len(run), NAME), "shared": shared,
        "generic": names.key_is_generic[key], "bare": names.key_is_bare[key], "coverage": zero + 1, "missing": zero,
        "rough": zero,
    }  # fmt: skip


def _covered(names: Lexicon, named: Table, size: int) -> np.ndarray:
    """Which words stand in a name of several words in its own order."""
    full = named["in_order"] & ~named["generic"] & (named["words"] > 1)
    steps = np.zeros(size + 1, dtype=np.int64)
    np.add.at(steps, named["start"][full], 1)
    np.add.at(steps, named["end"][full], -1)
    return np.cumsum(steps[:-1]) > 0


def _places(names: Lexicon, words: np.ndarray, text: np.ndarray, segment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Countries and cities that the texts name."""
    hashes = names.hashes[words]
    ordered = hashes.copy()
    base = names.place_base
    countries, cities = [], []
    for size in range(1, LONGEST_PLACE + 1):
        if size > 1:
            ordered = ordered[:-1] * STEP + hashes[size - 1 :]
        if not len(ordered):
            break
        at, which = names.places.find(ordered)
        within = segment[at] == segment[at + size - 1]
        at, which = at[within], which[within]
        country, is_city = names.place_country[which], names.place_is_city[which]
        countries.append((text[at] * base + country)[country >= 0])
        cities.append((text[at] * base + names.place_number[which])[is_city])
    empty = [np.zeros(0, dtype=np.int64)]
    return np.unique(np.concatenate(countries or empty)), np.unique(np.concatenate(cities or empty))


def _best_of_each(names: Lexicon, found: Table) -> Table:
    """Each institution by its best evidence in a text: a name as it is written comes before any other."""
    code = found["text"] * len(names.institutions) + found["number"]
    is_written = found["in_order"] & (found["rank"] <= VARIANT)
    order = np.lexsort((found["end"], found["start"], -found["merit"], ~is_written, code))
    return take(found, order[first_of_each(code[order])])


def _add(names: Lexicon, found: Table, more: Table, keep_rough: bool = False) -> Table:
    """`more` where it is new; of others only how well their rare words fit a name."""
    if not len(more["text"]):
        return found
    more = _best_of_each(names, more)
    size = len(names.institutions)
    old, new = found["text"] * size + found["number"], more["text"] * size + more["number"]
    at = np.searchsorted(old, new)
    known = np.zeros(len(new), dtype=bool)
    inside = at < len(old)
    known[inside] = old[at[inside]] == new[inside]
    if keep_rough:
        found["rough"][at[known]] = np.maximum(found["rough"][at[known]], more["rough"][known])
    both = {name: np.concatenate([found[name], more[name][~known]]) for name in found}
    return take(both, np.argsort(np.concatenate([old, new[~known]]), kind="stable"))


def _capitals(names: Lexicon, texts: Sequence[str], text: np.ndarray, moved: list[np.ndarray]) -> Table:
    """Owners of the acronyms in the texts."""
    rows = []
    for number, written in enumerate(texts):
        for match in _ACRONYM.finditer(written):
            owners = names.acronyms.get(match[0])
            if owners and len(moved[number]):
                piece = min(len(names.spelling.read(written[: match.start()])), len(moved[number]) - 1)
                start = moved[number][piece]
                if start >= 0 and text[start] == number:
                    rows += [(number, o, start, len(match[0]), len(owners)) for o in owners]
    some = np.array(rows, dtype=np.int64).reshape(-1, 5)
    zero = np.zeros(len(some))
    return {
        "text": some[:, 0], "number": some[:, 1], "start": some[:, 2], "end": some[:, 2] + 1,
        "merit": some[:, 3] * 1.0, "weight": some[:, 3] * 2.0, "words": np.ones(len(some), dtype=np.int64),
        "rank": np.full(len(some), ACRONYM), "in_order": zero == 0, "way": np.full(len(some), CAPITALS),
        "shared": some[:, 4], "generic": zero > 0, "bare": zero > 0, "coverage": zero + 1, "missing": zero,
        "rough": zero,
    }  # fmt: skip


def _rough(names: Lexicon, words: np.ndarray, text: np.ndarray, covered: np.ndarray) -> Table:
    """Lexicon of which the texts hold the weightiest words, found by their rarest uncovered ones."""
    weight = names.weights[words]
    open_words = np.flatnonzero(names.is_rare[words] & ~covered)
    open_words = open_words[np.lexsort((words[open_words], -weight[open_words], text[open_words]))]
    code = text[open_words] * len(names.weights) + words[open_words]
    open_words = open_words[first_of_each(code)]
    open_words = open_words[_rank(text[open_words]) < MOST_RARE]
    whose, key = names.keys_of_word.of(words[open_words])
    code = text[open_words][whose] * len(names.key_weight) + key
    order = np.argsort(code, kind="stable")
    first = np.flatnonzero(first_of_each(code[order]))
    code = code[order][first]
    share = np.add.reduceat(weight[open_words][whose][order], first) if len(first) else np.zeros(0)
    whose, key = np.divmod(code, len(names.key_weight))
    likely = share >= 0.33 * names.key_weight[key]
    whose, key, share = whose[likely], key[likely], share[likely]
    order = np.lexsort((key, -share / names.key_weight[key] - share * 0.02, whose))
    order = order[_rank(whose[order]) < 4 * MOST_ROUGH]
    whose, key = whose[order], key[order]
    return _fitting(names, words, text, whose, key)


def _fitting(names: Lexicon, words: np.ndarray, text: np.ndarray, whose: np.ndarray, key: np.ndarray) -> Table:
    """Candidates of the names `key` that fit the texts `whose` well enough."""
    code = text * len(names.weights) + words
    order = np.argsort(code, kind="stable")
    is_first = first_of_each(code[order])
    present, first_place = code[order][is_first], order[is_first]
    last_place = order[np.append(np.flatnonzero(is_first)[1:], len(order)) - 1] if len(order) else order
    pair, word = names.key_words.of(key)
    wanted = whose[pair] * len(names.weights) + word
    at = np.searchsorted(present, wanted)
    at[at == len(present)] = 0
    is_there = present[at] == wanted if len(present) else np.zeros(len(wanted), dtype=bool)
    pair, word, at = pair[is_there], word[is_there], at[is_there]
    common = np.bincount(pair, names.weights[word], len(key))
    size = np.bincount(pair, minlength=len(key))
    start, end = np.full(len(key), len(words)), np.zeros(len(key), dtype=np.int64)
    np.minimum.at(start, pair, first_place[at])
    np.maximum.at(end, pair, last_place[at] + 1)
    plain = ~names.is_generic[word]
    is_bare = np.bincount(pair, plain, len(key)) == 0
    is_generic = np.bincount(pair, plain & ~names.is_place[word], len(key)) == 0
    coverage = common / names.key_weight[key]
    order = np.lexsort((-key, -coverage * common, whose))
    order = order[coverage[order] >= ROUGH]
    order = order[_rank(whose[order]) < MOST_ROUGH]
    row, owner = names.owners.of(key[order])
    _, rank = names.owner_ranks.of(key[order])
    row = order[row]
    return {
        "text": whose[row], "number": owner, "start": start[row], "end": end[row],
        "merit": (coverage * common)[row] * 0.5, "weight": common[row], "words": size[row], "rank": rank,
        "in_order": np.zeros(len(row), dtype=bool), "way": np.full(len(row), SHARED_WORDS),
        "shared": names.owners.sizes[key[row]], "generic": is_generic[row],
        "bare": is_bare[row], "coverage": coverage[row], "missing": (names.key_weight[key] - common)[row],
        "rough": coverage[row],
    }  # fmt: skip


def _parents(names: Lexicon, found: Table) -> Table:
    children = np.flatnonzero(found["way"] != CAPITALS)
    whose, parent = names.parents.of(found["number"][children])
    kin = take(found, children[whose])
    kin["number"], kin["merit"] = parent, kin["merit"] * 0.3
    kin["rank"], kin["way"] = np.full(len(parent), PARENT), np.full(len(parent), KIN)
    return kin


def _likeliest(names: Lexicon, reading: Reading) -> Table:
    found = reading.candidates
    city = in_places(names, reading, found)[:, 1]
    merit = (
        found["merit"] * np.where(found["bare"], 0.3, np.where(found["generic"], 0.6, 1))
        + 2 * np.log1p(names.experience[found["number"], 0])
        + 3 * city
        + 3 * found["in_order"]
        - 2 * np.log(found["shared"])
    )
    order = np.lexsort((found["number"], -merit, found["text"]))
    return take(found, np.sort(order[_rank(found["text"][order]) < MOST_CANDIDATES]))


def _rank(groups: np.ndarray) -> np.ndarray:
    """Place of each entry within its group; equal groups stand together."""
    first = first_of_each(groups)
    return np.arange(len(groups)) - np.maximum.accumulate(np.where(first, np.arange(len(groups)), 0))
