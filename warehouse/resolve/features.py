"""What speaks for and against each candidate, in numbers that the trees weigh."""

from __future__ import annotations

import numpy as np

from warehouse.resolve.candidates import NAME, Reading, Table, in_places
from warehouse.resolve.lexicon import PLAIN, Lexicon
from warehouse.resolve.registry import SHORT

# In the order of the columns of `features`.
FEATURES = tuple(
    name
    for line in (
        "weight words in_order rank shared way generic bare coverage missing rough",
        "segment_share text_share segment_place segments left right left_weight right_weight",
        "country_named country_other city_named region_named city_other home_named home_other",
        "education healthcare company facility government nonprofit active relations names identifiers parents",
        "children text_words at_start at_end crosses place_share before after says_here says_text strong_names",
        "strong_before meant seen rate",
        "inside_longer holds_shorter same_words child_of parent_of kin_weight heavier heaviest_other",
        "heaviest_overlap meant_lead rate_lead kin_rate country_lead city_lead region_lead home_lead",
        "place_lead candidates",
    )
    for name in line.split()
)
RIVALRY = (
    "own", "best_overlap", "best_apart", "total", "better", "best_same", "overlap", "best_parent", "best_child",
    "best_kin_apart",
)  # fmt: skip


def features(names: Lexicon, reading: Reading, experience: np.ndarray | None = None) -> np.ndarray:
    """One row of FEATURES per candidate. `experience`: per candidate how many training texts meant it and how many have
    its name, where it is not that of the lexicon: for training texts, which must not count themselves."""
    c = reading.candidates
    meant, seen = (names.experience[c["number"]] if experience is None else experience).T
    rate = (meant + 1) / (np.maximum(meant, seen) + 2)
    prior = np.column_stack([np.log1p(meant), np.log1p(seen), rate])
    places = in_places(names, reading, c)
    return np.hstack([_alone(names, reading, places), prior, _among(names, c, prior, places)])


