"""The servers of a contract: how a source is reached, read into `Server` and checked."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from brain.settings import PROFILES
from ingest.contract import AUTH, FORMATS, LIMITS, PAGING, SERVER_PROPERTIES, SERVERS, Auth, Paging, Record, Server
from ingest.contract_tables import TableReader


class ServerReader(TableReader):
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
        paging = self.shape(
            p.get("paging") or {},
            {"kind": "none", "param": None, "sizeParam": None, "size": None, "start": 1, "next": None},
            f"{where}/paging",
        )
        self.choice(paging["kind"], PAGING, f"{where}/paging/kind")
        if paging["kind"] in ("page", "offset") and not (paging["param"] and paging["size"]):
            raise self.fail(f"{where}/paging", f"{paging['kind']} paging needs param and size")
        if paging["kind"] == "cursor" and not (paging["param"] and paging["next"]):
            raise self.fail(f"{where}/paging", "cursor paging needs param and next")
        since = self.shape(p.get("since") or {}, {"param": None, "field": None}, f"{where}/since")
        if p.get("since"):
            self.choice(
                since["field"],
                [f.name for r in records if r.name == chosen[0] for f in r.fields],
                f"{where}/since/field",
            )
            if not since["param"]:
                raise self.fail(f"{where}/since/param", "is missing")
            if len(chosen) != 1:  # how far the others were fetched, nobody would know
                raise self.fail(f"{where}/since", f"is for one record type, this server has {len(chosen)}", "`records`")
        auth = None
        if p.get("auth"):
            members = {"scheme": None, "secret": None, "header": "X-Api-Key", "user": None}
            a = self.shape(p["auth"], members, f"{where}/auth")
            self.choice(a["scheme"], AUTH, f"{where}/auth/scheme")
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", str(a["secret"])):
                raise self.fail(
                    f"{where}/auth/secret", "is no secret's name", "A-Z, 0-9 and _; the value never stands here"
                )
            if (a["scheme"] == "password") != (kind == "database") or (kind == "database") != bool(a["user"]):
                raise self.fail(f"{where}/auth", "does not fit the server's type", "databases: password, with a user")
            auth = Auth(a["scheme"], a["secret"], a["header"], a["user"])
        encoding = s.get("encoding") or p.get("encoding") or "utf-8"
        try:
            "".encode(encoding)
        except LookupError:
            raise self.fail(f"{where}/encoding", f"{encoding!r} is unknown to Python") from None
        format_ = self.choice(s.get("format") or p.get("format") or "json", FORMATS, f"{where}/format")
        if kind == "database":
            format_, encoding = "jsonl", "utf-8"  # what the fetcher makes of rows
        if format_ in ("csv", "jsonl") and not "\r\n".encode(encoding).endswith(b"\r\n"):
            # locators are lines of the bytes as they came
            hint = "deliver it as UTF-8 or GB18030"
            raise self.fail(f"{where}/encoding", f"{encoding!r} has other line ends than ASCII", hint)
        as_of = str(p["asOf"]) if p.get("asOf") else None
        self.as_of(as_of, f"{where}/asOf")
        for name, pointer in (("items", p.get("items")), ("total", p.get("total")), ("paging/next", paging["next"])):
            if pointer and not str(pointer).startswith("/"):
                raise self.fail(f"{where}/{name}", f"{pointer!r} is no JSON pointer", "write it as /data/items")
        delimiter, header_rows = p.get("delimiter") or ",", p.get("headerRows", 1)
        if len(delimiter) != 1:
            raise self.fail(f"{where}/delimiter", f"{delimiter!r} is not one character")
        if type(header_rows) is not int or header_rows < 1:
            raise self.fail(f"{where}/headerRows", f"{header_rows!r} is no number of rows")
        params = p.get("params") or {}
        if not isinstance(params, dict):
            raise self.fail(f"{where}/params", "is no mapping of names to values")
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
            items=p.get("items") or "",
            as_of=as_of,
            delimiter=delimiter,
            sheet=p.get("sheet"),
            header_rows=header_rows,
            fallback_for=p.get("fallbackFor"),
            total=p.get("total"),
            paging=Paging(
                paging["kind"], paging["param"], paging["sizeParam"], paging["size"], paging["start"], paging["next"]
            ),
            since_param=since["param"],
            since_field=since["field"],
            auth=auth,
            params=tuple((str(k), str(v)) for k, v in params.items()),
            query=self.query(s, p, where) if kind == "database" else None,
            form=self.form(p, format_, header_rows, where),
            member=p.get("member"),
            limits=tuple(limits.items()),
        )

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
