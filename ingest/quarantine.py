"""What was refused, and why; a person may look at it and, with a reason, let it in."""

from __future__ import annotations

import getpass
import shutil
from datetime import date
from typing import Any

import duckdb

from brain.errors import BrainError
from brain.journal import append
from brain.keys import load_keys
from brain.settings import Settings
from ingest.landing import Segment
from ingest.ledger import Ledger, LedgerEntry, live_entries
from ingest.raw import Stager
from ingest.records import content_of, locate
from ingest.run import (
    Batch,
    SourceRun,
    batch_of,
    place_files,
    remove_uncommitted,
    reread,
    source_lock,
    source_of,
)


def list_items(settings: Settings, source: str | None = None) -> list[dict[str, Any]]:
    """Refused records, newest batch first: `id` (`<batch>-<n>`), place, reasons, and `raw` without personal values."""
    ledger = Ledger(settings)
    entries = ledger.entries(source)
    live = live_entries(entries)
    released = {_place(e, e.data["released"]) for e in live if e.data.get("released")}
    items = []
    for e in reversed(live):
        items += [{**i, "released": _place(e, i) in released} for i in _items(settings, e)]
    return items


def _place(entry: LedgerEntry, row: dict[str, Any]) -> tuple[str, str, int, str]:
    """What a row of landing is known by, also after raw was derived again and batches got new numbers."""
    return entry.record, entry.data["fetch_id"], row["payload"], row["pointer"]


def _items(settings: Settings, entry: LedgerEntry) -> list[dict[str, Any]]:
    ref = entry.data["quarantine"]
    if not ref:
        return []
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT file_row_number + 1, payload, pointer, record_id, reasons, raw_json FROM "
            f"read_parquet('{settings.home / ref['path']}', file_row_number = true) ORDER BY 1"
        ).fetchall()
    return [
        {
            "id": f"{entry.seq}-{n}",
            "source": entry.source,
            "record": entry.record,
            "batch": entry.seq,
            "reasons": reasons,
            "record_id": record_id,
            "payload": payload,
            "pointer": pointer,
            "raw": raw,
        }
        for n, payload, pointer, record_id, reasons, raw in rows
    ]


def _find(settings: Settings, ledger: Ledger, item_id: str) -> tuple[LedgerEntry, dict[str, Any]]:
    batch = item_id.partition("-")[0]
    for e in live_entries(ledger.entries()):
        if str(e.seq) == batch:
            for item in _items(settings, e):
                if item["id"] == item_id:
                    return e, item
    raise BrainError(f"nothing in quarantine is called {item_id!r}", "`brain quarantine list` shows the ids")


def show(settings: Settings, item_id: str) -> dict[str, Any]:
    """One refused record with the original as landed. Who looked is written to the journal first."""
    ledger = Ledger(settings)
    entry, item = _find(settings, ledger, item_id)
    append(settings, "access", [{"who": getpass.getuser(), "action": "quarantine show", "ref": item_id}])
    source = source_of(settings, entry.source, any_profile=True)
    server = next(s for s in source.servers if s.name == entry.data["server"])
    segment = Segment(settings.home / entry.data["landing"]["segment"], ledger.keys)
    landed = segment.entries()[item["payload"]]
    original = locate(server, content_of(server, landed, segment.body(landed)), item["pointer"])
    if isinstance(original, bytes):
        original = original.decode(server.encoding, "replace")
    return {**item, "url": landed.url, "received_at": landed.received_at, "original": original}


def release(settings: Settings, item_id: str, why: str) -> Batch:
    """Let a refused record in as it is, entered in the ledger with who and why; what cannot be typed becomes NULL.

    Raises BrainError where the row cannot be read as a record at all, or was released before.
    """
    ledger = Ledger(settings)
    entry, _ = _find(settings, ledger, item_id)
    source = source_of(settings, entry.source, any_profile=True)
    with source_lock(settings, entry.source):
        run = SourceRun(settings, source, False, None, lambda text: None)
        live = live_entries(ledger.entries(entry.source, entry.record))
        entry, item = _find(settings, ledger, item_id)
        if _place(entry, item) in {_place(e, e.data["released"]) for e in live if e.data.get("released")}:
            raise BrainError(f"{item_id} was released before")
        remove_uncommitted(settings, ledger, source.name)
        server = next(s for s in source.servers if s.name == entry.data["server"])
        shape = run.shapes[entry.record]
        work = settings.work / source.name / f"release-{item_id}"
        shutil.rmtree(work, ignore_errors=True)
        as_of = date.fromisoformat(entry.data["as_of"]) if entry.data["as_of"] else None
        stager = Stager(shape, work, *run.hash_file(live), as_of)
        stager.accept = True
        try:
            for read, at in reread(settings, load_keys(settings), source, entry, server, [shape]):
                one = read.only(item["pointer"]) if read.payload == item["payload"] else None
                if one and one.rows:
                    stager.add(one, at)
            staged = stager.finish(False)
            if not staged.new:
                raise BrainError(
                    f"{item_id} cannot be read as a record: {', '.join(item['reasons'])}", "ask the source to mend it"
                )
            keep = ("fetch_id", "server", "address", "as_of", "since", "landing", "delivery", "declared_total")
            last = live[-1].data
            body = {
                **run.body("accepted", shape.record, last["generation"]),
                **{k: entry.data.get(k) for k in keep},
                **staged.stats(),
                "watermark": entry.data["watermark"],
                "reasons": {},
                "raw": [],
                "quarantine": None,
                "hashes": last["hashes"],
                "holds": [],
                "released": {
                    "quarantine_id": item_id,
                    "payload": item["payload"],
                    "pointer": item["pointer"],
                    "by": getpass.getuser(),
                    "why": why,
                },
            }
            [fresh] = ledger.commit([body], lambda seq, b: place_files(settings, seq, b, staged))
        except BaseException:
            stager.abandon()
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return batch_of(fresh)
