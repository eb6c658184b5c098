"""Payload → records, each with its locator. Formats: json, jsonl, csv, xlsx, xml, behind any compression of the drop.

Locators: `/data/items/3` (JSON pointer), `L12` or `L12-14` (lines, counted from 1, of the decompressed payload),
`Sheet1!7` (sheet and row), `/list/record[4]` (element, counted from 1). `locate` reads a record again by nothing but
its locator.

A record is a *flat struct*: the contract's fields in the order of their names, as delivered (JSON scalars stay JSON
scalars, cells are text, nested values are the delivered JSON text), after masking. Its canonical form is that struct
as JSON without white space and without the fields that are absent; its content hash is the SHA-256 of that form.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import chain
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pyarrow as pa

from brain.errors import ContractError, PayloadError
from ingest import xml
from ingest.codes import CHECKS
from ingest.contract import Field, Record, Server
from ingest.fetch.body import decode_body
from ingest.landing import Entry
from ingest.pointer import tokens
from ingest.privacy import Pseudonymiser, mask
from ingest.tables import CELL_ERRORS, UNCALCULATED, Cells, Row, Table, csv_rows, loose, sheet_records, tables

# measured in bench/: columns and hashes are made of a run at once, and cost half while it is in the processor's caches
CHUNK = 2_000
SCALAR = str | int | float | bool | None
NOTHING = msgspec.Raw(b"")
HIDDEN = msgspec.Raw(b'"***"')
EMPTY = (None, "", NOTHING, msgspec.Raw(b'""'))
OAI_ROOT = "/OAI-PMH"


@dataclass
class Rejected:
    """A row that is no record of its contract. `raw` is what was delivered, for sources without personal fields."""

    payload: int
    pointer: str
    reason: str
    raw: str | None = None


@dataclass
class Read:
    """A run of records of one type: structs, their pointers, and what could not be read. All from one payload.

    `columns`, `values`: columns of the rows, by name, that were at hand already, as Arrow and as what the rows hold.
    `unread`: rows of this run that nobody could read; each may have held a record of this type too, so an omission
    means nothing. They are `rejected` once, for the first record type of the server. `skipped`: rows that the contract
    leaves out (sums and remarks of a form), told once like them.
    """

    record: str
    payload: int
    rows: list[Any] = field(default_factory=list)
    pointers: list[str] = field(default_factory=list)
    warnings: list[list[str] | None] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unread: int = 0
    skipped: int = 0
    columns: dict[str, pa.Array] = field(default_factory=dict)
    values: dict[str, Sequence[Any]] = field(default_factory=dict)

    def only(self, pointer: str) -> Read:
        """The one row at a locator; nothing where this run does not hold it."""
        if pointer not in self.pointers:
            return Read(self.record, self.payload)
        i = self.pointers.index(pointer)
        return Read(self.record, self.payload, self.rows[i : i + 1], [pointer], self.warnings[i : i + 1])


class Shape:
    """The flat struct of one record type and how delivered values become one."""

    def __init__(self, record: Record, pseudonymiser: Pseudonymiser | None):
        self.record = record
        self.columns = tuple(c for c, _ in record.columns)
        nested = {f.name for f in record.fields if f.is_nested}
        self.struct = msgspec.defstruct(
            f"{record.table}_row",
            [(c, msgspec.Raw, NOTHING) if c in nested else (c, SCALAR, None) for c in self.columns],
            omit_defaults=True,
            gc=False,  # holds scalars only, and there are millions of them
        )
        self.values = (
            attrgetter(*self.columns) if len(self.columns) > 1 else lambda row: (getattr(row, self.columns[0]),)
        )
        self._encode = msgspec.json.Encoder().encode
        self.fields = tuple(sorted(record.fields, key=lambda f: f.name))
        self.is_plain = not any(f.mask or f.check_digit for f in self.fields)
        self.as_sent = frozenset(f.name for f in self.fields if self._goes_as_sent(f))
        if any(f.has_pseudonym for f in self.fields) and pseudonymiser is None:
            raise ContractError(f"{record.source}: masked fields need the pseudonym key")
        self._pseudonym = pseudonymiser

    def _goes_as_sent(self, f: Field) -> bool:
        """Whether nothing but the canonical form and a column is made of the field's values, so that the JSON text of
        a string will do for both."""
        record = self.record
        if record.when or f.mask or f.check_digit or f.name in (*record.key, *record.version_fields):
            return False
        return f.is_nested or (f.type in ("string", "date", "timestamp") and len(f.physical) == 1)

    def make(self, values: tuple[Any, ...]) -> tuple[Any, list[str] | None]:
        """Struct and warnings from the values of `fields`, in that order."""
        if self.is_plain:
            return self.struct(*values), None
        row, warnings = {}, []
        for f, value in zip(self.fields, values, strict=True):
            given = (f.check_digit or f.mask) and value is not None and str(value).strip() not in ("", *f.null_values)
            if f.check_digit and given and not CHECKS[f.check_digit](str(value).strip()):
                warnings.append(f"check_digit:{f.name}")
            if f.mask and given:
                if f.has_pseudonym:
                    row[f"{f.name}_pseudonym"] = self._pseudonym(f.mask, str(value))
                value = mask(f.mask, str(value))
            elif f.mask:
                value = None
            row[f.name] = value
        return self.struct(**row), warnings or None

    def canonical(self, row: Any) -> bytes:
        """Canonical form: JSON object, names sorted, absent fields left out, no white space."""
        return self._encode(row)

    def masked_text(self, row: Any) -> str:
        """The canonical form without any personal value: what quarantine may keep in the open."""
        open_ = (f.name for f in self.fields if f.is_personal and not f.has_pseudonym)
        hidden = [name for name in open_ if getattr(row, name) not in EMPTY]
        if hidden:
            row = msgspec.structs.replace(row, **dict.fromkeys(hidden, HIDDEN))
        return self.canonical(row).decode()

    def hashes(self, rows: list[Any]) -> list[bytes]:
        """SHA-256 of the canonical form of each."""
        return [h.digest() for h in map(hashlib.sha256, map(self._encode, rows))]


def content_of(server: Server, entry: Entry, body: bytes) -> bytes:
    """The payload without any compression; raises PayloadError where it is broken or larger than allowed."""
    max_bytes, max_ratio = int(server.limit("maxBytes")), int(server.limit("maxRatio"))
    encoding = entry.headers.get("Content-Encoding", "")
    try:
        if encoding:
            body = decode_body(body, encoding, max_bytes, max_ratio)
        name = urlsplit(entry.url).path.lower()
        if name.endswith(".gz"):
            return decode_body(body, "gzip", max_bytes, max_ratio)
        if name.endswith(".zst"):
            return decode_body(body, "zstd", max_bytes, max_ratio)
        if name.endswith(".zip"):
            return _unzip(body, server.member, max_bytes, max_ratio)
    except (PayloadError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError) as e:
        hint = "fetch it again; the source may have sent a part of it"
        raise PayloadError(f"payload {entry.payload} of {server.name} cannot be decompressed: {e}", hint) from e
    return body


def _unzip(body: bytes, member: str | None, max_bytes: int, max_ratio: int) -> bytes:
    """The one file of an archive, or the one whose name, with or without its folder, matches the pattern `member`."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        members = [i for i in archive.infolist() if not i.is_dir()]
        if member is not None:
            names = [(i, _member_name(i)) for i in members]
            members = [i for i, n in names if fnmatchcase(n, member) or fnmatchcase(n.rpartition("/")[2], member)]
        if len(members) != 1:
            what = f"files named {member}" if member else "files"
            raise PayloadError(f"the archive holds {len(members)} {what}, one is expected")
        size = members[0].file_size
        if size > max_bytes or size > max_ratio * max(len(body), 1024):
            raise PayloadError(f"the archive unpacks to {size} bytes, more than allowed")
        with archive.open(members[0]) as f:
            data = f.read(size + 1)
        if len(data) != size:
            raise PayloadError("the archive's size is not what it declares")
        return data


