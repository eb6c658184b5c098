"""The schema `raw` of brain.duckdb: what dbt's sources name, over the files that the ledger's entries list.

A file counts because an entry names it, never because it lies in a folder: what an interrupted run left behind is not
read. Record types without a file get an empty relation with every column typed, so that each model builds in each
profile.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from brain import journal
from brain.settings import Settings
from ingest.contract import Source, load_sources
from ingest.landing import Segment
from ingest.ledger import LedgerEntry, batches, live_entries
from ingest.raw import relation_sql
from warehouse import connect

BATCHES = {
    "seq": "BIGINT",
    "kind": "VARCHAR",
    "source": "VARCHAR",
    "record": "VARCHAR",
    "fetch_id": "VARCHAR",
    "committed_at": "TIMESTAMP",
    "as_of": "DATE",
    "contract_version": "VARCHAR",
    "received": "BIGINT",
    "new": "BIGINT",
    "unchanged": "BIGINT",
    "withdrawn": "BIGINT",
    "quarantined": "BIGINT",
    "declared_total": "BIGINT",
    "entry_hash": "VARCHAR",
}
PAYLOADS = {
    "fetch_id": "VARCHAR",
    "payload": "INTEGER",
    "url": "VARCHAR",
    "status": "INTEGER",
    "received_at": "TIMESTAMP",
    "segment": "VARCHAR",
    "payload_offset": "BIGINT",
    "length": "BIGINT",
    "sha256": "VARCHAR",
    "stored_sha256": "VARCHAR",
}
QUARANTINE = {
    "quarantine_id": "VARCHAR",
    "source": "VARCHAR",
    "record": "VARCHAR",
    "batch": "BIGINT",
    "payload": "INTEGER",
    "pointer": "VARCHAR",
    "record_id": "VARCHAR",
    "reasons": "VARCHAR[]",
    "raw_json": "VARCHAR",
    "quarantined_at": "TIMESTAMP",
}
SOURCES = {
    "source": "VARCHAR",
    "title": "VARCHAR",
    "domain": "VARCHAR",
    "schedule": "VARCHAR",
    "freshness_hours": "DOUBLE",
    "profile": "VARCHAR",
}


def create(settings: Settings, entries: list[LedgerEntry], path: Path) -> int:
    """Make the schema `raw` in the database at `path`; returns the number of relations.

    Every record type of every source file has its relation, those of other profiles an empty one.
    """
    con = connect.read_write(path)
    try:
        con.execute("create schema if not exists raw")
        sources = load_sources(settings, all_profiles=True)
        files = committed_files(settings, entries)
        for source in sources.values():
            for record in source.records:
                sql = relation_sql(record, files.get((source.name, record.name), []))
                con.execute(f"create or replace view raw.{connect.quoted(record.table)} as {sql}")
        _table(con, "sources", SOURCES, _source_rows(settings, sources))
        _table(con, "ledger__batches", BATCHES, map(_batch_row, batches(entries)))
        _table(con, "ledger__payloads", PAYLOADS, _payload_rows(settings, entries))
        _quarantine(con, settings, entries)
        for kind in journal.COLUMNS:
            _journal(con, settings, kind)
        return con.execute("select count(*) from information_schema.tables where table_schema = 'raw'").fetchone()[0]
    finally:
        con.close()


def committed_files(settings: Settings, entries: list[LedgerEntry]) -> dict[tuple[str, str], list[Path]]:
    """Raw files of each (source, record type): those of its live entries, in the order of the ledger."""
    files: dict[tuple[str, str], list[Path]] = {}
    for entry in live_entries(entries):
        files.setdefault((entry.source, entry.record), []).extend(settings.home / f["path"] for f in entry.data["raw"])
    return files


def _table(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], rows: Iterable[dict[str, Any]]) -> None:
    """A table of the given DuckDB types from rows of texts and numbers (times as ISO text, UTC)."""
    rows = list(rows)
    arrow = {
        "BIGINT": pa.int64(), "INTEGER": pa.int32(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(),
    }  # fmt: skip
    table = pa.table({c: pa.array([r.get(c) for r in rows], arrow.get(t, pa.string())) for c, t in columns.items()})
    con.register("given", table)
    chosen = ", ".join(f"{_cast(connect.quoted(c), t)} as {connect.quoted(c)}" for c, t in columns.items())
    con.execute(f"create or replace table raw.{name} as select {chosen} from given")
    con.unregister("given")


def _cast(column: str, type_: str) -> str:
    """Times come with their offset and are kept in UTC, whatever the time zone of the machine."""
    if type_ == "TIMESTAMP":
        return f"timezone('UTC', cast({column} as timestamptz))"
    return f"cast({column} as {type_})"


def _source_rows(settings: Settings, sources: dict[str, Source]) -> Iterable[dict[str, Any]]:
    """The sources of this profile: one of another profile is neither due nor stale here."""
    for s in sources.values():
        if settings.profile in s.profiles:
            yield {
                "source": s.name,
                "title": s.title,
                "domain": s.domain,
                "schedule": s.schedule,
                "freshness_hours": s.freshness_hours,
                "profile": settings.profile,
            }


def _batch_row(entry: LedgerEntry) -> dict[str, Any]:
    data = entry.data
    same = {name: data.get(name) for name in BATCHES}
    return {**same, "seq": entry.seq, "committed_at": entry.committed_at, "entry_hash": entry.leaf}


def _payload_rows(settings: Settings, entries: list[LedgerEntry]) -> Iterable[dict[str, Any]]:
    """Payloads of every fetch that an entry names; a fetch shared by several record types counts once."""
    seen: set[str] = set()
    for entry in entries:
        data = entry.data
        if not data.get("landing") or data["fetch_id"] in seen:
            continue
        seen.add(data["fetch_id"])
        for p in Segment(settings.home / data["landing"]["segment"]).entries():
            yield {
                "fetch_id": data["fetch_id"],
                "payload": p.payload,
                "url": p.url,
                "status": p.status,
                "received_at": p.received_at,
                "segment": data["landing"]["segment"],
                "payload_offset": p.offset,
                "length": p.length,
                "sha256": p.sha256,
                "stored_sha256": p.stored_sha256,
            }


def _quarantine(con: duckdb.DuckDBPyConnection, settings: Settings, entries: list[LedgerEntry]) -> None:
    """View over the quarantine files of live entries. `quarantine_id` is `<batch>-<n>`, n counting from 1 in file
    order."""
    files = [
        {
            "path": str(settings.home / e.data["quarantine"]["path"]),
            "batch": e.seq,
            "source": e.source,
            "record": e.record,
            "quarantined_at": e.committed_at,
        }
        for e in live_entries(entries)
        if e.data["quarantine"]
    ]
    columns = {"path": "VARCHAR", **{c: QUARANTINE[c] for c in ("batch", "source", "record", "quarantined_at")}}
    _table(con, "quarantine__files", columns, files)
    if files:
        paths = ", ".join(connect.literal(f["path"]) for f in files)
        body = (
            "select f.batch || '-' || (q.file_row_number + 1) as quarantine_id, f.source, f.record, f.batch, "
            "q.payload, q.pointer, q.record_id, q.reasons, q.raw_json, f.quarantined_at "
            f"from read_parquet([{paths}], filename = true, file_row_number = true) as q "
            "inner join raw.quarantine__files as f on q.filename = f.path"
        )
    else:
        typed = ", ".join(f"cast(null as {t}) as {connect.quoted(c)}" for c, t in QUARANTINE.items())
        body = f"select {typed} limit 0"
    con.execute(f"create or replace view raw.quarantine__records as {body}")


def _journal(con: duckdb.DuckDBPyConnection, settings: Settings, kind: str) -> None:
    """View over the journal as it grows: read at any time, it shows the run that is going on too."""
    types = ", ".join(f"{connect.quoted(c)}: '{t}'" for c, t in journal.COLUMNS[kind].items())
    files = connect.literal(str(settings.journal / kind / "*.jsonl"))
    con.execute(
        f"create or replace view raw.journal__{kind} as select * from read_json({files}, format = 'newline_delimited', "
        f"columns = {{{types}}}, ignore_errors = true) where run_id is not null"
    )
