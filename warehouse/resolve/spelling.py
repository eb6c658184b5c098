"""From a text to the numbers of known words: glued ones parted, misspelt ones mended, Chinese runs cut into names."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain

from warehouse.resolve.words import BOUNDARIES, FORMS, STOP, canonical, is_chinese, pieces

BOUNDARY, UNKNOWN = -2, -1
_REMEMBERED = 1 << 20  # spellings; then the memory starts anew


class Spelling(dict[str, tuple[int, ...]]):
    """A piece of a text → the numbers of its words, found out once for each spelling.

    `numbers`: the known words. `counts`: how many names have a word; only words of names mend others. `neighbours`:
    words that follow each other in a name, so that Shengjing is read as the Sheng Jing of a name.
    """

    def __init__(self, numbers: Mapping[str, int], counts: Counter[str], neighbours: Iterable[tuple[str, str]] = ()):
        super().__init__()
        self.numbers, self.counts = numbers, counts
        self._glued = {a + b: (a, b) for a, b in neighbours if a + b not in numbers and not is_chinese(a)}
        self._longest_chinese = max((len(w) for w in numbers if is_chinese(w)), default=0)
        self._near: dict[str, list[str]] | None = None

    def read(self, text: str) -> list[int]:
        """Numbers of the text's words in order; BOUNDARY for a comma and the like, UNKNOWN for any other word."""
        return list(chain.from_iterable(map(self.__getitem__, pieces(text))))

    def __missing__(self, piece: str) -> tuple[int, ...]:
        if len(self) >= _REMEMBERED:
            self.clear()
        if piece in BOUNDARIES:
            found: tuple[int, ...] = (BOUNDARY,)
        elif piece in STOP:
            found = ()
        else:
            word = canonical(piece)
            words = (word,) if word in self.numbers else self._mend(word)
            found = tuple(self.numbers.get(w, UNKNOWN) for w in words)
        self[piece] = found
        return found

    def _mend(self, word: str) -> Iterable[str]:
        if is_chinese(word):
            return self._cut(word)
        if len(word) < 6 or not word.isalpha():
            return (word,)
        return self._glued.get(word) or self._part(word) or (len(word) > 6 and self._correct(word)) or (word,)

    def _cut(self, run: str) -> Iterable[str]:
        """The longest names from left to right, and the rest: 西安交通大学管理学院 is 西安交通大学 and 管理学院."""
        parts, start, i = [], 0, 0
        while i < len(run):
            longest = min(len(run), i + self._longest_chinese)
            end = next((e for e in range(longest, i + 3, -1) if run[i:e] in self.numbers), None)
            if end is None:
                i += 1
                continue
            parts += [run[start:i], run[i:end]]
            start = i = end
        return [p for p in (*parts, run[start:]) if p]

    def _part(self, word: str) -> tuple[str, ...]:
        """Two words of at least five names each that were run together."""
        best: tuple[float, tuple[str, ...]] = (4.0, ())
        for place in range(2, len(word) - 1):
            parts = [w for w in (word[:place], word[place:]) if w not in STOP]
            known = [canonical(w) for w in parts]
            if parts and all(len(p) > 3 and self.counts[k] >= 5 for p, k in zip(parts, known, strict=True)):
                best = max(best, (sum(math.log(self.counts[k] + 1) for k in known), tuple(known)))
        return best[1]

    def _correct(self, word: str) -> tuple[str, ...]:
        """The commonest word of names that is one letter away: one more, one less, another, or two swapped."""
        if self._near is None:
            self._near = defaultdict(list)
            for known in (*(w for w, n in self.counts.items() if n > 1 and len(w) > 5 and w.isalpha()), *FORMS):
                for form in _one_less(known):
                    self._near[form].append(known)
        near = {k for form in _one_less(word) for k in self._near.get(form, ()) if _is_one_letter_away(word, k)}
        counts = {c: self.counts[c] for c in map(canonical, near) if self.counts[c] > 1}
        return (max(counts, key=lambda w: (counts[w], w)),) if counts else ()


def _one_less(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def _is_one_letter_away(a: str, b: str) -> bool:
    if len(a) != len(b):
        return True  # they met by leaving out one letter of the longer
    differ = [i for i in range(len(a)) if a[i] != b[i]]
    if len(differ) == 2:
        i, j = differ
        return j == i + 1 and a[i] == b[j] and a[j] == b[i]
    return len(differ) == 1
