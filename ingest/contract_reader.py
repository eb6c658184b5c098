"""Reads a contract's document into the frozen types of `ingest.contract`.

It is checked twice: against the standard's own JSON schema (which rejects unknown keys) and against the closed lists of
custom properties in `ingest.contract` (which the standard leaves open).
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from ingest.contract import (
    CHECK_DIGITS,
    CLASSES,
    CLASSIFICATIONS,
    DELIVERIES,
    FIELD_PROPERTIES,
    MASKS,
    NOT_CARRIED_OUT,
    OPTIONS,
    RECORD_PROPERTIES,
    STANDARD,
    SUFFIX,
    TYPES,
    Field,
    Record,
    Source,
)
from ingest.contract_check import Checker
from ingest.contract_servers import ServerReader


def read_source(path: Path, document: dict[str, Any]) -> Source:
    """The source that a document declares; raises ContractError naming file, place and what is allowed there."""
    return _Reader(path).source(document)


@cache
def _validator() -> Any:
    from jsonschema import Draft201909Validator

    schema = json.loads(package_files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
    return Draft201909Validator(schema)


class _Reader(Checker):
    """Reads one document."""

    def source(self, doc: dict[str, Any]) -> Source:
        from jsonschema.exceptions import best_match

        error = best_match(_validator().iter_errors(doc))
        if error is not None:
            where = "/".join(str(p) for p in error.absolute_path) or "top level"
            raise self.fail(where, error.message[:300], f"see the Open Data Contract Standard {STANDARD}")
        name = self.path.name.removesuffix(SUFFIX)
        if doc["id"] != name:
            raise self.fail("id", f"is {doc['id']!r}, the file's stem is {name!r}", "they must be the same")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or "__" in name:
            raise self.fail("id", f"{name!r} is no source name", "use lower case letters, digits, single underscores")
        self.props(doc, set(), "top level")
        if not doc.get("schema"):
            raise self.fail("schema", "lists no record type")
        records = tuple(self.record(name, obj) for obj in doc["schema"])
        reader = ServerReader(self.path)
        servers = tuple(reader.server(s, records) for s in doc.get("servers") or ())
        if not servers:
            raise self.fail("servers", "none is named")
        names = [s.name for s in servers]
        for s in servers:
            if names.count(s.name) > 1:
                raise self.fail(f"servers/{s.name}", "this name stands twice")
            if s.fallback_for and s.fallback_for not in names:
                raise self.fail(f"servers/{s.name}/fallbackFor", f"{s.fallback_for!r} is no server of this file")
        sla = {p["property"]: p["value"] for p in doc.get("slaProperties") or ()}
        unknown = set(sla) - {"schedule", "freshness", "retention"}
        if unknown:
            raise self.fail("slaProperties", f"unknown: {', '.join(sorted(unknown))}", "schedule, freshness, retention")
        description = doc.get("description") or {}
        return Source(
            name=name,
            title=doc.get("name") or name,
            version=str(doc["version"]),
            domain=doc.get("domain") or records[0].class_,
            purpose=description.get("purpose") or "",
            limitations=description.get("limitations") or "",
            servers=servers,
            records=records,
            schedule=sla.get("schedule"),
            freshness_hours=sla.get("freshness"),
            retention_years=sla.get("retention"),
            path=self.path,
        )

    def record(self, source: str, obj: dict[str, Any]) -> Record:
        name = obj["name"]
        where = f"schema/{name}"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or "__" in name:
            raise self.fail(where, "is no record type's name", "use lower case letters, digits, single underscores")
        p = self.props(obj, RECORD_PROPERTIES, where)
        self.carried_out(obj, where)
        widths = self.widths(p, where)
        fields = tuple(self.field(f, where, widths) for f in obj.get("properties") or ())
        names = [f.name for f in fields]
        made = {f"{f.name}_pseudonym" for f in fields if f.has_pseudonym}
        if made & set(names):
            raise self.fail(f"{where}/{min(made & set(names))}", "is the name of a pseudonym", "choose another one")
        if not fields or len(set(names)) < len(names):
            raise self.fail(where, "has no field, or one twice")
        if not p.get("keyNote"):
            raise self.fail(where, "keyNote is missing", "say why this key, and the collisions measured")
        delivery = self.choice(p.get("delivery"), DELIVERIES, f"{where}/delivery")
        versions = tuple(p.get("versionFields") or ())
        if (delivery == "history") != bool(versions):
            raise self.fail(f"{where}/versionFields", "history needs it, and only history")
        when = deleted = None
        if p.get("when"):
            w = self.shape(p["when"], {"field": None, "present": True}, f"{where}/when")
            when = (w["field"], bool(w["present"]))
        if p.get("deletedWhen"):
            d = self.shape(p["deletedWhen"], {"field": None, "values": None}, f"{where}/deletedWhen")
            deleted = (d["field"], tuple(str(v) for v in d["values"] or ()))
        for n in (*versions, *([when[0]] if when else []), *([deleted[0]] if deleted else [])):
            self.choice(n, names, where)
        record = Record(
            source=source,
            name=name,
            label=obj.get("businessName") or name,
            description=obj.get("description") or "",
            class_=self.choice(p.get("class"), CLASSES, f"{where}/class"),
            delivery=delivery,
            fields=fields,
            version_fields=versions,
            ignored=tuple(str(i) for i in p.get("ignoredFields") or ()),
            when=when,
            deleted_when=deleted,
            key_note=p["keyNote"],
        )
        if versions and not record.field(versions[0]).required:
            raise self.fail(f"{where}/{versions[0]}", "orders the versions first, so it must be required")
        positions = sorted(f.key_position for f in fields if f.key_position is not None)
        if positions != list(range(1, len(positions) + 1)):
            raise self.fail(
                where, f"key positions are {positions}", "number the key fields 1, 2, … in primaryKeyPosition"
            )
        personal = [f.name for f in fields if f.key_position is not None and (f.is_personal or f.is_nested)]
        if personal:
            raise self.fail(where, f"key field {personal[0]} is personal or nested", "record ids are shown everywhere")
        return record

    def widths(self, p: dict[str, Any], where: str) -> bool:
        return p.get("widths") is not None and bool(self.choice(p["widths"], ("normalise",), f"{where}/widths"))

    def field(self, f: dict[str, Any], where: str, widths: bool) -> Field:
        name = f["name"]
        where = f"{where}/{name}"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise self.fail(where, "is no field's name", "use lower case letters, digits, underscores")
        p = self.props(f, FIELD_PROPERTIES, where)
        options = f.get("logicalTypeOptions") or {}
        type_ = self.choice(f.get("logicalType"), TYPES, f"{where}/logicalType")
        if not f.get("businessName") or not f.get("description"):
            raise self.fail(where, "businessName (Chinese label) or description is missing")
        self.carried_out(f, where)
        self.options(type_, options, where)
        wrong = _pattern_error(options["pattern"]) if options.get("pattern") else None
        if wrong:
            raise self.fail(f"{where}/pattern", wrong, "the syntax is RE2's: no look-around, no back references")
        primary = bool(f.get("primaryKey"))
        typed = type_ in ("integer", "number", "date", "timestamp")
        if p.get("widths") and not typed:
            raise self.fail(f"{where}/widths", f"is not carried out for the type {type_}", "numbers and dates have it")
        mask = p.get("mask")
        classification = self.choice(f.get("classification"), CLASSIFICATIONS, f"{where}/classification")
        whole = mask and mask != "text"  # the value itself is personal; a text only may hold something that is
        if whole and classification not in ("personal", "sensitive"):
            raise self.fail(where, "is masked but not classified personal or sensitive")
        if mask and type_ != "string":
            raise self.fail(where, "is masked, so it is a string")
        if whole and (options or f.get("enum")):
            hint = "rules see the masked form"
            raise self.fail(where, "is masked, so it is a string without pattern, length or codes", hint)
        physical = tuple(str(n) for n in (f.get("physicalName") or name, *(p.get("aliases") or ())))
        return Field(
            name=name,
            physical=physical,
            label=f["businessName"],
            description=f["description"],
            type=type_,
            classification=classification,
            required=bool(f.get("required")) or primary,
            key_position=(f.get("primaryKeyPosition") or 1) if primary else None,
            enum=tuple(str(e["value"]) for e in f.get("enum") or ()),
            pattern=options.get("pattern"),
            min_length=options.get("minLength"),
            max_length=options.get("maxLength"),
            minimum=_text(options.get("minimum")),
            maximum=_text(options.get("maximum")),
            date_format=strptime_format(options["format"]) if options.get("format") and type_ != "string" else None,
            null_values=tuple(str(v) for v in p.get("nullValues") or ()),
            mask=self.choice(mask, MASKS, f"{where}/mask") if mask else None,
            check_digit=self.choice(p["checkDigit"], CHECK_DIGITS, f"{where}/checkDigit")
            if p.get("checkDigit")
            else None,
            unit=p.get("unit"),
            any_width=typed and (widths or self.widths(p, where)),
        )

    def carried_out(self, element: dict[str, Any], where: str) -> None:
        for name in NOT_CARRIED_OUT:
            if element.get(name):
                raise self.fail(
                    f"{where}/{name}", "is not carried out here", "such rules belong in expectations/rules/"
                )

    def options(self, type_: str, options: dict[str, Any], where: str) -> None:
        """Only options that are judged for this type, with values that can be."""
        allowed = OPTIONS.get(type_, set())
        for name, value in options.items():
            place = f"{where}/logicalTypeOptions/{name}"
            if name not in allowed:
                hint = f"allowed: {', '.join(sorted(allowed)) or 'none'}"
                raise self.fail(place, f"is not judged for the type {type_}", hint)
            if name == "format":
                if re.search("[a-zA-Z]", re.sub("%-?[a-zA-Z]|[TZ]", "", strptime_format(str(value)))):
                    raise self.fail(place, f"{value!r} is not understood", "use yyyy, MM, dd, HH, mm, ss and the like")
            elif name in ("minimum", "maximum") and not _is_value(type_, str(value)):
                raise self.fail(place, f"{value!r} is no {type_}")


@cache
def _is_value(type_: str, text: str) -> bool:
    """Whether the bound of a range can be read as its field's type."""
    if type_ == "integer":
        return re.fullmatch(r"-?\d+", text) is not None
    sql = {"number": "DOUBLE", "date": "DATE", "timestamp": "TIMESTAMP"}[type_]
    literal = text.replace("'", "''")
    return _engine().execute(f"SELECT TRY_CAST('{literal}' AS {sql}) IS NOT NULL").fetchone()[0]


@cache
def _pattern_error(pattern: str) -> str | None:
    """What DuckDB, which will match it, has against a regular expression."""
    import duckdb

    try:
        literal = pattern.replace("'", "''")
        _engine().execute(f"SELECT regexp_matches('', '{literal}')")
    except duckdb.Error as e:
        return str(e).splitlines()[0]
    return None


@cache
def _engine() -> Any:
    import duckdb

    return duckdb.connect()


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


_JDK = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S"), ("'T'", "T"),
        ("'Z'", "Z"), ("XXX", "%z"), ("M", "%-m"), ("d", "%-d"), ("H", "%-H"))  # fmt: skip


def strptime_format(pattern: str) -> str:
    """A JDK DateTimeFormatter pattern (as the standard asks for) as DuckDB's strptime pattern.

    >>> strptime_format("M/d/yyyy H:mm")
    '%-m/%-d/%Y %-H:%M'
    """
    out, i = "", 0
    while i < len(pattern):
        for jdk, strp in _JDK:
            if pattern.startswith(jdk, i):
                out, i = out + strp, i + len(jdk)
                break
        else:
            out, i = out + pattern[i], i + 1
    return out
