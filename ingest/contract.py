"""The source files: Open Data Contract Standard documents as frozen types, and the words that may stand in them.

`ingest.contract_reader` validates a document and makes these; after `load_sources` nothing is checked again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import yaml

from brain.errors import ContractError
from brain.settings import Settings

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
    "service": "科技服务",
    "finance": "财政与科技金融",
    "plan": "规划指标与任务",
    "steward": "人工处置",
    "resolution": "实体识别",
    "reference": "参照数据",
}
DELIVERIES = ("snapshot", "changes", "history")
TYPES = ("string", "integer", "number", "boolean", "date", "timestamp", "array", "object")
CLASSIFICATIONS = ("public", "internal", "personal", "sensitive")
FORMATS = ("csv", "jsonl", "json", "xlsx", "xml")
MASKS = ("id_number", "phone", "email", "address", "text")
CHECK_DIGITS = ("uscc", "orcid", "ror", "id_number")
PAGING = ("none", "page", "offset", "cursor", "link", "oai")
LIST_SIZES = ("exact", "estimate")
GRANULARITIES = ("second", "day")
AUTH = ("bearer", "header", "login", "hmac")
ALGORITHMS = ("sha256", "sha512")
ENCODINGS = ("hex", "base64")
TIMESTAMPS = ("seconds", "millis", "iso", "http")
# What a signed message may be made of; `signature` exists in headers only.
SIGNED = ("method", "host", "path", "query", "sorted_query", "timestamp", "nonce", "body_sha256", "key_id")

SERVER_PROPERTIES = {
    "records", "asOf", "items", "delimiter", "sheet", "headerRows", "format", "encoding",
    "fallbackFor", "optional", "total", "paging", "since", "auth", "limits", "params", "namespaces",
}  # fmt: skip
DATABASE_PROPERTIES = {"table", "query", "batchRows"}
TEXT_MASK = 2  # to be raised with every change of what ingest/privacy.py hides in free text
FORM_PROPERTIES = {"sheets", "skipRows", "headerJoin", "fillMerged", "sumRows", "footer", "taken", "member", "together"}
SERVER_PROPERTIES |= DATABASE_PROPERTIES | FORM_PROPERTIES
RECORD_PROPERTIES = {"class", "delivery", "versionFields", "ignoredFields", "when", "deletedWhen", "keyNote", "widths"}
FIELD_PROPERTIES = {"aliases", "nullValues", "mask", "checkDigit", "unit", "widths"}
OPTIONS = {
    "string": {"pattern", "minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "date": {"format", "minimum", "maximum"},
    "timestamp": {"format", "minimum", "maximum"},
}
SERVERS = ("local", "api", "postgresql", "postgres", "custom")  # the last three: databases
TAKEN_FROM = ("file", "sheet", "cell")
NOT_CARRIED_OUT = ("unique", "quality")  # rules that the standard allows and nothing here would judge
LIMITS = {
    "timeoutSeconds": 30, "deadlineSeconds": 900, "retries": 5, "perSecond": 0, "maxBytes": 512 * 1024 * 1024,
    "maxRatio": 200,
}  # fmt: skip


@dataclass(frozen=True)
class Paging:
    """How an endpoint is walked. `next` is a pointer (cursor, link); `start` the first page number.

    `list_size`: whether the size that an OAI-PMH repository tells of its list is exact.
    """

    kind: str = "none"
    param: str | None = None
    size_param: str | None = None
    size: int | None = None
    start: int = 1
    next: str | None = None
    list_size: str = "exact"


@dataclass(frozen=True)
class Auth:
    """`scheme`: bearer (Authorization) or header (`header` names it). `secret`: name of the secret, never its value."""

    scheme: str
    secret: str
    header: str = "X-Api-Key"


@dataclass(frozen=True)
class Login:
    """A token from an address of the source. `secrets`: their field → name of our secret; `fields` go as they stand.

    `token`, `expires`: JSON pointers into the answer to the token and its life in seconds. It is sent as `prefix` and
    token in `header`.
    """

    address: str
    secrets: tuple[tuple[str, str], ...]
    token: str
    fields: tuple[tuple[str, str], ...] = ()
    method: str = "POST"
    body: str = "form"
    expires: str | None = None
    header: str = "Authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True)
class Signature:
    """An HMAC over `message`, sent in `headers`: templates over SIGNED. `secret`, `key_id`: names of secrets."""

    secret: str
    message: str
    headers: tuple[tuple[str, str], ...]
    key_id: str | None = None
    algorithm: str = "sha256"
    encoding: str = "hex"
    timestamp: str = "seconds"


@dataclass(frozen=True)
class Query:
    """What is read of a database: a table (of `schema`, if named) or the text of one SELECT.

    `batch_rows`: rows of one landed payload. `user`, `secret`: who asks, and the name of the password.
    """

    table: str | None
    schema: str | None
    text: str | None
    batch_rows: int = 5000
    user: str | None = None
    secret: str | None = None


@dataclass(frozen=True)
class Taken:
    """A column whose one value stands beside a table: in the file's address, the sheet's name or a cell above it.

    `column`: the physical name it gets. `cell`: row and column from 1. `pattern`: its group 1 is the value.
    """

    column: str
    origin: str
    pattern: str | None
    cell: tuple[int, int] | None = None


@dataclass(frozen=True)
class Form:
    """How a table lies in a file. Patterns are Python's; rows are judged by their first filled cell without spaces.

    `sheets`: those that have a table, as (record type or None for all of the server, pattern of their names).
    `skip_rows`: rows above the header. `join`: what joins the levels of a header. `sum_rows`: rows that are left out.
    `footer`: rows that end the table.
    """

    sheets: tuple[tuple[str | None, str], ...] = ()
    skip_rows: int = 0
    join: str | None = None
    fill_merged: bool = False
    sum_rows: str | None = None
    footer: str | None = None
    taken: tuple[Taken, ...] = ()

    @property
    def is_loose(self) -> bool:
        """Whether names of columns are compared without white space and widths."""
        return self.join is not None or self.skip_rows > 0


@dataclass(frozen=True)
class Server:
    """One file pattern, one endpoint or one table of a source.

    `type`: local, api or database.
    `location`: path pattern below the drop root (local), URL (api) or SQLAlchemy address (database).
    `records`: record types read from each row.
    `as_of`: ISO date, or a regular expression whose group finds the date in the file name.
    `limits`: timeoutSeconds, deadlineSeconds, retries, perSecond, maxBytes, maxRatio. `since_overlap_days`: by how much
    the watermark is moved back when it is sent. `together`: the files of one as-of date are one delivery, of `parts`
    files where the contract knows how many. `namespaces`: prefix → XML namespace, as physical names use them.
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
    optional: bool = False
    total: str | None = None
    paging: Paging = Paging()
    since_param: str | None = None
    since_field: str | None = None
    since_overlap_days: float = 0
    since_granularity: str | None = None
    auth: Auth | Login | Signature | None = None
    params: tuple[tuple[str, str], ...] = ()
    namespaces: tuple[tuple[str, str], ...] = ()
    query: Query | None = None
    form: Form = Form()
    member: str | None = None
    together: bool = False
    parts: int | None = None
    limits: tuple[tuple[str, float], ...] = tuple(LIMITS.items())

    def limit(self, name: str) -> float:
        return dict(self.limits)[name]


