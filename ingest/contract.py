"""The source files: Open Data Contract Standard documents, validated and read into frozen types.

A contract is checked twice: against the standard's own JSON schema (which rejects unknown keys) and against the closed
list of custom properties below (which the standard leaves open). After `load_sources` nothing is checked again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import yaml

from brain.errors import ContractError
from brain.settings import PROFILES, Settings

STANDARD = "v3.2.0"
SUFFIX = ".odcs.yaml"

CLASSES = {
    "platform": "平台载体",
    "project": "科技项目",
    "outcome": "科技成果",
    "talent": "科技人才",
    "expert": "专家资源",
    "institution": "机构",
    "integrity": "科研诚信",
    "enterprise": "企业",
    "report": "科技报告",
    "reference": "参照数据",
}
DELIVERIES = ("snapshot", "changes", "history")
TYPES = ("string", "integer", "number", "boolean", "date", "timestamp", "array", "object")
CLASSIFICATIONS = ("public", "internal", "personal", "sensitive")
FORMATS = ("csv", "jsonl", "json", "xlsx")
MASKS = ("id_number", "phone", "email", "address")
CHECK_DIGITS = ("uscc", "orcid", "ror", "id_number")
PAGING = ("none", "page", "offset", "cursor", "link")
AUTH = ("bearer", "header")

SERVER_PROPERTIES = {
    "records", "asOf", "items", "delimiter", "sheet", "headerRows", "format", "encoding",
    "fallbackFor", "total", "paging", "since", "auth", "limits", "params",
}  # fmt: skip
RECORD_PROPERTIES = {"class", "delivery", "versionFields", "ignoredFields", "when", "deletedWhen", "keyNote"}
FIELD_PROPERTIES = {"aliases", "nullValues", "mask", "checkDigit", "unit"}
OPTIONS = {
    "string": {"pattern", "minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "date": {"format", "minimum", "maximum"},
    "timestamp": {"format", "minimum", "maximum"},
}
NOT_CARRIED_OUT = ("unique", "quality")  # rules that the standard allows and nothing here would judge
LIMITS = {
    "timeoutSeconds": 30, "deadlineSeconds": 900, "retries": 5, "perSecond": 0, "maxBytes": 512 * 1024 * 1024,
    "maxRatio": 200,
}  # fmt: skip


@dataclass(frozen=True)
class Paging:
    """How an endpoint is walked. `next` is a JSON pointer (cursor, link); `start` the first page number."""

    kind: str = "none"
    param: str | None = None
    size_param: str | None = None
    size: int | None = None
    start: int = 1
    next: str | None = None


@dataclass(frozen=True)
class Auth:
    """`scheme`: bearer (Authorization) or header (`header` names it). `secret`: name of the secret, never its value."""

    scheme: str
    secret: str
    header: str = "X-Api-Key"


@dataclass(frozen=True)
class Server:
    """One file pattern or one endpoint of a source.

    `location`: path pattern below the drop root (local) or URL (api). `records`: record types read from each row.
    `as_of`: ISO date, or a regular expression whose group finds the date in the file name.
    `limits`: timeoutSeconds, deadlineSeconds, retries, perSecond, maxBytes, maxRatio.
    """

    name: str
    type: str
    profile: str
    location: str
    format: str
    encoding: str
    records: tuple[str, ...]
    items: str = ""
    as_of: str | None = None
    delimiter: str = ","
    sheet: str | None = None
    header_rows: int = 1
    fallback_for: str | None = None
    total: str | None = None
    paging: Paging = Paging()
    since_param: str | None = None
    since_field: str | None = None
    auth: Auth | None = None
    params: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, float], ...] = tuple(LIMITS.items())

    def limit(self, name: str) -> float:
        return dict(self.limits)[name]


@dataclass(frozen=True)
class Field:
    """One property of a record type.

    `physical`: the names it has in the source, first match wins; a name beginning with `/` is a JSON pointer.
    `label`: Chinese. `date_format`: strptime pattern. `null_values`: sentinels that mean unknown.
    """

    name: str
    physical: tuple[str, ...]
    label: str
    description: str
    type: str
    classification: str
    required: bool = False
    key_position: int | None = None
    enum: tuple[str, ...] = ()
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    date_format: str | None = None
    null_values: tuple[str, ...] = ()
    mask: str | None = None
    check_digit: str | None = None
    unit: str | None = None

    @property
    def is_nested(self) -> bool:
        return self.type in ("array", "object")

    @property
    def is_personal(self) -> bool:
        return self.classification in ("personal", "sensitive")


@dataclass(frozen=True)
class Record:
    """One record type of a source; `key` is empty where the canonical hash identifies a record."""

    source: str
    name: str
    label: str
    description: str
    class_: str
    delivery: str
    fields: tuple[Field, ...]
    version_fields: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    when: tuple[str, bool] | None = None
    deleted_when: tuple[str, tuple[str, ...]] | None = None
    key_note: str = ""

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Names of the key fields in order."""
        keys = [f for f in self.fields if f.key_position is not None]
        return tuple(f.name for f in sorted(keys, key=lambda f: f.key_position or 0))

    @property
    def table(self) -> str:
        """Name of its relation in the schema `raw`."""
        return f"{self.source}__{self.name}"

    def field(self, name: str) -> Field:
        return next(f for f in self.fields if f.name == name)

    @cached_property
    def columns(self) -> tuple[tuple[str, Field | None], ...]:
        """Columns of raw by name; a masked field `x` has its keyed pseudonym `x_pseudonym` (no field) beside it."""
        found: dict[str, Field | None] = {f.name: f for f in self.fields}
        found |= {f"{f.name}_pseudonym": None for f in self.fields if f.mask}
        return tuple(sorted(found.items()))

    @cached_property
    def raw_digest(self) -> str:
        """Hash of everything that decides what raw holds: names, types, keys, masks, rules.

        When it changes, raw is derived again from landing, so what was refused is judged again too.
        """
        told = {"label", "description", "classification", "unit"}  # words for people: they change nothing in raw
        shape = {
            "fields": [{k: v for k, v in vars(f).items() if k not in told} for f in self.fields],
            "ignored": self.ignored,
            "delivery": [self.delivery, self.version_fields, self.when, self.deleted_when],
        }
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Source:
    """One source system: its servers, its record types and what was agreed about time."""

    name: str
    title: str
    version: str
    domain: str
    purpose: str
    limitations: str
    servers: tuple[Server, ...]
    records: tuple[Record, ...]
    schedule: str | None
    freshness_hours: float | None
    retention_years: float | None
    path: Path

    def record(self, name: str) -> Record:
        return next(r for r in self.records if r.name == name)

    @cached_property
    def is_personal(self) -> bool:
        """Whether its payloads are encrypted in landing."""
        return any(f.is_personal for r in self.records for f in r.fields)

    @property
    def profiles(self) -> frozenset[str]:
        return frozenset(s.profile for s in self.servers)


