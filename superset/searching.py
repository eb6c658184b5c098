"""The one search box: what is typed becomes a substring test over the released column `search_text`.

A dashboard filter of Superset knows equality only: it asks for `search_text IN ('西安 航空')`. No row equals that, so
here the question is put as it was meant: every word of a typed text is contained, any of several typed texts suffices.
The column is made for it (mart `search_entries`): all names and numbers of a thing in one spelling, which `fold` gives
to what is typed. DuckDB's full-text index is no way: it is an extension, and a served file may load none; it also cuts
words at blanks, which Chinese does not have.
"""

from __future__ import annotations

import re
import unicodedata

COLUMN = "search_text"
_TEXT = r"'(?:[^']|'')*'"
# Texts, quoted names and comments are passed over whole, so nothing inside them is taken for SQL.
_TOKEN = re.compile(
    rf"(?P<column>(?<![\w\"])(?:\"{COLUMN}\"|{COLUMN}))\s+IN\s*\(\s*(?P<texts>{_TEXT}(?:\s*,\s*{_TEXT})*)\s*\)"
    rf"|{_TEXT}|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/",
    re.IGNORECASE | re.DOTALL,
)
_SAME = str.maketrans("’‘`´ʼ′‐‑‒–—―−", "''''''-------")


def fold(text: str) -> list[str]:
    """The words of a typed text, spelt as the mart's macro normalise_name spells them."""
    return unicodedata.normalize("NFKC", text).lower().translate(_SAME).split()


def ask(sql: str) -> str:
    """SQL in which `search_text IN (texts)` is the substring test; any other SQL as it came."""
    if COLUMN not in sql:
        return sql

    def reworded(found: re.Match[str]) -> str:
        if not found["column"]:
            return found[0]
        texts = [text[1:-1].replace("''", "'") for text in re.findall(_TEXT, found["texts"])]
        tests = (" AND ".join(f"contains({found['column']}, {_quoted(word)})" for word in fold(t)) for t in texts)
        return f"({' OR '.join(f'({test})' if test else 'TRUE' for test in tests)})"

    return _TOKEN.sub(reworded, sql)


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"