@dataclass(frozen=True)
class Field:
    """One property of a record type.

    `physical`: the names it has in the source, first match wins; a name beginning with `/` is a JSON pointer.
    `label`: Chinese. `date_format`: strptime pattern. `null_values`: sentinels that mean unknown. `any_width`: numbers
    and dates are read as offices type them, full-width and with thousands separators.
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
    any_width: bool = False

    @property
    def is_nested(self) -> bool:
        return self.type in ("array", "object")

    @property
    def has_pseudonym(self) -> bool:
        """Whether a keyed pseudonym stands beside it; of a masked text nothing could be joined."""
        return self.mask is not None and self.mask != "text"

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
        found |= {f"{f.name}_pseudonym": None for f in self.fields if f.has_pseudonym}
        return tuple(sorted(found.items()))

    @cached_property
    def raw_digest(self) -> str:
        """Hash of everything that decides what raw holds: names, types, keys, masks, rules.

        When it changes, raw is derived again from landing, so what was refused is judged again too.
        """
        told = {"label", "description", "classification", "unit"}  # words for people: they change nothing in raw
        later = {"any_width"}  # came later: where they are not used the hash is what it was
        shape = {
            "fields": [
                {k: v for k, v in vars(f).items() if k not in told and (v or k not in later)} for f in self.fields
            ],
            "ignored": self.ignored,
            "delivery": [self.delivery, self.version_fields, self.when, self.deleted_when],
        }
        if any(f.mask == "text" for f in self.fields):
            shape["text_mask"] = TEXT_MASK
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
        return any(f.is_personal or f.mask for r in self.records for f in r.fields)

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
    from ingest.contract_reader import read_source  # it is made of the types above

    return read_source(path, document)