def source_files(settings: Settings) -> list[Path]:
    """Every source file of the configured folders, by name."""
    paths = [p for d in settings.source_dirs for p in sorted(d.glob("*" + SUFFIX))]
    if not paths:
        folders = ", ".join(str(d) for d in settings.source_dirs)
        raise ContractError(f"no source file (*{SUFFIX}) in {folders}", "set BRAIN_SOURCES")
    return sorted(paths, key=lambda p: p.name)


def load_sources(settings: Settings, *, all_profiles: bool = False) -> dict[str, Source]:
    """Read and validate every source file; by default those that belong to the profile, by name."""
    sources: dict[str, Source] = {}
    for path in source_files(settings):
        source = load_source(path)
        if source.name in sources:
            raise ContractError(f"source {source.name} is declared twice", f"{path} and {sources[source.name].path}")
        sources[source.name] = source
    if all_profiles:
        return sources
    return {name: s for name, s in sources.items() if settings.profile in s.profiles}


def load_source(path: Path) -> Source:
    """Read one source file; raises ContractError naming file, place and what is allowed there."""
    return _load_text(path, path.read_text(encoding="utf-8"))


@cache
def _load_text(path: Path, text: str) -> Source:
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "unknown line"
        raise ContractError(f"{path.name} is not YAML: {getattr(e, 'problem', e)}", where) from e
    if not isinstance(document, dict):
        raise ContractError(f"{path.name} holds no contract", "see docs/sources.md")
    return _Reader(path).source(document)


