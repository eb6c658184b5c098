"""A snapshot that comes in parts: whether all parts are there, by what the contract says or the last one had."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from ingest.contract import Server

SHOWN = 3  # names in a reason


def why_incomplete(
    server: Server, parts: Sequence[str], as_of: date | None, before: Sequence[str], before_as_of: date | None
) -> str | None:
    """Why the files of one delivery cannot be all; None where they may be. What a missing part holds is not withdrawn.

    `parts`, `before`: addresses of its files and of those of the last committed delivery. Where the contract gives no
    number, a part that the last delivery had is missing; dates in the names are not compared.
    """
    if server.parts is not None:
        return None if len(parts) >= server.parts else f"{len(parts)} of {server.parts} files"
    had = {_undated(server, address, before_as_of): address for address in before}
    lacking = sorted(had[name] for name in set(had) - {_undated(server, address, as_of) for address in parts})
    if not lacking:
        return None
    names = ", ".join(lacking[:SHOWN]) + (", …" if len(lacking) > SHOWN else "")
    return f"{len(parts)} files, without what were {names} in the delivery before"


def _undated(server: Server, address: str, as_of: date | None) -> str:
    """An address without what its date changes: what `asOf` finds in the name, and the date or year in its folders."""
    folder, slash, name = address.rpartition("/")
    found = re.search(server.as_of, name) if server.as_of else None
    if found and found.groups():
        name = name[: found.start(1)] + name[found.end(1) :]
    if as_of is None:
        return folder + slash + name
    for form in ("%Y%m%d", "%Y-%m-%d", "%Y%m", "%Y-%m", "%Y"):
        folder, name = (re.sub(rf"(?<!\d){as_of:{form}}(?!\d)", "", text) for text in (folder, name))
    return folder + slash + name
