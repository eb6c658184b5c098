"""The servers of a contract: how a source is reached, read into `Server` and checked."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from brain.settings import PROFILES
from ingest.contract import FORMATS, LIMITS, SERVER_PROPERTIES, SERVERS, Record, Server
from ingest.contract_requests import RequestReader
from ingest.contract_tables import TableReader

OAI_ITEMS = "/OAI-PMH/ListRecords/record"


class ServerReader(TableReader, RequestReader):
    """Reads the elements of `servers`."""

    def server(self, s: dict[str, Any], records: tuple[Record, ...]) -> Server:
        where = f"servers/{s['server']}"
        kind = self.choice(s["type"], SERVERS, f"{where}/type")
        kind = kind if kind in ("local", "api") else "database"
        p = self.props(s, SERVER_PROPERTIES, where)
        self.only_where_used(p, kind, where)
        known = tuple(r.name for r in records)
        chosen = tuple(p.get("records") or known)
        for name in chosen:
            self.choice(name, known, f"{where}/records")
        paging = self.paging(p, where)
        oai = paging.kind == "oai"
        since = self.since(p, paging, chosen, records, where)
        auth = self.auth(p["auth"], f"{where}/auth") if p.get("auth") and kind != "database" else None
        encoding = s.get("encoding") or p.get("encoding") or "utf-8"
        try:
            "".encode(encoding)
        except LookupError:
            raise self.fail(f"{where}/encoding", f"{encoding!r} is unknown to Python") from None
        format_ = self.choice(
            s.get("format") or p.get("format") or ("xml" if oai else "json"), FORMATS, f"{where}/format"
        )
        if kind == "database":
            format_, encoding = "jsonl", "utf-8"  # what the fetcher makes of rows
        if format_ in ("csv", "jsonl") and not "\r\n".encode(encoding).endswith(b"\r\n"):
            # locators are lines of the bytes as they came
            hint = "deliver it as UTF-8 or GB18030"
            raise self.fail(f"{where}/encoding", f"{encoding!r} has other line ends than ASCII", hint)
        as_of = str(p["asOf"]) if p.get("asOf") else None
        self.as_of(as_of, f"{where}/asOf")
        items = p.get("items") or (OAI_ITEMS if oai else "")
        for name, pointer in (("items", items), ("total", p.get("total")), ("paging/next", paging.next)):
            if pointer and not str(pointer).startswith("/"):
                raise self.fail(f"{where}/{name}", f"{pointer!r} is no JSON pointer", "write it as /data/items")
        delimiter, header_rows = p.get("delimiter") or ",", p.get("headerRows", 1)
        if len(delimiter) != 1:
            raise self.fail(f"{where}/delimiter", f"{delimiter!r} is not one character")
        if type(header_rows) is not int or header_rows < 1:
            raise self.fail(f"{where}/headerRows", f"{header_rows!r} is no number of rows")
        params = self.pairs(p.get("params"), f"{where}/params")
        if oai and (kind != "api" or format_ != "xml" or "metadataPrefix" not in dict(params)):
            raise self.fail(f"{where}/paging", "oai is XML over HTTP with a metadataPrefix", "name it in `params`")
        limits = self.shape(p.get("limits") or {}, LIMITS, f"{where}/limits")
        for name, value in limits.items():
            if type(value) not in (int, float) or value < 0:
                raise self.fail(f"{where}/limits/{name}", f"{value!r} is no number")
        self.every_row(records, chosen, where)
        return Server(
            name=s["server"],
            type=kind,
            profile=self.choice(s.get("environment"), PROFILES, f"{where}/environment"),
            location=self.location(s, where),
            format=format_,
            encoding=encoding,
            records=chosen,
            items=items,
            as_of=as_of,
            delimiter=delimiter,
            sheet=p.get("sheet"),
            header_rows=header_rows,
            fallback_for=p.get("fallbackFor"),
            optional=self.optional(p, kind, where),
            total=p.get("total"),
            paging=paging,
            **since,
            auth=auth,
            params=params,
            namespaces=self.namespaces(p, format_, items, where),
            query=self.query(s, p, where) if kind == "database" else None,
            form=self.form(p, format_, chosen, where),
            member=p.get("member"),
            **self.together(p, where),
            limits=tuple(limits.items()),
        )

    def together(self, p: dict[str, Any], where: str) -> dict[str, Any]:
        """The members of `Server` that say whether files are parts of one delivery."""
        value = p.get("together", False)
        if not isinstance(value, bool) and (type(value) is not int or value < 2):
            raise self.fail(
                f"{where}/together", f"{value!r} is neither true nor a number of files", "see docs/sources.md"
            )
        return {"together": bool(value), "parts": None if isinstance(value, bool) else value}

    def optional(self, p: dict[str, Any], kind: str, where: str) -> bool:
        """Whether a drop may lack the server's files: a folder that people fill when they have something to say."""
        value = p.get("optional", False)
        if not isinstance(value, bool) or (value and kind != "local"):
            raise self.fail(f"{where}/optional", f"{value!r} is not true for a file drop", "leave it out")
        return value

    def as_of(self, text: str | None, where: str) -> None:
        """A date, or a regular expression with a group that finds one in a file's name."""
        if text is None:
            return
        try:
            date.fromisoformat(text)
        except ValueError:
            try:
                groups = re.compile(text).groups
            except re.error as e:
                raise self.fail(where, f"{text!r} is no date and no regular expression: {e}") from None
            if not groups:
                raise self.fail(where, f"{text!r} is no date and has no group that finds one") from None

    def every_row(self, records: tuple[Record, ...], chosen: tuple[str, ...], where: str) -> None:
        """Every row must be a record of some type: a row that no condition takes would vanish uncounted."""
        conditions = [r.when for r in records if r.name in chosen]
        if None in conditions or any((field, not present) in conditions for field, present in filter(None, conditions)):
            return
        raise self.fail(f"{where}/records", "a row may be a record of none of these types", "leave one without `when`")