@cache
def _validator() -> Any:
    from jsonschema import Draft201909Validator

    schema = json.loads(package_files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
    return Draft201909Validator(schema)


class _Reader:
    """Reads one document; every complaint names the file and the place."""

    def __init__(self, path: Path):
        self.path = path

    def fail(self, where: str, what: str, hint: str | None = None) -> ContractError:
        return ContractError(f"{self.path.name}: {where}: {what}", hint)

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
        servers = tuple(self.server(s, records) for s in doc.get("servers") or ())
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

    def props(self, element: dict[str, Any], allowed: set[str], where: str) -> dict[str, Any]:
        """Custom properties as a dict; an unknown or repeated name is an error."""
        found: dict[str, Any] = {}
        for p in element.get("customProperties") or ():
            name = p["property"]
            if name not in allowed:
                raise self.fail(
                    where, f"unknown custom property {name!r}", f"allowed: {', '.join(sorted(allowed)) or '-'}"
                )
            if name in found:
                raise self.fail(where, f"custom property {name!r} stands twice")
            found[name] = p["value"]
        return found

    def choice(self, value: Any, allowed: Iterable[str], where: str) -> Any:
        if value not in tuple(allowed):
            raise self.fail(where, f"{value!r} is unknown", f"use one of: {', '.join(allowed)}")
        return value

    def shape(self, value: Any, allowed: dict[str, Any], where: str) -> dict[str, Any]:
        """A mapping with no other keys than `allowed` (name → default)."""
        if not isinstance(value, dict) or set(value) - set(allowed):
            raise self.fail(where, f"{value!r} is not of the form", f"keys: {', '.join(allowed)}")
        return {**allowed, **value}

    def server(self, s: dict[str, Any], records: tuple[Record, ...]) -> Server:
        where = f"servers/{s['server']}"
        kind = self.choice(s["type"], ("local", "api"), f"{where}/type")
        p = self.props(s, SERVER_PROPERTIES, where)
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
            a = self.shape(p["auth"], {"scheme": None, "secret": None, "header": "X-Api-Key"}, f"{where}/auth")
            self.choice(a["scheme"], AUTH, f"{where}/auth/scheme")
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", str(a["secret"])):
                raise self.fail(
                    f"{where}/auth/secret", "is no secret's name", "A-Z, 0-9 and _; the value never stands here"
                )
            auth = Auth(a["scheme"], a["secret"], a["header"])
        encoding = s.get("encoding") or p.get("encoding") or "utf-8"
        try:
            "".encode(encoding)
        except LookupError:
            raise self.fail(f"{where}/encoding", f"{encoding!r} is unknown to Python") from None
        format_ = self.choice(s.get("format") or p.get("format") or "json", FORMATS, f"{where}/format")
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
            location=s["path"] if kind == "local" else s["location"],
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

    def record(self, source: str, obj: dict[str, Any]) -> Record:
        name = obj["name"]
        where = f"schema/{name}"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or "__" in name:
            raise self.fail(where, "is no record type's name", "use lower case letters, digits, single underscores")
        p = self.props(obj, RECORD_PROPERTIES, where)
        self.carried_out(obj, where)
        fields = tuple(self.field(f, where) for f in obj.get("properties") or ())
        names = [f.name for f in fields]
        made = {f"{f.name}_pseudonym" for f in fields if f.mask}
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

    def field(self, f: dict[str, Any], where: str) -> Field:
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
        mask = p.get("mask")
        classification = self.choice(f.get("classification"), CLASSIFICATIONS, f"{where}/classification")
        if mask and classification not in ("personal", "sensitive"):
            raise self.fail(where, "is masked but not classified personal or sensitive")
        if mask and (type_ != "string" or options or f.get("enum")):
            raise self.fail(
                where, "is masked, so it is a string without pattern, length or codes", "rules see the masked form"
            )
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
