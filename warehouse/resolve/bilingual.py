"""How well an English name says what a Chinese name says, learned from institutions that a registry names in both.

A run of two to four characters stands for the English words beside which it occurs: 财经 for finance and economics,
师范 for normal; a place or a proper name that was never seen stands for its sound (嘉兴, jiaxing).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache

from pypinyin import lazy_pinyin

from warehouse.resolve.registry import ACRONYM, DISPLAY, Institution
from warehouse.resolve.words import tokens

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_RUN = re.compile(r"[\u3400-\u9fff]+")
_COUNTRY = re.compile(r"\s*\(China\)$")
LEAST_SEEN = 2  # names in which a run must occur before it means anything
SPECIFIC = 0.25  # how much of each other's names a run and a word must share (Dice) to be one another's translation
SURE = 0.5  # share of a run's names in which a word must stand for the run to say it
_SPELLINGS = {"neimenggu": "mongolia", "xizang": "tibet", "haerbin": "harbin", "lvliang": "luliang"}


class Phrases:
    """What runs of Chinese characters mean in English, by the bilingual names of `institutions`."""

    def __init__(self, institutions: Iterable[Institution]):
        runs: Counter[str] = Counter()
        together: dict[str, Counter[str]] = defaultdict(Counter)
        words: Counter[str] = Counter()
        count = 0
        for institution in institutions:
            english = [n for n, kind in institution.names if kind == DISPLAY and n.isascii()]
            for chinese in (n for n, kind in institution.names if kind != ACRONYM and _CHINESE.search(n)):
                for name in english[:1]:
                    said = english_words(name)
                    seen = _runs(chinese)
                    count += 1
                    words.update(said)
                    runs.update(seen)
                    for run in seen:
                        together[run].update(said)
        self._means = {
            run: {w: n / runs[run] for w, n in found.items() if 2 * n >= SPECIFIC * (runs[run] + words[w])}
            for run, found in together.items()
            if runs[run] >= LEAST_SEEN
        }
        self._weight = {w: math.log((count + 1) / n) for w, n in words.items()}
        self._rarest = math.log(count + 1)

    def score(self, chinese: str, english: str) -> float:
        """0 to 1: the smaller of the share of the English words that the Chinese name says and the reverse."""
        said = english_words(english)
        if not said:
            return 0.0
        support = dict.fromkeys(said, 0.0)
        text = "".join(_RUN.findall(chinese))
        covered = [False] * len(text)
        for start in range(len(text)):
            for end in range(start + 2, min(start + 4, len(text)) + 1):
                run = text[start:end]
                means = self._means.get(run, {})
                spoken = sound(run)
                for word in said:
                    share = max(means.get(word, 0.0), float(word == spoken))
                    support[word] = max(support[word], share)
                    if share >= SURE:
                        covered[start:end] = [True] * (end - start)
        total = sum(self._weight.get(w, self._rarest) for w in said)
        english_side = sum(self._weight.get(w, self._rarest) * s for w, s in support.items()) / total
        return min(english_side, sum(covered) / len(text))


@lru_cache(maxsize=1 << 15)
def english_words(name: str) -> frozenset[str]:
    """The words of an English name in the normal form of words.py, without the country behind it."""
    return frozenset(w for w in tokens(_COUNTRY.sub("", name)) if w)


@lru_cache(maxsize=1 << 16)
def sound(run: str) -> str:
    """How a place is written in English letters: pinyin without tones, or the spelling in use."""
    spoken = "".join(lazy_pinyin(run))
    return "shaanxi" if run == "陕西" else _SPELLINGS.get(spoken, spoken)


def _runs(text: str) -> set[str]:
    return {run[i : i + n] for run in _RUN.findall(text) for n in (2, 3, 4) for i in range(len(run) - n + 1)}
