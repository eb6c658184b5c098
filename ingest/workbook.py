"""Excel workbooks, read in a child process: a hostile sheet may eat memory or crash its reader, never the run.

One child reads many workbooks one after the other, because starting it takes a quarter of a second. It is replaced when
it fails and after BOOKS of them; it ends when this process closes its input, at the latest by ending itself.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import resource
import select
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:  # the child runs this file alone
    from ingest.contract import Form

MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 300  # of one child
WALL_SECONDS = 600  # of one workbook
BOOKS = 50
UNPACKED_BYTES = 512 * 1024**2  # of all parts of a workbook, as its archive declares them; it gives no more than that
MERGED_RANGES = 100_000

_lock = threading.Lock()
_child: _Child | None = None


def read_workbook(
    content: bytes, sheet: str | None = None, *, form: Form | None = None, header_rows: int = 1
) -> Iterator[tuple[str, list[str | None]]]:
    """Locator (`Sheet1!7`) and cells as text of every row that is not empty, of one sheet or of all in order.

    `form`: names further sheets, and says where merged cells are filled. Dates come as ISO text, whole numbers without
    a fraction, a formula without a value as NUL and its text. Raises PayloadError where the child fails or passes its
    limits (512 MiB unpacked, 2 GiB of memory, 300 s of processor time).
    """
    wanted: dict[str, Any] = {"sheet": sheet, "sheets": [], "fill": [0, 0], "unpacked": UNPACKED_BYTES}
    if form is not None:
        head = (form.skip_rows + 1, form.skip_rows + header_rows) if form.join is not None else (0, 0)
        body = (form.skip_rows + header_rows + 1, 1 << 31) if form.fill_merged else (0, 0)
        wanted |= {"sheets": [pattern for _, pattern in form.sheets], "fill": [*head, *body]}
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as book, tempfile.NamedTemporaryFile("w+", suffix=".jsonl") as out:
        book.write(content)
        book.flush()
        _ask({"book": book.name, "out": out.name, **wanted})
        for line in out:
            where, cells = json.loads(line)
            yield where, cells


class _Child:
    """A process that reads workbooks on request."""

    def __init__(self) -> None:
        self.complaints: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            preexec_fn=_limit,
        )
        self.books = 0
        self.owner = os.getpid()

    def read(self, request: dict[str, Any]) -> str | None:
        """What is wrong with a workbook; None if its rows are written. Raises TimeoutError, and EOFError at its end."""
        assert self.process.stdin and self.process.stdout
        self.books += 1
        self.complaints.seek(0)  # of the books before
        self.complaints.truncate()
        until = time.monotonic() + WALL_SECONDS
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise EOFError from None
        answer = b""
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(self.process.stdout.fileno(), 4096)
            if not part:
                raise EOFError
            answer += part
        return json.loads(answer)

    def last_words(self) -> str:
        """Why it ended: the last line that Python wrote, or the signal."""
        code = self.process.wait()
        self.complaints.seek(0)
        lines = self.complaints.read().strip().splitlines()
        return (lines or [f"exit code {code}"])[-1][:200]

    def end(self) -> None:
        if self.process.poll() is None and self.owner == os.getpid():
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.complaints):
            if stream:
                with suppress(OSError):
                    stream.close()


def _ask(request: dict[str, Any]) -> None:
    from brain.errors import PayloadError

    global _child
    with _lock:
        if _child is None or _child.owner != os.getpid() or _child.books >= BOOKS or _child.process.poll() is not None:
            end_child()
            _child = _Child()
        try:
            reason = _child.read(request)
        except TimeoutError:
            end_child()
            raise PayloadError(f"the workbook was not read within {WALL_SECONDS} s") from None
        except EOFError:
            reason = _child.last_words()
            end_child()
        if reason is not None:
            raise PayloadError(f"the workbook cannot be read: {reason}", "is it a real .xlsx file?")


def end_child() -> None:
    """End the process that reads workbooks, if there is one; the next workbook gets a new one."""
    global _child
    if _child is not None:
        _child.end()
    _child = None


atexit.register(end_child)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


# -- the child: nothing of the project is imported from here on -------------------------------------------------------


def _serve() -> None:
    import openpyxl  # noqa: F401  once, before the first workbook

    for line in sys.stdin:
        request = json.loads(line)
        reason = None
        try:
            with open(request["out"], "w", encoding="utf-8") as out:
                _read(request, out)
        except MemoryError:
            raise  # what is left of this process is not to be trusted with another workbook
        except _Unreadable as e:
            reason = str(e)
        except Exception as e:  # whatever openpyxl meets; its message may quote cells
            reason = type(e).__name__
        sys.stdout.write(json.dumps(reason) + "\n")
        sys.stdout.flush()


class _Unreadable(Exception):
    """Said to the user as it stands; quotes no cell."""


def _read(request: dict[str, Any], out: IO[str]) -> None:
    import openpyxl

    with zipfile.ZipFile(request["book"]) as archive:
        if sum(i.file_size for i in archive.infolist()) > request["unpacked"]:
            raise _Unreadable(f"it unpacks to more than {request['unpacked']:,} bytes")
    book = openpyxl.load_workbook(request["book"], read_only=True, data_only=True)
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
            formulas = openpyxl.load_workbook(request["book"], read_only=True)
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
    for row in sheet.iter_rows(values_only=True):
        cells = [_text(v) for v in row]
        if formulas is not None:
            for i, formula in enumerate(next(written)):
                if i < len(cells) and cells[i] is None and formula is not None:
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