def _member_name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: where it is not marked as UTF-8, many programs write that of their own system."""
    if info.flag_bits & 0x800:  # general purpose bit 11
        return info.filename
    written = info.filename.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        with suppress(UnicodeDecodeError):
            return written.decode(encoding)
    return info.filename


class Reader:
    """Reads the payloads of one server into runs of records, for every record type the server delivers."""

    def __init__(self, server: Server, shapes: list[Shape], *, keep_raw: bool):
        self.server = server
        self.shapes = shapes
        self.keep_raw = keep_raw
        ways = {"json": self._json, "jsonl": self._jsonl, "xml": self._xml}
        self._read = ways.get(server.format)
        if server.format in ("json", "jsonl", "xml"):
            self._tree = _JsonTree(server, shapes)
            self._pages = _JsonTree(server, shapes, as_sent=True)
            self._locators: list[str] = []

    @property
    def row(self) -> Any:
        """The struct of an element of a JSON page, for fetchers that look at pages; None for other formats."""
        return self._pages.element if self.server.format == "json" else None

    def read(self, payload: int, content: bytes, address: str = "", rows: list[Any] | None = None) -> Iterator[Read]:
        """Runs of at most CHUNK rows, in the order of the payload. Raises PayloadError where it is not as declared.

        `address`: of the payload; a form may take fields of it. `rows`: the elements of `content`, if somebody decoded
        them as `row` already.
        """
        if rows is not None:
            return self._json(payload, content, rows)
        if self.server.format in ("csv", "xlsx"):
            return self._tables(payload, content, address)
        return self._read(payload, content)

    # -- JSON ---------------------------------------------------------------------------------------------------

    def _json(self, payload: int, content: bytes, rows: list[Any] | None = None) -> Iterator[Read]:
        content = as_utf8(self.server, payload, content)
        try:
            rows = self._pages.page(content) if rows is None else rows
        except (msgspec.ValidationError, UnicodeDecodeError):  # at least one element is not of its contract
            elements = self._elements(payload, content)
            yield from self._each(payload, elements, 0, len(elements))
            return
        except msgspec.DecodeError as e:
            raise PayloadError(f"payload {payload} of {self.server.name} is not JSON: {e}") from e
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            pointers = self._pointers(start, start + len(some))
            try:
                reads = [
                    self._run(shape, payload, columns(some), pointers)
                    for shape, columns in zip(self.shapes, self._pages.columns, strict=True)
                ]
            except (msgspec.DecodeError, UnicodeDecodeError, pa.ArrowInvalid):
                reads = self._each(payload, self._elements(payload, content), start, start + len(some))
            yield from reads

    def _run(self, shape: Shape, payload: int, columns: list[Sequence[Any]], pointers: list[str]) -> Read:
        """A run of one record type from the columns of its delivered values.

        Raises DecodeError or ArrowInvalid where a value cannot be of its contract.
        """
        as_sent = self._pages.as_sent[shape.record.name]
        made = {}
        for is_nested in (False, True):
            places = [i for i, f in enumerate(shape.fields) if f.name in as_sent and f.is_nested == is_nested]
            for i, (values, array) in zip(places, _sent([columns[i] for i in places], is_nested), strict=True):
                columns[i] = values
                if array is not None:
                    made[shape.fields[i].name] = array
        read = self._collect(shape, payload, zip(*columns, strict=True), pointers, [], 0)
        read.columns = made
        if shape.is_plain and shape.record.when is None:  # the rows hold the columns as they are, and all of them
            read.values = {f.name: values for f, values in zip(shape.fields, columns, strict=True)}
        return read

    def _elements(self, payload: int, content: bytes) -> list[msgspec.Raw]:
        try:
            return self._tree.elements(content)
        except msgspec.DecodeError as e:
            raise PayloadError(
                f"payload {payload} of {self.server.name} has no list at {self.server.items or 'its root'}: {e}",
                "look at `items` in the source file",
            ) from e

    def _each(self, payload: int, elements: list[msgspec.Raw], start: int, end: int) -> Iterator[Read]:
        """The elements of a list, each looked at by itself."""
        texts = map(bytes, elements[start:end])
        return self._one_by_one(payload, zip(self._pointers(start, end), texts, strict=True))

    def _pointers(self, start: int, end: int) -> list[str]:
        """Locators of the elements of a list; pages share them, for they are all alike."""
        known, base = self._locators, self.server.items
        known += [f"{base}/{i}" for i in range(len(known), end)]
        return known[start:end]

    def _jsonl(self, payload: int, content: bytes) -> Iterator[Read]:
        content = as_utf8(self.server, payload, content)
        lines = ((f"L{n}", line) for n, line in enumerate(content.split(b"\n"), 1) if line.strip())
        yield from self._one_by_one(payload, lines)

    def _xml(self, payload: int, content: bytes) -> Iterator[Read]:
        """Elements as JSON texts, read like lines of JSON from there on."""
        fields = [f for shape in self.shapes for f in shape.record.fields]
        known = [(tokens(name), f.type == "array") for f in fields for name in f.physical]
        known += [(tokens(name), False) for shape in self.shapes for name in shape.record.ignored]
        try:
            yield from self._one_by_one(payload, xml_records(self.server, content, xml.Shaper(known)))
        except PayloadError as e:
            raise PayloadError(f"payload {payload} of {self.server.name}: {e.message}", e.hint) from e

    def _one_by_one(self, payload: int, texts: Iterator[tuple[str, bytes]]) -> Iterator[Read]:
        rows: list[Any] = []
        pointers: list[str] = []
        rejected: list[Rejected] = []
        for pointer, text in texts:
            try:
                rows.append(self._tree.row(text))
                pointers.append(pointer)
            except (msgspec.DecodeError, UnicodeDecodeError) as e:
                raw = text.decode("utf-8", "replace") if self.keep_raw else None
                rejected.append(Rejected(payload, pointer, _json_reason(e, self.keep_raw), raw))
            if len(rows) + len(rejected) >= CHUNK:
                yield from self._split(payload, rows, pointers, rejected)
                rows, pointers, rejected = [], [], []
        yield from self._split(payload, rows, pointers, rejected)

    def _split(self, payload: int, rows: list[Any], pointers: list[str], rejected: list[Rejected]) -> Iterator[Read]:
        unread = len(rejected)
        for shape, values in zip(self.shapes, self._tree.values, strict=True):
            yield self._collect(shape, payload, map(values, rows), pointers, rejected, unread)
            rejected = []

    def _collect(
        self,
        shape: Shape,
        payload: int,
        values: Iterator[tuple],
        pointers: list[str],
        rejected: list[Rejected],
        unread: int,
    ) -> Read:
        record = shape.record
        read = Read(record.name, payload, rejected=rejected, unread=unread)
        when = _condition(shape)
        make = shape.make
        if when is None and shape.is_plain:
            read.rows = [shape.struct(*v) for v in values]
            read.pointers = pointers
            return read
        for v, pointer in zip(values, pointers, strict=True):
            if when is None or when(v):
                row, warnings = make(v)
                read.rows.append(row)
                read.pointers.append(pointer)
                read.warnings.append(warnings)
        if not any(read.warnings):
            read.warnings = []
        return read

    # -- tables -------------------------------------------------------------------------------------------------

    def _tables(self, payload: int, content: bytes, address: str) -> Iterator[Read]:
        rows: Iterator[Row]
        if self.server.format == "xlsx":
            from ingest.workbook import read_workbook

            rows = read_workbook(content, self.server.sheet, form=self.server.form, header_rows=self.server.header_rows)
        else:
            rows = csv_rows(self.server, payload, content)
        for table in tables(self.server, payload, rows, address):
            names = sheet_records(self.server, table.sheet)
            yield from self._table(payload, table, [s for s in self.shapes if s.record.name in names])

    def _table(self, payload: int, table: Table, shapes: list[Shape]) -> Iterator[Read]:
        where = f"payload {payload} of {self.server.name}" + (f", sheet {table.sheet}" if table.sheet else "")
        header, full = list(table.header), len(table.header)
        while header and not header[-1]:  # columns without name at the end: allowed as long as they are empty
            header.pop()
        width = len(header)
        header += table.taken
        taken = list(table.taken.values())
        name = loose if self.server.form.is_loose else str
        physical = {f: tuple(dict.fromkeys(map(name, f.physical))) for s in shapes for f in s.record.fields}
        known = {n for names in physical.values() for n in names} | set(table.taken)
        known |= {name(n) for s in shapes for n in s.record.ignored}
        strange = [self._column_name(h, i) for i, h in enumerate(header, 1) if h not in known]
        twice = [self._column_name(h, i) for i, h in enumerate(header, 1) if h in header[: i - 1]]
        if twice:
            raise PayloadError(f"{where}: column {twice[0]!r} stands twice")
        for f, names in physical.items():
            if sum(n in header for n in names) > 1:
                raise PayloadError(f"{where}: two columns are both the field {f.name}", "look at `aliases`")
        place = {f: next((header.index(n) for n in names if n in header), None) for f, names in physical.items()}
        places = [[place[f] for f in s.fields] for s in shapes]
        nested = {place[f]: f.name for f in physical if f.is_nested and place[f] is not None}
        needed = {place[f] for s in shapes if s.record.when is None for f in s.record.fields if f.required}
        table.required = tuple(i for i in needed if i is not None and i < width)
        is_sheet = self.server.format == "xlsx"
        of_field = {place[f]: f.name for f in physical if place[f] is not None} if is_sheet else {}
        good: list[Cells] = []
        pointers: list[str] = []
        rejected: list[Rejected] = []

        def flush(skipped: int = 0) -> Iterator[Read]:
            left, unread = rejected, len(rejected)
            for shape, place in zip(shapes, places, strict=True):
                values = (tuple(None if i is None else r[i] for i in place) for r in good)
                if nested:  # an absent nested value is another nothing, see Shape
                    empty = [NOTHING if f.is_nested else None for f in shape.fields]
                    values = (tuple(e if x is None else x for x, e in zip(v, empty, strict=True)) for v in values)
                read = self._collect(shape, payload, values, pointers, left, unread)
                read.skipped = skipped
                yield read
                left, skipped = [], 0

        for pointer, cells, reason in table.rows:
            if is_sheet and len(cells) < width:  # a row of a sheet ends with its last filled cell
                cells = [*cells, *[None] * (width - len(cells))]
            if len(cells) > width and (is_sheet or len(cells) == full) and not any(cells[width:]):
                cells = cells[:width]
            if strange:
                reason = f"unknown_field:{strange[0]}"
            elif len(cells) != width:
                reason = f"ragged_row:{len(cells)} of {width} cells"
            else:
                cells = [*cells, *taken] if taken else cells
                if not reason and (nested or of_field):
                    reason = self._wrong_cell(cells, nested, of_field)
            if reason:
                raw = self.server.delimiter.join(str(c or "").lstrip(UNCALCULATED) for c in cells)
                rejected.append(Rejected(payload, pointer, reason, raw if self.keep_raw else None))
            else:
                good.append([c if c != "" else None for c in cells])
                pointers.append(pointer)
            if len(good) + len(rejected) >= CHUNK:
                yield from flush()
                good, pointers, rejected = [], [], []
        yield from flush(table.skipped)

    @staticmethod
    def _wrong_cell(cells: Cells, nested: dict[int, str], of_field: dict[int, str]) -> str | None:
        """Why a row is no record: JSON that is none, or a formula of a sheet that came to nothing."""
        for place, name in nested.items():
            if cells[place] and not _is_json(cells[place]):
                return f"type:{name}"
        for place, name in of_field.items():
            cell = cells[place]
            if cell is not None and (cell in CELL_ERRORS or cell.startswith(UNCALCULATED)):
                return f"formula:{name}"
        return None

    def _column_name(self, name: str, number: int) -> str:
        """What may be said of a column unknown to the contract: where persons are, it may be a person's datum."""
        return name if self.keep_raw else f"column {number}"


