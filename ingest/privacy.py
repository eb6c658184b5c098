"""Personal values stop at the door: what goes on is a masked form and a keyed pseudonym for joining.

Masks keep what an official may see (610***********1234, 138****1234, z***@host, 西安市雁塔区***). Pseudonyms are
HMAC-SHA256 under a versioned key, so that a person meets himself across sources and nobody can guess his way back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from datetime import date

from brain.keys import Keys
from ingest import codes

# Province, city and district by name: Chinese characters without those that belong to streets and houses. What ends in
# 小区, 社区, 校区, 厂区, 别墅区, 家属区, 住宅区, 生活区 or 宿舍区 is no district but where somebody lives.
_PLACE = r"[^\W\da-zA-Z_路街巷道号楼弄村院组园苑庄]"
_DISTRICT = re.compile(
    rf"({_PLACE}{{2,8}}?(?:省|自治区))?"
    rf"({_PLACE}{{2,8}}?(?:市|自治州|盟))?"
    rf"({_PLACE}{{1,8}}?(?:县|旗|(?<![小社校厂墅属宅活舍])区))?"
)


# Inside a text: ID numbers with a date that can be, mobile numbers however grouped, mail addresses; letters may stand
# right beside a number (证件ID6101…). ID numbers are of 18 characters or, until 1999, of 15 (GB 11643-1989).
_BLANK = r"[ \u00a0\u2000-\u200b\u3000\-\u2010-\u2015\u2212]"
_GAP = rf"[{_BLANK[1:-1]}_./·]"
_MONTH_AND_DAY = ("[01]", r"\d", "[0-3]", r"\d")


def _grouped(*characters: str) -> str:
    """One character after another, with up to three separators between any two."""
    return rf"(?<!\d){f'{_GAP}{{0,3}}'.join(characters)}(?!\d)"


_IN_TEXT = (
    ("id_number", re.compile(r"(?<!\d)\d{6}[12]\d{3}[01]\d[0-3]\d{4}[\dXx](?!\d)")),
    ("id_number", re.compile(_grouped(*[r"\d"] * 6, "[12]", *[r"\d"] * 3, *_MONTH_AND_DAY, *[r"\d"] * 3, r"[\dXx]"))),
    ("id_number", re.compile(_grouped(*[r"\d"] * 8, *_MONTH_AND_DAY, *[r"\d"] * 3))),
    ("phone", re.compile(rf"(?<!\d)(?:(?:\+|00)?86{_BLANK}?)?1\d\d{_BLANK}?\d{{4}}{_BLANK}?\d{{4}}(?!\d)")),
    ("phone", re.compile(r"(?<![\d.])1\d\d\.\d{4}\.\d{4}(?![\d.])")),  # one dot alone makes a decimal fraction
    ("email", re.compile(r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")),
)
MOST_GAPS = 6  # 610 102 1990 01 01 123 X; more is a list of numbers, unless the check character says otherwise
# First two digits of a region (GB/T 2260), and 99 for what is none.
_PROVINCES = frozenset(
    map(str, (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71))
) | {"81", "82", "83", "99"}
_MAY_BE = re.compile(rf"@|(?:\d{_GAP}{{0,3}}){{11}}")  # most texts have nothing like it, and are done with
# Full-width letters, digits, @ and the like: one character each, so that places in the text stay what they are.
_HALF_WIDTH = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)}


def normalise(kind: str, value: str) -> str:
    """The form that is hashed: NFKC, without spaces; ID numbers in upper case, mail addresses in lower case."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", value))
    if kind == "id_number":
        return text.upper()
    if kind == "phone":
        return re.sub(r"^(\+?86|0086)(?=1\d{10}$)", "", re.sub(r"[-()]", "", text))
    return text.lower()


def mask(kind: str, value: str) -> str:
    """The form that may be stored: anything of an unexpected shape is hidden whole, of a `text` what is personal."""
    if kind == "text":
        return _hide_in_text(value)
    text = normalise(kind, value)
    if kind == "id_number":
        return f"{text[:3]}{'*' * (len(text) - 7)}{text[-4:]}" if re.fullmatch(r"\d{17}[\dX]|\d{15}", text) else "***"
    if kind == "phone":
        return f"{text[:3]}****{text[-4:]}" if re.fullmatch(r"1\d{10}", text) else "***"
    if kind == "email":
        user, at, host = text.rpartition("@")
        return f"{user[0]}***@{host}" if user and at and "." in host else "***"
    found = _DISTRICT.match(text)
    return f"{found.group(0) if found else ''}***"


def _is_id_number(text: str) -> bool:
    """Whether digits that may be an ID number are one, and not an account, an amount or an order.

    18 characters in one go: their date can be, and that is enough. 15, or in groups: the date is one, and the region's
    too; groups part region, date and rest, or the check character is right.
    """
    number = re.sub(_GAP, "", text).upper()
    if len(number) == 18 and number == text.upper():
        return True
    year, rest = (number[6:10], number[10:]) if len(number) == 18 else (f"19{number[6:8]}", number[8:])
    try:
        date(int(year), int(rest[:2]), int(rest[2:4]))
    except ValueError:
        return False
    if number[:2] not in _PROVINCES:
        return False
    parts = [len(re.sub(_GAP, "", text[: gap.start()])) for gap in re.finditer(rf"{_GAP}+", text)]
    is_parted = {6, len(number) - (4 if len(number) == 18 else 3)} <= set(parts) and len(parts) <= MOST_GAPS
    return not parts or is_parted or (len(number) == 18 and codes.id_number(number))


def _hide_in_text(value: str) -> str:
    """The text with every ID number, mobile number and mail address in it masked; all else as it was written."""
    half_width = value.translate(_HALF_WIDTH)
    if not _MAY_BE.search(half_width):
        return value
    for kind, pattern in _IN_TEXT:
        out, end = [], 0
        for found in pattern.finditer(half_width):
            text = found.group(0)
            if kind == "id_number" and not _is_id_number(text):
                continue
            if kind != "email":
                text = re.sub(_GAP, "", text)
            out += [value[end : found.start()], mask(kind, text)]
            end = found.end()
        if out:
            value = "".join([*out, value[end:]])
            half_width = value.translate(_HALF_WIDTH)
    return value


class Pseudonymiser:
    """Keyed pseudonyms, `v1:<32 hex digits>`; the kind of value is part of what is hashed."""

    def __init__(self, keys: Keys):
        self._key = keys.pseudonym
        self._version = keys.pseudonym_version

    def __call__(self, kind: str, value: str) -> str:
        text = f"{kind}\0{normalise(kind, value)}".encode()
        return f"{self._version}:{hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]}"
