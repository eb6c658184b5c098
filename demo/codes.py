"""Codes with their check characters, for things that do not exist.

Credit codes carry the region 619900 and ID numbers the region 999999; neither was ever assigned, so no code of the city
belongs to anybody.
"""

from __future__ import annotations

_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def credit_code(kind: str, number: int) -> str:
    """Unified social credit code (GB 32100). `kind`: two characters, 91 for firms, 12 for public institutions."""
    body = ""
    for _ in range(8):
        number, digit = divmod(number, len(_USCC))
        body = _USCC[digit] + body
    total = sum(int(c, 36) * w for c, w in zip(body, _ORGANISATION_WEIGHTS, strict=True))
    rest = (11 - total % 11) % 11
    code = f"{kind}619900{body}{'X' if rest == 10 else rest}"
    check = (31 - sum(_USCC.index(c) * pow(3, i, 31) for i, c in enumerate(code)) % 31) % 31
    return code + _USCC[check]


def id_number(born: str, number: int) -> str:
    """Resident identity number (GB 11643). `born`: yyyymmdd. The last digit of `number` is odd for men."""
    body = f"999999{born}{number % 1000:03d}"
    total = sum(int(c) * w for c, w in zip(body, _ID_WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def wrong_check(code: str) -> str:
    """The same code with another check character."""
    return code[:-1] + ("1" if code[-1] != "1" else "2")


def orcid(number: int) -> str:
    """ORCID with its check character (ISO 7064 MOD 11-2), from the end of the range that is not issued yet."""
    digits = f"{999_900_000_000_000 + number:015d}"
    total = 0
    for c in digits:
        total = (total + int(c)) * 2
    rest = (12 - total % 11) % 11
    text = digits + ("X" if rest == 10 else str(rest))
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))
