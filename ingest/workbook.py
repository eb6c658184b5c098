"""Excel workbooks, read in a child process: a hostile sheet may eat memory or crash its reader, never the run.

One child reads many workbooks one after the other, because starting it takes a quarter of a second. It is replaced when
it fails and after BOOKS of them; it ends when this process closes its input, at the latest by ending itself. Workbooks
and rows go through pipes, what a child complains of stays in memory: no disk ever holds a clear copy of a payload.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import re
import resource
import select
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:  # the child runs this file alone
    from ingest.contract import Form

MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 300  # of one child
WALL_SECONDS = 600  # that one workbook may keep us waiting
BOOKS = 50
UNPACKED_BYTES = 512 * 1024**2  # of all parts of a workbook, as its archive declares them; it gives no more than that
MERGED_RANGES = 100_000
PIPE_BYTES = 1 << 16
# Type of a cell whose formula came to a text (ECMA-376, part 1, 18.18.11); openpyxl leaves it where the text is empty.
CALCULATED_TEXT = "str"

_idle: list[_Child] = []


def read_workbook(
    content: bytes, sheet: str | None = None, *, form: Form | None = None, header_rows: int = 1
) -> Iterator[tuple[str, list[str | None]]]:
    """Locator (`Sheet1!7`) and cells as text of every row that is not empty, of one sheet or of all in order.

    `form`: names further sheets, and says where merged cells are filled. Dates come as ISO text, whole numbers without
    a fraction, a formula without a value as NUL and its text. Raises PayloadError where the child fails or passes its
    limits (512 MiB unpacked, 2 GiB of memory, 300 s of processor time), which may be after the first rows.
    """
    from brain.errors import PayloadError

    wanted: dict[str, Any] = {"sheet": sheet, "sheets": [], "fill": [0, 0], "unpacked": UNPACKED_BYTES}
    if form is not None:
        head = (form.skip_rows + 1, form.skip_rows + header_rows) if form.join is not None else (0, 0)
        body = (form.skip_rows + header_rows + 1, 1 << 31) if form.fill_merged else (0, 0)
        wanted |= {"sheets": [pattern for _, pattern in form.sheets], "fill": [*head, *body]}
    child = _take()
    try:
        reason = yield from child.rows(content, wanted)
    except TimeoutError:
        child.end()
        raise PayloadError(f"the workbook was not read within {WALL_SECONDS} s") from None
    except EOFError:
        reason = child.last_words()
        child.end()
    except BaseException:  # nobody wants the rest of its rows
        child.end()
        raise
    else:
        _idle.append(child)
    if reason is not None:
        raise PayloadError(f"the workbook cannot be read: {reason}", "is it a real .xlsx file?")


class _Child:
    """A process that reads workbooks on request."""

    def __init__(self) -> None:
        self.complaints: IO[bytes] = os.fdopen(os.memfd_create("complaints"), "r+b")
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-W", "ignore", __file__],  # a warning may quote a cell
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            preexec_fn=_limit,
        )
        self.books = 0
        self.owner = os.getpid()

    def rows(self, content: bytes, wanted: dict[str, Any]) -> Iterator[tuple[str, list[str | None]]]:
        """The rows of a workbook; returns what is wrong with it. Raises TimeoutError, and EOFError at its end."""
        assert self.process.stdin and self.process.stdout
        self.books += 1
        self.complaints.seek(0)  # of the books before
        self.complaints.truncate()
        try:  # it takes the whole workbook before it says a word
            self.process.stdin.write(json.dumps({**wanted, "bytes": len(content)}).encode() + b"\n")
            self.process.stdin.write(content)
            self.process.stdin.flush()
        except OSError:
            raise EOFError from None
        waiting, rest = float(WALL_SECONDS), bytearray()
        while True:
            asked = time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, waiting))
            waiting -= time.monotonic() - asked
            if not ready:
                raise TimeoutError
            part = os.read(self.process.stdout.fileno(), PIPE_BYTES)
            if not part:
                raise EOFError
            rest += part
            if b"\n" not in part:
                continue
            *lines, rest = rest.split(b"\n")
            for line in lines:
                said = json.loads(line)
                if isinstance(said, dict):
                    return said["reason"]
                yield said[0], said[1]

    def last_words(self) -> str:
        """Why it ended: the last line that Python wrote, or the signal."""
        code = self.process.wait()
        self.complaints.seek(0)
        lines = self.complaints.read().decode("utf-8", "replace").strip().splitlines()
        return (lines or [f"exit code {code}"])[-1][:200]

    def is_fit(self) -> bool:
        """Whether it may be asked for another workbook."""
        return self.owner == os.getpid() and self.books < BOOKS and self.process.poll() is None

    def end(self) -> None:
        if self.owner == os.getpid() and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.complaints):
            if stream:
                with suppress(OSError):
                    stream.close()


def _take() -> _Child:
    """A process that reads nothing now, begun where there is none."""
    while _idle:
        child = _idle.pop()
        if child.is_fit():
            return child
        child.end()
    return _Child()


def end_children() -> None:
    """End the processes that wait for workbooks; the next workbook gets a new one."""
    while _idle:
        _idle.pop().end()


atexit.register(end_children)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the memory of a reader that crashes is no file


# -- the child: nothing of the project is imported from here on -------------------------------------------------------


def _serve() -> None:
    import openpyxl  # noqa: F401  once, before the first workbook

    out = sys.stdout
    out.reconfigure(encoding="utf-8", newline="\n")
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        reason = None
        try:
            _read(request, sys.stdin.buffer.read(request["bytes"]), out)
        except (MemoryError, BrokenPipeError):
            raise  # what is left of this process is not to be trusted with another workbook, or nobody listens
        except _Unreadable as e:
            reason = str(e)
        except Exception as e:  # whatever openpyxl meets; its message may quote cells
            reason = type(e).__name__
        out.write(json.dumps({"reason": reason}) + "\n")
        out.flush()


class _Unreadable(Exception):
    """Said to the user as it stands; quotes no cell."""


def _read(request: dict[str, Any], content: bytes, out: IO[str]) -> None:
    import openpyxl

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(i.file_size for i in archive.infolist()) > request["unpacked"]:
            raise _Unreadable(f"it unpacks to more than {request['unpacked']:,} bytes")
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    names = [s.title for s in book.worksheets]
    if request["sheet"]:
        chosen = [n for n in names if n == request["sheet"]]
    elif request["sheets"]:
        chosen = [n for n in names if any(re.search(p, n) for p in request["sheets"])]
    else:
        chosen = names
    if not chosen:
        raise _Unreadable(f"no sheet of the declared name; it has {len(names)} sheets")
    formulas = None
    for name in chosen:
        sheet = book[name]
        merged, has_formulas = _look(book._archive, sheet._worksheet_path)
        if has_formulas and formulas is None:
            formulas = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
        rows = _rows(sheet, formulas[name] if has_formulas and formulas else None)
        for number, row in enumerate(_filled(rows, merged, request["fill"]), 1):
            if any(c is not None for c in row):
                out.write(json.dumps([f"{name}!{number}", row], ensure_ascii=False) + "\n")


def _rows(sheet: Any, formulas: Any) -> Iterator[list[str | None]]:
    """Every row from the first on, as wide as the widest before it."""
    width = 0
    sheet.reset_dimensions()  # what a sheet says of its own size may be wrong, and costs rows then
    if formulas is not None:
        formulas.reset_dimensions()
        written = formulas.iter_rows(values_only=True)
    for row in sheet.iter_rows(values_only=formulas is None):
        if formulas is None:
            cells = [_text(v) for v in row]
        else:
            cells = [_text(c.value) for c in row]
            for i, formula in enumerate(next(written)):
                if i < len(cells) and cells[i] is None and formula is not None and row[i].data_type != CALCULATED_TEXT:
                    cells[i] = f"\0{getattr(formula, 'text', formula)}"
        width = max(width, len(cells))
        yield cells + [None] * (width - len(cells))


def _look(archive: Any, path: str) -> tuple[list[tuple[int, int, int, int]], bool]:
    """Merged ranges (top, left, bottom, right from 1) and whether there are formulas, of the XML without parsing it."""
    merged, has_formulas, tail = [], False, b""
    with archive.open(path) as xml:
        while part := xml.read(1 << 20):
            part = tail + part
            has_formulas = has_formulas or re.search(rb"<(?:\w+:)?f[ />]", part) is not None
            end = 0
            for m in re.finditer(rb'<(?:\w+:)?mergeCell\b[^>]*?\bref="([A-Z]+)(\d+):([A-Z]+)(\d+)"', part):
                merged.append((int(m[2]), _column(m[1]), int(m[4]), _column(m[3])))
                end = m.end()
                if len(merged) > MERGED_RANGES:
                    raise _Unreadable(f"more than {MERGED_RANGES} merged ranges in a sheet")
            tail = part[max(end, len(part) - 200) :]
    return sorted(merged), has_formulas


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _filled(
    rows: Iterator[list[str | None]], merged: list[tuple[int, int, int, int]], fill: list[int]
) -> Iterator[list[str | None]]:
    """Rows in whose declared parts (pairs of first and last row) every cell of a merged range has its value."""
    parts = [(a, b) for a, b in zip(fill[::2], fill[1::2], strict=True) if b]
    waiting = merged[::-1] if parts else []
    active: list[tuple[int, int, int, str]] = []  # bottom, left, right, value
    for number, row in enumerate(rows, 1):
        while waiting and waiting[-1][0] <= number:
            top, left, bottom, right = waiting.pop()
            value = row[left - 1] if top == number and left <= len(row) else None
            if value is not None:
                active.append((bottom, left, right, value))
        active = [a for a in active if a[0] >= number]
        if any(a <= number <= b for a, b in parts):
            for _, left, right, value in active:
                row += [None] * (right - len(row))
                row[left - 1 : right] = [value if c is None else c for c in row[left - 1 : right]]
        yield row


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


if __name__ == "__main__":
    _serve()