def as_utf8(server: Server, payload: int, content: bytes) -> bytes:
    """JSON text of the declared encoding as UTF-8; UTF-8 itself is judged record by record."""
    encoding = codecs.lookup(server.encoding).name
    if encoding in ("utf-8", "ascii"):
        return content
    try:
        return content.decode(encoding).encode()
    except UnicodeDecodeError as e:
        raise PayloadError(f"payload {payload} of {server.name}: byte {e.start} is not {server.encoding}") from e


def xml_records(server: Server, content: bytes, shaper: xml.Shaper) -> Iterator[tuple[str, bytes]]:
    """Locator and JSON text of every record of an XML document."""
    parent = OAI_ROOT if server.paging.kind == "oai" else None  # an answer without records has no list
    return xml.records(content, server.encoding, server.items, dict(server.namespaces), shaper, parent)


def locate(server: Server, content: bytes, pointer: str) -> Any:
    """The record at a locator, read again: bytes for line formats, the JSON value, or the cells of a sheet's row."""
    return locator(server, content)(pointer)


def locator(server: Server, content: bytes) -> Callable[[str], Any]:
    """`locate` for many records of one payload, which is taken apart once."""
    if server.format in ("csv", "jsonl"):
        lines = content.splitlines(keepends=True) if server.format == "csv" else content.split(b"\n")
        return lambda pointer: _lines_at(lines, pointer)
    if server.format == "json":
        document = msgspec.json.decode(as_utf8(server, 0, content))
        return lambda pointer: _value_at(document, pointer)
    if server.format == "xml":
        texts = dict(xml_records(server, content, xml.Shaper()))
        return lambda pointer: _element_at(texts, pointer)
    from ingest.workbook import read_workbook

    rows = dict(read_workbook(content, server.sheet, form=server.form, header_rows=server.header_rows))

    def cells(pointer: str) -> list[str | None]:
        if pointer not in rows:
            raise PayloadError(f"{pointer!r} is not in the workbook")
        return [c and c.lstrip(UNCALCULATED) for c in rows[pointer]]

    return cells


