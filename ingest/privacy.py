"""Personal values stop at the door: what goes on is a masked form and a keyed pseudonym for joining.

Masks keep what an official may see (610***********1234, 138****1234, z***@host, 西安市雁塔区***). Pseudonyms are
HMAC-SHA256 under a versioned key, so that a person meets himself across sources and nobody can guess his way back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

from brain.keys import Keys

# Province, city and district by name: Chinese characters without those that belong to streets and houses. What ends in
# 小区, 社区, 校区, 厂区, 别墅区, 家属区, 住宅区, 生活区 or 宿舍区 is no district but where somebody lives.
_PLACE = r"[^\W\da-zA-Z_路街巷道号楼弄村院组园苑庄]"
_DISTRICT = re.compile(
    rf"({_PLACE}{{2,8}}?(?:省|自治区))?"
    rf"({_PLACE}{{2,8}}?(?:市|自治州|盟))?"
    rf"({_PLACE}{{1,8}}?(?:县|旗|(?<![小社校厂墅属宅活舍])区))?"
)


# Inside a text: ID numbers with a date that can be, mobile numbers however grouped, mail addresses; letters may stand
# right beside a number (证件ID6101…).
_IN_TEXT = (
    ("id_number", re.compile(r"(?<!\d)\d{6}[12]\d{3}[01]\d[0-3]\d{4}[\dXx](?!\d)")),
    ("phone", re.compile(r"(?<!\d)(?:(?:\+|00)?86[- ]?)?1\d\d[- ]?\d{4}[- ]?\d{4}(?!\d)")),
    ("email", re.compile(r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")),
)
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


def _hide_in_text(value: str) -> str:
    """The text with every ID number, mobile number and mail address in it masked; all else as it was written."""
    for kind, pattern in _IN_TEXT:
        out, end = [], 0
        for found in pattern.finditer(value.translate(_HALF_WIDTH)):
            out += [value[end : found.start()], mask(kind, found.group(0))]
            end = found.end()
        if out:
            value = "".join([*out, value[end:]])
    return value


class Pseudonymiser:
    """Keyed pseudonyms, `v1:<32 hex digits>`; the kind of value is part of what is hashed."""

    def __init__(self, keys: Keys):
        self._key = keys.pseudonym
        self._version = keys.pseudonym_version

    def __call__(self, kind: str, value: str) -> str:
        text = f"{kind}\0{normalise(kind, value)}".encode()
        return f"{self._version}:{hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]}"
