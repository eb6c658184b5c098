"""Numbers and dates as offices type them: full-width digits, thousands separators, spaces around.

Declared by `widths: normalise`. Not all of NFKC, which would read the mark of a footnote as a digit: 120① and 120² are
no numbers, while １２０ is one.
"""

from __future__ import annotations

import re

# U+FF01 to U+FF5E are the printable ASCII characters in full width; the others are spaces
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys((0x3000, 0xA0, 0x2007, 0x202F), " ")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+)(?:\.[0-9]+)?")


def plain(text: str, type_: str) -> str:
    """The text that is read as `type_` (integer, number, date or timestamp); anything strange in it stays.

    >>> plain("　１，２３４．５ ", "number"), plain("120 万元", "number"), plain("２０２４ － 01－05", "date")
    ('1234.5', '120 万元', '2024-01-05')
    """
    text = text.translate(_PLAIN).strip()
    if type_ in ("integer", "number") and _GROUPED.fullmatch(text):
        return text.replace(",", "").replace(" ", "")
    return re.sub(r"\s+", "", text) if type_ == "date" else text
