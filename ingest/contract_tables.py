"""The part of a contract's servers that says where tables lie: in a database, or within a file."""

from __future__ import annotations

import re
from typing import Any

from ingest.contract import DATABASE_PROPERTIES, FORM_PROPERTIES, TAKEN_FROM, Form, Query, Taken
from ingest.contract_check import Checker

# Besides these, `since`, `auth`, `limits` and `records` mean something for a database.
_NOT_OF_DATABASES = {
    "asOf",
    "fallbackFor",
    "items",
    "delimiter",
    "sheet",
    "headerRows",
    "format",
    "encoding",
    "total",
    "paging",
    "params",
}
_ONLY_OF_SHEETS = ("sheets", "fillMerged")


class TableReader(Checker):
    """Reads queries and forms."""

    def only_where_used(self, p: dict[str, Any], kind: str, where: str) -> None:
        """A property that would be read by nobody is a mistake."""
        idle = {
            "database": _NOT_OF_DATABASES | FORM_PROPERTIES,
            "api": DATABASE_PROPERTIES | {"member", "together"},
            "local": DATABASE_PROPERTIES,
        }[kind] & set(p)
        if idle:
            kinds = "a database" if kind == "database" else f"type {kind}"
            raise self.fail(f"{where}/{min(idle)}", f"means nothing for {kinds}")

    def location(self, s: dict[str, Any], where: str) -> str:
        """Path, URL, or the SQLAlchemy address of a database."""
        if s["type"] == "local":
            return s["path"]
        if s["type"] in ("postgresql", "postgres"):
            return f"postgresql://{s['host']}:{s['port']}/{s['database']}"
        if not s.get("location"):
            raise self.fail(f"{where}/location", "is missing", "a database of another kind has an SQLAlchemy address")
        return s["location"]

    def query(self, s: dict[str, Any], p: dict[str, Any], where: str) -> Query:
        table, text, rows = p.get("table"), p.get("query"), p.get("batchRows", 5000)
        if bool(table) == bool(text):
            raise self.fail(where, "a database needs `table` or `query`, and not both")
        if text:
            text = str(text).strip()
            # no defence against people who write contracts, but a second statement is always a mistake
            if ";" in text or not re.match(r"(select|with)\b", text, re.IGNORECASE):
                raise self.fail(f"{where}/query", "is not one SELECT", "begin with select or with; no semicolon")
        if type(rows) is not int or rows < 1:
            raise self.fail(f"{where}/batchRows", f"{rows!r} is no number of rows")
        user, secret = self.password(p["auth"], f"{where}/auth") if p.get("auth") else (None, None)
        return Query(str(table) if table else None, s.get("schema"), text or None, rows, user, secret)

    def password(self, value: Any, where: str) -> tuple[str, str]:
        """User and name of the secret of a database."""
        a = self.shape(value, {"scheme": None, "user": None, "secret": None}, where)
        self.choice(a["scheme"], ("password",), f"{where}/scheme")
        if not a["user"]:
            raise self.fail(f"{where}/user", "is missing")
        return str(a["user"]), self.secret(a["secret"], f"{where}/secret")

    def form(self, p: dict[str, Any], format_: str, records: tuple[str, ...], where: str) -> Form:
        used = (FORM_PROPERTIES - {"member", "together"}) & set(p)
        if used and format_ not in ("csv", "xlsx"):
            raise self.fail(f"{where}/{min(used)}", f"means nothing for {format_}", "tables have it")
        for name in _ONLY_OF_SHEETS:
            if p.get(name) and format_ != "xlsx":
                raise self.fail(f"{where}/{name}", f"means nothing for {format_}", "workbooks have it")
        if p.get("sheets") and p.get("sheet"):
            raise self.fail(f"{where}/sheets", "stands beside `sheet`", "one of them")
        skip = p.get("skipRows", 0)
        if type(skip) is not int or skip < 0:
            raise self.fail(f"{where}/skipRows", f"{skip!r} is no number of rows")
        for name in ("sumRows", "footer"):
            if p.get(name) is not None:
                self.regex(p[name], f"{where}/{name}")
        join = p.get("headerJoin")
        if join is not None and (not isinstance(join, str) or not join):
            raise self.fail(f"{where}/headerJoin", f"{join!r} joins nothing", "write it as /")
        return Form(
            sheets=self.sheets(p.get("sheets"), records, f"{where}/sheets"),
            skip_rows=skip,
            join=join,
            fill_merged=bool(p.get("fillMerged")),
            sum_rows=p.get("sumRows"),
            footer=p.get("footer"),
            taken=tuple(self.taken(t, skip, format_, f"{where}/taken") for t in p.get("taken") or ()),
        )

    def sheets(self, value: Any, records: tuple[str, ...], where: str) -> tuple[tuple[str | None, str], ...]:
        """A pattern for all record types of the server, or one for each."""
        if value is None:
            return ()
        if not isinstance(value, dict):
            return ((None, self.regex(value, where).pattern),)
        if set(value) != set(records):
            raise self.fail(where, "does not name the record types of this server", f"all of: {', '.join(records)}")
        return tuple((str(n), self.regex(pattern, where).pattern) for n, pattern in value.items())

    def taken(self, value: Any, skip: int, format_: str, where: str) -> Taken:
        t = self.shape(value, {"name": None, "from": None, "pattern": None, "cell": None}, where)
        self.choice(t["from"], TAKEN_FROM if format_ == "xlsx" else ("file", "cell"), f"{where}/from")
        if not t["name"]:
            raise self.fail(f"{where}/name", "is missing")
        if t["pattern"] is not None and not self.regex(t["pattern"], f"{where}/pattern").groups:
            raise self.fail(f"{where}/pattern", "has no group that finds the value")
        if t["from"] == "file" and not t["pattern"]:
            raise self.fail(f"{where}/pattern", "is missing", "its first group is what is taken of the file's name")
        cell = None
        if (t["from"] == "cell") != bool(t["cell"]):
            raise self.fail(f"{where}/cell", "goes with `from: cell`", "write it as A2")
        if t["cell"]:
            cell = self.cell(str(t["cell"]), where)
            if cell[0] > skip:
                raise self.fail(f"{where}/cell", f"{t['cell']} does not lie above the header", "see skipRows")
        return Taken(str(t["name"]), t["from"], t["pattern"], cell)

    def cell(self, text: str, where: str) -> tuple[int, int]:
        """Row and column from 1 of an address such as B2."""
        found = re.fullmatch(r"([A-Z]{1,3})([1-9]\d{0,6})", text)
        if not found:
            raise self.fail(f"{where}/cell", f"{text!r} is no cell", "write it as A2")
        column = 0
        for letter in found[1]:
            column = column * 26 + ord(letter) - ord("A") + 1
        return int(found[2]), column

    def regex(self, text: Any, where: str) -> re.Pattern[str]:
        try:
            return re.compile(str(text))
        except re.error as e:
            raise self.fail(where, f"{text!r} is no regular expression: {e}") from None