def _alone(names: Lexicon, reading: Reading, places: np.ndarray) -> np.ndarray:
    """Features of a candidate in its text."""
    c, words = reading.candidates, reading.words
    country, city, region, home = places.T
    text, start, end = c["text"], c["start"], c["end"]
    base = names.place_base
    some_country = np.bincount(reading.countries // base, minlength=reading.texts)[text] > 0
    some_city = np.bincount(reading.cities // base, minlength=reading.texts)[text] > 0
    weight = np.concatenate([[0.0], np.cumsum(names.weights[words])])
    place_weight = np.concatenate([[0.0], np.cumsum(names.weights[words] * names.is_place[words])])
    text_start = np.searchsorted(reading.text, np.arange(reading.texts + 1))
    segments = reading.segment
    first, last = segments[start], segments[end - 1]
    segment_start, segment_end = np.searchsorted(segments, first), np.searchsorted(segments, last, side="right")
    text_first, text_last = segments[text_start[text]], segments[text_start[text + 1] - 1]
    size = text_start[text + 1] - text_start[text]
    says = names.says[words]
    before = np.where(start > segment_start, says[np.maximum(start - 1, 0)], -1)
    after = np.where(end < segment_end, says[np.minimum(end, len(words) - 1)], -1)
    says_here, says_text = _most_said(says, start, end), _most_said(says, text_start[text], text_start[text + 1])
    strong, strong_before = _strong(reading, c)
    own = np.maximum(weight[end] - weight[start], 1e-9)
    columns = [
        c["weight"], c["words"], c["in_order"], c["rank"], c["shared"], c["way"], c["generic"], c["bare"],
        c["coverage"], c["missing"], c["rough"],
        c["weight"] / np.maximum(weight[segment_end] - weight[segment_start], 1e-9),
        c["weight"] / np.maximum(weight[text_start[text + 1]] - weight[text_start[text]], 1e-9),
        first - text_first, text_last - text_first, start - segment_start, segment_end - end,
        weight[start] - weight[segment_start], weight[segment_end] - weight[end],
        country, some_country & ~country, city, region, some_city & ~city, home,
        some_city & ~home & ~country,
        *names.facts[c["number"]].T, size, start == segment_start, end == segment_end, first != last,
        (place_weight[end] - place_weight[start]) / own, before, after, says_here, says_text, strong, strong_before,
    ]  # fmt: skip
    return np.column_stack(columns).astype(float)


def _most_said(says: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The strongest word for a kind of institution from each start to each end."""
    most = np.full(len(start), float(PLAIN))
    if not len(start):
        return most
    for kind in np.unique(says):
        seen = np.concatenate([[0], np.cumsum(says == kind)])
        most[seen[end] > seen[start]] = kind
    return most


def _strong(reading: Reading, c: Table) -> tuple[np.ndarray, np.ndarray]:
    """How many separate full names the text has, and how many of them begin before the candidate."""
    full = np.flatnonzero((c["way"] == NAME) & (c["rank"] < SHORT) & ~c["generic"])
    order = full[np.lexsort((-c["end"][full], c["start"][full]))]
    start, end = c["start"][order], c["end"][order]
    reach = np.maximum.accumulate(np.concatenate([[0], end]))[:-1]
    outer = end > reach  # not inside an earlier one; texts follow each other, so ends grow from text to text
    begins = np.zeros(len(reading.words) + 1, dtype=np.int64)
    begins[start[outer]] = 1
    so_far = np.concatenate([[0], np.cumsum(begins)])
    text_start = np.searchsorted(reading.text, np.arange(reading.texts + 1))
    low, high = text_start[c["text"]], text_start[c["text"] + 1]
    return so_far[high] - so_far[low], so_far[c["start"]] - so_far[low]


class _Rivals:
    """Candidates side by side with the others of their text, as arrays text × candidate × other."""

    def __init__(self, c: Table):
        self.row = np.zeros(len(c["text"]), dtype=np.int64)
        if len(self.row):
            new = np.concatenate([[True], c["text"][1:] != c["text"][:-1]])
            self.row = np.cumsum(new) - 1
            first = np.flatnonzero(new)
            self.place = np.arange(len(self.row)) - first[self.row]
        else:
            self.place = self.row
        self.shape = (int(self.row[-1]) + 1 if len(self.row) else 0, int(self.place.max(initial=-1)) + 1)
        there = self.spread(np.ones(len(self.row), dtype=bool))
        start, end = self.spread(c["start"]), self.spread(c["end"])
        a, b = (start[:, :, None], end[:, :, None]), (start[:, None, :], end[:, None, :])
        self.other = there[:, :, None] & there[:, None, :] & ~np.eye(self.shape[1], dtype=bool)
        self.overlap = self.other & (b[0] < a[1]) & (b[1] > a[0])
        self.same = self.other & (b[0] == a[0]) & (b[1] == a[1])
        self.longer = self.other & (b[0] <= a[0]) & (b[1] >= a[1]) & ~self.same
        self.shorter = self.other & (b[0] >= a[0]) & (b[1] <= a[1]) & ~self.same

    def spread(self, column: np.ndarray) -> np.ndarray:
        """A column of the candidates as text × candidate, zero where there is none."""
        table = np.zeros(self.shape, dtype=column.dtype)
        table[self.row, self.place] = column
        return table

    def best(self, which: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Per candidate the highest value of the others in `which`, or 0."""
        values = self.spread(column)[:, None, :]
        return self.gather(np.where(which, values, 0).max(axis=2, initial=0))

    def sum(self, which: np.ndarray, column: np.ndarray) -> np.ndarray:
        return self.gather(np.where(which, self.spread(column)[:, None, :], 0).sum(axis=2))

    def count(self, which: np.ndarray) -> np.ndarray:
        return self.gather(which.sum(axis=2))

    def gather(self, table: np.ndarray) -> np.ndarray:
        return table[self.row, self.place]

    def parents(self, names: Lexicon, number: np.ndarray) -> np.ndarray:
        """Whether the other is the candidate's parent."""
        wide = self.spread(number)
        size = len(names.institutions)
        codes = wide[:, :, None] * size + wide[:, None, :]
        is_parent = np.zeros(codes.shape, dtype=bool)
        some = np.nonzero(self.other & (self.spread(names.facts[number, -2]) > 0)[:, :, None])
        found = codes[some]
        at = np.searchsorted(names.parent_codes, found)
        at[at == len(names.parent_codes)] = 0
        if len(names.parent_codes):
            is_parent[some] = names.parent_codes[at] == found
        return is_parent


def _among(names: Lexicon, c: Table, prior: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Features of a candidate beside the others of its text."""
    rivals = _Rivals(c)
    parents = rivals.parents(names, c["number"])
    children = parents.transpose(0, 2, 1)
    by_name = rivals.spread(c["way"] == NAME)[:, None, :]
    weight = c["weight"].astype(float)
    where = places @ np.array([2.0, 2.0, 1.0, 2.0])
    wide = rivals.spread(weight)
    columns = [
        rivals.count(rivals.longer & by_name) > 0,
        rivals.count(rivals.shorter) > 0,
        rivals.count(rivals.same),
        np.maximum(rivals.count(parents) > 0, 2 * (rivals.count(parents & by_name) > 0)),
        np.maximum(rivals.count(children) > 0, 2 * (rivals.count(children & by_name) > 0)),
        rivals.best(parents | children, weight),
        rivals.count(rivals.other & (wide[:, None, :] > wide[:, :, None])),
        rivals.best(rivals.other, weight),
        rivals.best(rivals.overlap, weight),
        prior[:, 0] - rivals.best(rivals.same, prior[:, 0]),
        prior[:, 2] - rivals.best(rivals.overlap, prior[:, 2]),
        rivals.best(parents | children, prior[:, 2]),
        *(place - rivals.best(rivals.same, place) for place in (*places.T.astype(float), where)),
        rivals.count(rivals.other),
    ]
    return np.column_stack(columns).astype(float)


def rivalry(names: Lexicon, c: Table, probability: np.ndarray) -> np.ndarray:
    """What the second trees know more: RIVALRY per candidate, from what the first trees think of the others."""
    rivals = _Rivals(c)
    parents = rivals.parents(names, c["number"])
    children = parents.transpose(0, 2, 1)
    wide = rivals.spread(probability)
    apart = rivals.other & ~rivals.overlap
    columns = [
        probability,
        rivals.best(rivals.overlap, probability),
        rivals.best(apart, probability),
        rivals.sum(rivals.other, probability),
        rivals.count(rivals.other & (wide[:, None, :] > wide[:, :, None])),
        rivals.best(rivals.same, probability),
        rivals.sum(rivals.overlap, probability),
        rivals.best(parents, probability),
        rivals.best(children, probability),
        rivals.best(apart & (parents | children), probability),
    ]
    return np.column_stack(columns).astype(float)
