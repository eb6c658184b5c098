"""Where tables lie within a file: titles above a header of several rows, sums and remarks among and below the rows.

A file is one table, a workbook of declared `sheets` has one on each. What is left out is counted, never silent.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from brain.errors import PayloadError
from ingest.contract import Form, Server, Taken

Cells = list[str | None]
Row = tuple[str, Cells]
# What Excel shows where a formula came to nothing (ECMA-376, part 1, 18.18.11).
CELL_ERRORS = frozenset(("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"))
UNCALCULATED = "\0"  # begins a formula of which the workbook holds no value; no cell can hold this character
csv.field_size_limit(64 * 1024 * 1024)


@dataclass
class Table:
    """One table: the names of its columns, what stands beside it (name → value), and its rows as they come.

    `sheet`: None where sheets are not told apart. `skipped`: rows left out so far. `required`: places of columns that a
    record must fill; by them a row below the footer that is a record all the same is found and given with its reason.
    """

    sheet: str | None
    header: list[str]
    taken: dict[str, str | None]
    rows: Iterator[tuple[str, Cells, str | None]] = field(default_factory=lambda: iter(()))
    skipped: int = 0
    required: tuple[int, ...] = ()


def tables(server: Server, payload: int, rows: Iterator[Row], address: str) -> Iterator[Table]:
    """The tables of one file, to be read in turn. `address`: of the payload, for what is taken of the file's name."""
    if server.format != "xlsx" or not server.form.sheets:
        yield _table(server, payload, rows, None, address)
        return
    waiting = _Waiting(rows)
    while waiting.row is not None:
        sheet = waiting.row[0].rpartition("!")[0]
        yield _table(server, payload, waiting.of(lambda row, s=sheet: row[0].rpartition("!")[0] == s), sheet, address)
        for _ in waiting.of(lambda row, s=sheet: row[0].rpartition("!")[0] == s):
            pass


def sheet_records(server: Server, sheet: str | None) -> tuple[str, ...]:
    """Record types that the rows of a sheet are read for."""
    if sheet is None:
        return server.records
    named = [record for record, pattern in server.form.sheets if re.search(pattern, sheet)]
    return server.records if None in named else tuple(n for n in server.records if n in named)


class _Waiting:
    """An iterator that knows the row it stands at."""

    def __init__(self, rows: Iterator[Row]):
        self._rows = rows
        self.row = next(rows, None)

    def of(self, mine: Callable[[Row], bool]) -> Iterator[Row]:
        while self.row is not None and mine(self.row):
            row, self.row = self.row, next(self._rows, None)
            yield row


def _table(server: Server, payload: int, rows: Iterator[Row], sheet: str | None, address: str) -> Table:
    form = server.form
    where = f"payload {payload} of {server.name}" + (f", sheet {sheet}" if sheet else "")
    titles: dict[int, Cells] = {}
    levels: list[Cells] = []
    for pointer, cells in rows:
        if (number := row_number(pointer)) <= form.skip_rows:
            titles[number] = cells
            continue
        levels.append(cells)
        if len(levels) == server.header_rows:
            break
    header = _header(levels, form)
    if not any(header):
        raise PayloadError(f"{where} is empty: no header row", "look at `skipRows` and `headerRows`")
    table = Table(sheet, header, {t.column: _taken(t, titles, sheet, address) for t in form.taken})
    table.rows = _rows(table, form, rows)
    return table


def _header(levels: list[Cells], form: Form) -> list[str]:
    if not levels:
        return []
    name = loose if form.is_loose else lambda text: text.strip()
    if form.join is None:
        return [name(str(c or "")) for c in levels[-1]]
    width = max(map(len, levels))
    header = []
    for i in range(width):
        parts: list[str] = []
        for level in levels:
            part = name(str(level[i] or "")) if i < len(level) else ""
            if part and part not in parts[-1:]:
                parts.append(part)
        header.append(form.join.join(parts))
    return header


def _taken(t: Taken, titles: dict[int, Cells], sheet: str | None, address: str) -> str | None:
    if t.origin == "file":
        text: str | None = unquote(address.removeprefix("drop:"))
    elif t.origin == "sheet":
        text = sheet
    else:
        row, column = t.cell or (0, 0)
        cells = titles.get(row, [])
        text = cells[column - 1] if column <= len(cells) else None
    if text is None or t.pattern is None:
        return text and text.strip()
    found = re.search(t.pattern, text)
    return (found[1] or "").strip() or None if found else None


def _rows(table: Table, form: Form, rows: Iterator[Row]) -> Iterator[tuple[str, Cells, str | None]]:
    if not (form.is_loose or form.sum_rows or form.footer):
        for pointer, cells in rows:
            yield pointer, cells, None
        return
    sums, footer = (re.compile(p) if p else None for p in (form.sum_rows, form.footer))
    ended = False
    for pointer, cells in rows:
        first = next((c for c in cells if c and not c.isspace()), None)
        if first is None:  # nothing stands there
            continue
        first = loose(first)
        is_footer = footer is not None and footer.search(first) is not None
        ended = ended or is_footer
        if is_footer or (sums is not None and sums.search(first)):
            table.skipped += 1
        elif not ended:
            yield pointer, cells, None
        elif _is_full(cells, table.required):
            yield pointer, cells, "below_footer"
        else:
            table.skipped += 1


def _is_full(cells: Cells, required: tuple[int, ...]) -> bool:
    """Whether a row below the footer is more than one remark: two cells are filled, and all that a record must fill."""
    return bool(required) and all(i < len(cells) and cells[i] for i in required) and sum(map(bool, cells)) > 1


def loose(text: str) -> str:
    """A name without white space, in the width that NFKC gives it: 营业收入（千元） and 营业收入⏎(千元) are one."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def row_number(pointer: str) -> int:
    """The row of a sheet, the first line of a CSV row."""
    return int(pointer.rpartition("!")[2]) if "!" in pointer else int(pointer[1:].partition("-")[0])


def csv_rows(server: Server, payload: int, content: bytes) -> Iterator[tuple[str, list[str]]]:
    """Locator and cells of every row, header included; strict in encoding and quoting."""
    encoding = server.encoding.lower().replace("_", "-")
    if encoding == "utf-8-sig":
        content = content.removeprefix(b"\xef\xbb\xbf")
        encoding = "utf-8"

    def lines() -> Iterator[str]:
        for number, line in enumerate(content.splitlines(keepends=True), 1):
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError as e:
                raise PayloadError(
                    f"payload {payload} of {server.name}: line {number}, byte {e.start} is not {server.encoding}",
                    "the source changed its encoding, or the contract names a wrong one",
                ) from e
            if "\0" in text:
                raise PayloadError(f"payload {payload} of {server.name}: line {number} holds a NUL character")
            yield text

    reader = csv.reader(lines(), delimiter=server.delimiter, strict=True)
    before = 0
    try:
        for cells in reader:
            first, last = before + 1, reader.line_num
            before = last
            if cells:
                yield (f"L{first}" if first == last else f"L{first}-{last}"), cells
    except csv.Error as e:
        raise PayloadError(f"payload {payload} of {server.name}: line {reader.line_num}: {e}") from e
