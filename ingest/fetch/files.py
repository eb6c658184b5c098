"""File drops: the files that match a server's pattern below the drop root, each a delivery of its own."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from brain.errors import FetchError
from brain.settings import Settings
from ingest.contract import Server
from ingest.fetch import Payload

UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", ".swp", ".bak", ".unfinished")


@dataclass(frozen=True)
class DropFile:
    """One file of a drop; `address` is its name below the root, so that no path of a machine is recorded."""

    path: Path
    address: str
    as_of: date | None


def find_files(server: Server, settings: Settings) -> list[DropFile]:
    """Matching files in the order of their as-of date, then name; empty where there is no drop or no match."""
    if settings.drop is None:
        return []
    root = settings.drop
    found = []
    for path in sorted(root.glob(server.location)):
        if _is_leftover(path.relative_to(root)):
            continue
        if path.is_file() and path.resolve().is_relative_to(root):
            found.append(DropFile(path, path.relative_to(root).as_posix(), as_of_date(server, path.name)))
    return sorted(found, key=lambda f: (f.as_of or date.min, f.address))


def _is_leftover(address: Path) -> bool:
    """Whether a file is what a program lays beside those of people: a lock, a hidden or unfinished copy, a backup.

    Excel's lock of a workbook (~$a.xlsx) ends as the workbook does and holds its editor's name.
    """
    name = address.name.lower()
    hidden = any(part.startswith(".") for part in address.parts)
    return hidden or name.startswith(("~$", "~wrl")) or name.endswith(("~", *UNFINISHED))


def as_of_date(server: Server, name: str) -> date | None:
    """The as-of date of a delivery: a literal of the contract, or what its pattern finds in the file's name."""
    if not server.as_of:
        return None
    try:
        return date.fromisoformat(server.as_of)
    except ValueError:
        found = re.search(server.as_of, name)
    if not found:
        raise FetchError(f"{name} has no date where {server.name}.asOf looks for it", "rename it, or mend asOf")
    text = found.group(1)
    try:
        if period := re.fullmatch(r"(\d{4})(?:-?(\d{2}))?", text):  # what is told of a year is told at its end
            year, month = int(period[1]), int(period[2] or 12)
            return date(year, month, monthrange(year, month)[1])
        return date.fromisoformat(text)
    except ValueError as e:  # IllegalMonthError is one
        hint = "yyyy-mm-dd, yyyymmdd, yyyy-mm, yyyymm or yyyy is expected"
        raise FetchError(f"{name}: {text!r} is no date", hint) from e


def fetch_file(file: DropFile, server: Server) -> Iterator[Payload]:
    """The file's bytes as one payload; its time is the file's own."""
    try:
        stat = file.path.stat()
        if stat.st_size > server.limit("maxBytes"):
            raise FetchError(f"{file.address} has {stat.st_size} bytes, more than the contract's maxBytes")
        body = file.path.read_bytes()
        after = file.path.stat()
    except OSError as e:
        raise FetchError(f"{file.address} cannot be read: {e.strerror}") from e
    if (after.st_size, after.st_mtime_ns) != (stat.st_size, stat.st_mtime_ns) or len(body) != stat.st_size:
        hint = "run again later; best is to write under another name and rename at the end"
        raise FetchError(f"{file.address} changed while it was read: somebody is still writing it", hint)
    if not body:
        raise FetchError(f"{file.address} is empty", "ask the source for the file again")
    modified = datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="seconds")
    yield Payload(body, f"drop:{file.address}", 200, datetime.now(UTC), {"Last-Modified": modified})