def _lines_at(lines: list[bytes], pointer: str) -> bytes:
    found = re.fullmatch(r"L(\d+)(?:-(\d+))?", pointer)
    if not found:
        raise PayloadError(f"{pointer!r} is no line locator")
    first, last = int(found[1]), int(found[2] or found[1])
    if last > len(lines):
        raise PayloadError(f"{pointer!r} lies behind the payload's end")
    return b"".join(lines[first - 1 : last])


def _element_at(texts: dict[str, bytes], pointer: str) -> Any:
    if pointer not in texts:
        raise PayloadError(f"{pointer!r} is not in the document")
    return msgspec.json.decode(texts[pointer])


def _value_at(document: Any, pointer: str) -> Any:
    for part in tokens(pointer):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    return True


_SCALARS = msgspec.json.Decoder(list[SCALAR])


def _condition(shape: Shape) -> Callable[[tuple], bool] | None:
    """Whether a row is a record of this type at all (contract property `when`)."""
    record = shape.record
    if record.when is None:
        return None
    name, present = record.when
    index = [f.name for f in shape.fields].index(name)
    nulls = {"", *record.field(name).null_values}

    def holds(values: tuple) -> bool:
        value = values[index]
        return (value is not None and str(value).strip() not in nulls) == present

    return holds


