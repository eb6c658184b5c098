"""Normal forms of people's names, in which Chinese and romanised spellings meet.

A name has characters (张三, simplified), and it has a sound: the letters of its pinyin in alphabetical order. The order
of the letters is given up because writers give up the order of the parts: 王小明 is Wang Xiaoming, Xiaoming Wang, WANG
Xiao-Ming and wang xiao ming, and all of them are one key. Characters with several readings have several keys.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import islice, product

from pypinyin.constants import PINYIN_DICT

from warehouse.resolve.names import TO_SIMPLIFIED

READINGS = 3  # of a character: the dictionary lists the usual ones first
KEYS = 8  # of a name
_SILENT = re.compile(r"[\W\d_]+")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
# ü is v on keyboards and yu in passports; here it is u
_UMLAUT = re.compile(r"(?<=[ln])(?:v|yu)")


@dataclass(frozen=True)
class PersonName:
    """`characters`: None where the name is not written in Chinese. `sounds`: the usual reading first."""

    characters: str | None
    sounds: tuple[str, ...]


def person_name(text: str) -> PersonName | None:
    """The normal form of a name as written; None where nothing of it is a letter.

    >>> person_name(" 張　三"), person_name("San ZHANG")
    (PersonName(characters='张三', sounds=('aagnnshz',)), PersonName(characters=None, sounds=('aagnnshz',)))
    """
    plain = _SILENT.sub("", unicodedata.normalize("NFKC", text)).translate(TO_SIMPLIFIED)
    if not plain:
        return None
    if _CHINESE.search(plain):
        ways = islice(product(*(readings(c) for c in plain)), KEYS)
        return PersonName(plain, tuple(dict.fromkeys(_key("".join(way)) for way in ways)))
    letters = _letters(plain)
    return PersonName(None, tuple(dict.fromkeys((_key(_UMLAUT.sub("u", letters)), _key(letters)))))


@cache
def readings(character: str) -> tuple[str, ...]:
    """How a character may be read, without tones; a letter is read as itself.

    >>> readings("重"), readings("吕")
    (('zhong', 'chong', 'tong'), ('lu',))
    """
    known = PINYIN_DICT.get(ord(character))
    if known is None:
        return (_letters(character),)
    return tuple(dict.fromkeys(_letters(reading) for reading in known.split(",")))[:READINGS]


def _letters(text: str) -> str:
    """Small letters without tones and accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))


def _key(letters: str) -> str:
    return "".join(sorted(letters))
