"""Excel workbooks, read in a child process: a hostile sheet may eat memory or crash its reader, never the run."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator

MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 300
WALL_SECONDS = 600


def read_workbook(content: bytes, sheet: str | None = None) -> Iterator[tuple[str, list[str | None]]]:
    """Locator (`Sheet1!7`) and cells as text of every row that is not empty, of one sheet or of all in order.

    Dates come as ISO text, whole numbers without a fraction. Raises PayloadError where the child fails or passes its
    limits (2 GiB of memory, 300 s of processor time).
    """
    from brain.errors import PayloadError  # not at the top: the child runs this file alone

    with tempfile.NamedTemporaryFile(suffix=".xlsx") as book, tempfile.TemporaryFile("w+") as out:
        book.write(content)
        book.flush()
        command = [sys.executable, "-I", __file__, book.name, sheet or ""]
        try:
            done = subprocess.run(
                command, stdout=out, stderr=subprocess.PIPE, timeout=WALL_SECONDS, preexec_fn=_limit, text=True
            )
        except subprocess.TimeoutExpired:
            raise PayloadError(f"the workbook was not read within {WALL_SECONDS} s") from None
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:200]
            raise PayloadError(f"the workbook cannot be read: {reason}", "is it a real .xlsx file?")
        out.seek(0)
        for line in out:
            where, cells = json.loads(line)
            yield where, cells


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def _child(path: str, sheet: str) -> None:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    if sheet and sheet not in book.sheetnames:
        sys.exit(f"no sheet of the declared name; it has {len(book.sheetnames)} sheets")
    for name in [sheet] if sheet else book.sheetnames:
        for number, row in enumerate(book[name].iter_rows(values_only=True), 1):
            cells = [_text(v) for v in row]
            if any(c is not None for c in cells):
                sys.stdout.write(json.dumps([f"{name}!{number}", cells], ensure_ascii=False) + "\n")


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