def _json_reason(error: Exception, tell_names: bool) -> str:
    """Why a row was not decoded. `tell_names`: names unknown to the contract are no person's datum."""
    text = str(error)
    unknown = re.search(r"unknown field `(.*?)`(?: - at `|$)", text, re.DOTALL)
    if unknown or "unknown field" in text:
        return f"unknown_field:{unknown[1]}" if unknown and tell_names else "unknown_field:?"
    if isinstance(error, msgspec.ValidationError):
        return f"type:{text[:200]}"  # msgspec names types and place, never the value
    return f"not_json:{text[:100]}" if isinstance(error, msgspec.DecodeError) else "not_utf8"


def _sent(columns: list[Sequence[msgspec.Raw]], is_nested: bool) -> list[tuple[Sequence[Any], pa.StringArray | None]]:
    """Columns of JSON texts: for each the values that its rows hold, and the column if it could be made of the texts.

    A string without any escape is written in the canonical form as it was sent, so text columns of such strings, and
    of what is absent, need no Python strings: their texts are joined, the quotes cut out, and that is what Arrow holds,
    for all columns at once. A column of anything else is decoded. Raises DecodeError for a list or an object where a
    scalar is due, ArrowInvalid for what is not UTF-8.
    """
    if not columns:
        return []
    count = len(columns[0])
    texts = list(chain.from_iterable(columns))
    joined = b"".join(texts)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(lengths)
    first = np.frombuffer(joined or b"-", np.uint8)[np.minimum(ends - lengths, max(len(joined) - 1, 0))]
    absent = (lengths == 0) | (first == ord("n"))
    if not is_nested:
        if b"\\" in joined or (first[~absent] != ord('"')).any():
            if len(columns) > 1:  # which of them is it?
                return [column for each in columns for column in _sent([each], is_nested)]
            return [(_SCALARS.decode(b"[%s]" % b",".join(v or b"null" for v in texts)), None)]
        joined = joined.replace(b'"', b"")  # without escapes there are no quotes but those around strings
        ends = np.cumsum(np.where(absent, lengths, lengths - 2))
    offsets = np.zeros(len(texts) + 1, np.int32)
    offsets[1:] = ends
    some_absent = bool(absent.any())
    known = pa.py_buffer(np.packbits(~absent, bitorder="little")) if some_absent else None
    buffers = [known, pa.py_buffer(offsets), pa.py_buffer(joined)]
    arrays = pa.Array.from_buffers(pa.binary(), len(texts), buffers).cast(pa.string())
    made = []
    for i, values in enumerate(columns):
        if some_absent and not is_nested:
            gone = absent[i * count : (i + 1) * count]
            if gone.any():
                values = [None if a else v for v, a in zip(values, gone.tolist(), strict=True)]
        made.append((values, arrays.slice(i * count, count)))
    return made


