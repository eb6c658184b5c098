"""The normal form of an institution's name: tokens that mean the same in the languages and abbreviations in use.

`University of Lille`, `Univ. Lille` and `Université de Lille` are one sequence of tokens, ("university", "lille").
Small words go, plurals lose their s, the words for kinds of institutions and for fields share one English form.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

import yaml

_WORDS = yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))
_CANONICAL = {form: word for word, forms in _WORDS["forms"].items() for form in forms}
FORMS = frozenset(_CANONICAL)  # other spellings of a canonical word

GENERIC = frozenset(_WORDS["generic"])
STOP = frozenset(_WORDS["stop"])

COUNTRIES: dict[str, list[str]] = _WORDS["countries"]  # code → what else a country is called

_FOLD = str.maketrans(
    {
        "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d",
        "þ": "th", "’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'", "′": "'", "‐": "-", "‑": "-", "–": "-", "—": "-",
    }
)  # fmt: skip
# "MacauUniversity", "6311Université", "CONICETUniversidad"
_GLUED = re.compile(r"(?<=[a-z]{2})(?=[A-Z][a-z]{2})|(?<=\d)(?=[A-Z][a-z]{2})|(?<=[A-Z]{4})(?=[A-Z][a-z]{4})")
_GLUED_SMALL = re.compile(r"\b(of|and|for|at|the)(?=[A-Z][a-zA-Z])")  # "atNVIDIA"
_INITIALS = re.compile(r"\b(?:[a-z]\.\s?)+[a-z]\b")  # "u.s.a", "p. r. china"
_TOKEN = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+|[^\W\d_a-z]+|[,;:()\[\]|/#]")
BOUNDARIES = frozenset(",;:()[]|/#")
_WITHOUT_APOSTROPHES = str.maketrans("", "", "'`")
_COUNTRY_BEHIND = re.compile(r"\s*\([^()]*\)\s*$")  # "Nvidia (United States)"


def fold(text: str, *, unglue: bool = True) -> str:
    """The text without entities, accents, odd apostrophes and dashes; words run together at a capital are parted."""
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_FOLD)
    if unglue:
        text = _GLUED_SMALL.sub(r"\1 ", _GLUED.sub(" ", text))
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return text


@lru_cache(maxsize=1 << 17)
def canonical(word: str) -> str:
    """The form that stands for a lower-case word in all its spellings.

    >>> canonical("universidad"), canonical("labs"), canonical("sciences"), canonical("xidian")
    ('university', 'laboratory', 'science', 'xidian')
    """
    word = _CANONICAL.get(word, word)
    if len(word) > 4 and word[-1] == "s" and word[-2] != "s" and not word.endswith(("us", "is")):
        word = _CANONICAL.get(word[:-1], word[:-1])
    return word


def tokens(text: str, *, unglue: bool = True) -> list[str | None]:
    """Canonical words of a text in order, None for a comma or another boundary.

    >>> tokens("Sch. of Comput. Sci., Xi’an Jiaotong Univ.")
    ['school', 'computer', 'science', None, 'xian', 'jiaotong', 'university']
    """
    found: list[str | None] = []
    for word in pieces(text, unglue=unglue):
        if word in BOUNDARIES:
            found.append(None)
        elif word not in STOP:
            found.append(canonical(word))
    return found


def pieces(text: str, *, unglue: bool = True) -> list[str]:
    """Words and boundaries of a text as they stand there, in lower case."""
    text = fold(text, unglue=unglue).casefold().translate(_WITHOUT_APOSTROPHES)
    if "." in text:
        text = _INITIALS.sub(_joined, text)
    return _TOKEN.findall(text)


def _joined(initials: re.Match[str]) -> str:
    return re.sub(r"[.\s]", "", initials[0])


def name_key(name: str, *, unglue: bool = True) -> tuple[str, ...]:
    """Canonical words of an institution's name, without a country in brackets behind it."""
    return tuple(w for w in tokens(without_country(name), unglue=unglue) if w)


def is_chinese(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"


def without_country(name: str) -> str:
    return _COUNTRY_BEHIND.sub("", name) or name
