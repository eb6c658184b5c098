"""What a source is asked for when it can tell what is new."""

from __future__ import annotations

from datetime import datetime, timedelta

from ingest.contract import Server


def asked_since(server: Server, mark: str) -> str:
    """The incremental parameter for a watermark (UTC, ISO 8601 without zone), as the source wants it.

    It is moved back by the contract's overlap, for records that the source delivers late; what comes again counts as
    unchanged. Cutting it to seconds or days moves it back too, never forward.
    """
    if not server.since_overlap_days and not server.since_granularity:
        return mark + "Z"
    at = datetime.fromisoformat(mark) - timedelta(days=server.since_overlap_days)
    if server.since_granularity == "day":
        return at.date().isoformat()
    return at.isoformat(timespec="seconds" if server.since_granularity == "second" else "auto") + "Z"