class _JsonTree:
    """Structs that decode a row's known paths and refuse any other, made from the physical names of the contract.

    `as_sent`: leave those fields that may go as they were sent (see Shape) as JSON text; `as_sent` names them by
    record type. Such text is checked as JSON, but not as UTF-8, and may be a list or an object.
    """

    def __init__(self, server: Server, shapes: list[Shape], *, as_sent: bool = False):
        self._server = server
        self._leaves: dict[tuple[str, ...], Any] = {}
        decoded = {
            n for s in shapes for f in s.record.fields if not (as_sent and f.name in s.as_sent) for n in f.physical
        }
        self.as_sent = {s.record.name: {f.name for f in s.fields if decoded.isdisjoint(f.physical)} for s in shapes}
        for shape in shapes:
            for f in shape.record.fields:
                for name in f.physical:
                    is_text = f.is_nested or f.name in self.as_sent[shape.record.name]
                    self._add(tokens(name), msgspec.Raw if is_text else SCALAR)
            for name in shape.record.ignored:
                if tokens(name) not in self._leaves:
                    self._add(tokens(name), msgspec.Raw)
        self.element, self._attributes = self._build(())
        self.values = [self._getter(s) for s in shapes]
        self.columns = [self._columns(s, values) for s, values in zip(shapes, self.values, strict=True)]
        self._row = msgspec.json.Decoder(self.element)
        self._page = msgspec.json.Decoder(_wrap(server.items, list[self.element]))
        self._raw_page = msgspec.json.Decoder(_wrap(server.items, list[msgspec.Raw]))
        self._unwrap = attrgetter(".".join("x" for _ in tokens(server.items))) if server.items else lambda page: page

    def _add(self, path: tuple[str, ...], type_: Any) -> None:
        if self._leaves.get(path, type_) is not type_ and self._leaves[path] != type_:
            type_ = msgspec.Raw
        self._leaves[path] = type_

    def _build(self, prefix: tuple[str, ...]) -> tuple[Any, dict[tuple[str, ...], str]]:
        names = sorted({p[len(prefix)] for p in self._leaves if p[: len(prefix)] == prefix and len(p) > len(prefix)})
        fields, rename, attributes = [], {}, {}
        for i, name in enumerate(names):
            path = (*prefix, name)
            attribute = f"f{i}"
            rename[attribute] = name
            if path in self._leaves:
                if any(p[: len(path)] == path and p != path for p in self._leaves):
                    raise ContractError(
                        f"{self._server.name}: /{'/'.join(path)} is both a field and the parent of fields"
                    )
                raw = self._leaves[path] is msgspec.Raw
                fields.append((attribute, self._leaves[path], NOTHING if raw else None))
                attributes[path] = attribute
            else:
                struct, below = self._build(path)
                fields.append((attribute, struct | None, None))
                attributes.update({p: f"{attribute}.{a}" for p, a in below.items()})
        return msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False), attributes

    def _getter(self, shape: Shape) -> Callable[[Any], tuple]:
        fields = shape.fields
        paths = [[self._attributes[tokens(n)] for n in f.physical] for f in fields]
        as_sent = self.as_sent[shape.record.name]
        empty = [NOTHING if f.is_nested or f.name in as_sent else None for f in fields]

        def one(row: Any, alternatives: list[str], default: Any) -> Any:
            for path in alternatives:
                value = row
                for attribute in path.split("."):
                    value = getattr(value, attribute, None)
                if value is not None and value is not NOTHING:
                    return value
            return default

        def slow(row: Any) -> tuple:
            return tuple(one(row, p, d) for p, d in zip(paths, empty, strict=True))

        if len(fields) < 2 or any(len(p) > 1 for p in paths):
            return slow
        quick = attrgetter(*(p[0] for p in paths))

        def values(row: Any) -> tuple:
            try:
                return quick(row)
            except AttributeError:  # a parent is null
                return slow(row)

        return quick if all("." not in p[0] for p in paths) else values

    def _columns(self, shape: Shape, values: Callable[[Any], tuple]) -> Callable[[list[Any]], list[Sequence[Any]]]:
        """What makes columns of rows, one for each of the shape's fields; `values` does it for one row."""
        attributes = [self._attributes[tokens(n)] for f in shape.fields for n in f.physical]
        members = self.element.__struct_fields__
        if len(attributes) != len(shape.fields) or not set(attributes) <= set(members):
            return lambda rows: list(zip(*map(values, rows), strict=True))
        places = [members.index(a) for a in attributes]

        def columns(rows: list[Any]) -> list[Sequence[Any]]:
            made = list(zip(*map(msgspec.structs.astuple, rows), strict=True))
            return [made[i] for i in places]

        return columns

    def page(self, content: bytes) -> list[Any]:
        return self._unwrap(self._page.decode(content)) or []

    def elements(self, content: bytes) -> list[msgspec.Raw]:
        return self._unwrap(self._raw_page.decode(content)) or []

    def row(self, text: bytes) -> Any:
        str(text, "utf-8")  # msgspec does not look at the encoding of what it passes over
        return self._row.decode(text)


def _wrap(items: str, type_: Any) -> Any:
    """The type of a page whose list lies at the pointer `items`; everything else of the page is skipped.

    There `null` is no items, as it is for the pager.
    """
    if items:
        type_ = type_ | None
        for name in reversed(tokens(items)):
            type_ = msgspec.defstruct("Page", [("x", type_)], rename={"x": name})
    return type_
