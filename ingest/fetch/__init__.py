"""How bytes are obtained. Nothing else in the project knows the network or the file drop.

A fetcher yields `Payload`s: the wire bytes exactly as received, compressed or not, with where and when they came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brain.settings import Settings
    from ingest.contract import Server, Source


@dataclass(frozen=True)
class Payload:
    """One response or one file.

    `body`: the bytes as received. `url`: address without credentials. `status`: HTTP status, 200 for files.
    `headers`: what is needed to read the body again (`Content-Encoding`, `Content-Type`, `ETag`, `Last-Modified`).
    `received_at`: UTC. `declared_total`: records the source says there are over the whole fetch, if it says so.
    `rows`: the elements of the page decoded as `FetchContext.row`, where the fetcher had to look at the page anyway.
    """

    body: bytes
    url: str
    status: int
    received_at: datetime
    headers: dict[str, str] = field(default_factory=dict)
    declared_total: int | None = None
    rows: list[Any] | None = None


@dataclass(frozen=True)
class FetchContext:
    """What a fetcher may know: the settings, its source, and where an incremental fetch begins.

    `since`: value for the server's incremental parameter (ISO 8601 text), None = everything. `thorough`: walk on behind
    the declared total, until the source has no more pages. `row`: what the reader makes of an element of a JSON page.
    """

    settings: Settings
    source: Source
    since: str | None = None
    progress: Callable[[str], None] = lambda message: None
    thorough: bool = False
    row: Any = None


def fetch(server: Server, ctx: FetchContext) -> Iterator[Payload]:
    """Obtain the payloads of one endpoint or table of the contract; files of a drop are fetched one by one."""
    if server.type == "database":
        from ingest.fetch.database import fetch_database

        return fetch_database(server, ctx)
    from ingest.fetch.http import fetch_http

    return fetch_http(server, ctx)
