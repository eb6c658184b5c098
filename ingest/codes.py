"""Check digits of the codes that records carry. A failing check is a warning: some legally issued codes fail.

Sources: GB 32100-2015 (统一社会信用代码), GB 11643-1999 (居民身份证), ISO 7064 MOD 11-2 (ORCID), ROR's own scheme.
"""

from __future__ import annotations

import re
from datetime import date
from operator import mul

_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES = {c: i for i, c in enumerate(_USCC)}
_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def uscc(code: str) -> bool:
    """Unified social credit code, 18 characters; check = (31 − Σ cᵢ·3^(i−1)) mod 31.

    >>> uscc("91350200MA2YJ1XR9G"), uscc("91350100M0001TGQXM")
    (True, False)
    """
    if len(code) != 18 or not _USCC_VALUES.keys() >= set(code):
        return False
    total = sum(map(mul, map(_USCC_VALUES.__getitem__, code), _USCC_WEIGHTS))  # ends with the weights, before the check
    return _USCC[(31 - total) % 31] == code[17]


def id_number(number: str) -> bool:
    """Resident ID number, 18 characters with a real date; Σ mod 11 selects from `10X98765432`."""
    if not re.fullmatch(r"\d{17}[\dX]", number):
        return False
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return "10X98765432"[sum(map(mul, map(int, number[:17]), _ID_WEIGHTS)) % 11] == number[17]


def orcid(text: str) -> bool:
    """ORCID iD, with or without its address; ISO 7064 MOD 11-2.

    >>> orcid("0000-0002-1825-0097"), orcid("https://orcid.org/0000-0002-1694-233X"), orcid("0000-0002-1825-0098")
    (True, True, False)
    """
    digits = re.sub(r"^https?://orcid\.org/", "", text).replace("-", "")
    if not re.fullmatch(r"\d{15}[\dX]", digits):
        return False
    total = 0
    for c in digits[:15]:
        total = (total + int(c)) * 2
    return "0123456789X"[(12 - total % 11) % 11] == digits[15]


def ror(text: str) -> bool:
    """ROR id, with or without its address: `0`, six Crockford base-32 characters, check 98 − (value·100 mod 97).

    >>> ror("https://ror.org/017zhmm22"), ror("017zhmm23")
    (True, False)
    """
    code = re.sub(r"^https?://ror\.org/", "", text.lower())
    if not re.fullmatch(r"0[0-9a-hj-km-np-tv-z]{6}\d\d", code):
        return False
    value = 0
    for c in code[1:7]:
        value = value * 32 + _CROCKFORD.index(c)
    return 98 - (value * 100) % 97 == int(code[7:])


CHECKS = {"uscc": uscc, "id_number": id_number, "orcid": orcid, "ror": ror}
