"""From a mart row, an entity or a record back to the bytes that a source sent."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from brain.errors import BrainError, IntegrityError
from brain.journal import append
from brain.keys import Keys, load_keys
from brain.settings import Settings
from ingest.contract import SUFFIX, Record, Source, load_source, source_files
from ingest.landing import Entry, Segment
from ingest.ledger import Ledger, LedgerEntry, live_entries
from ingest.privacy import Pseudonymiser
from ingest.raw import relation_sql
from ingest.records import Read, Reader, Shape, content_of, locator
from warehouse import connect

DATABASES = ("official", "audit")
LINKS = "map_entity_records"
LINK = ("entity_id", "entity_type", "role", "rule", "probability", "evidence", "linked_record_id", "linked_role")


def trace(settings: Settings, ref: str) -> dict[str, Any]:
    """REF is a record id (`ror:organization:…`), a mart row (`fct_projects:…`) or an entity id.

    Returns `ref`, `entities`, `records` (each with its versions, payloads and the record read again at its locator, and
    the links that say to which entities it belongs and why), `models` and `checks`. The id of an entity that was merged
    into another leads to that one. Raises BrainError where nothing is known under that name.
    """
    tracer = _Tracer(settings)
    try:
        return tracer.trace(ref)
    finally:
        tracer.close()


class _Tracer:
    def __init__(self, settings: Settings):
        self.settings = settings
        self.keys: Keys = load_keys(settings)
        self._sources: dict[str, Source | None] = {}
        self.ledger = Ledger(settings, self.keys)
        self.entries = self.ledger.entries()
        self.release = self._open_release()
        self._opened: dict[tuple[str, int, str], _Opened] = {}

    def close(self) -> None:
        if self.release:
            self.release.close()

    def _open_release(self) -> duckdb.DuckDBPyConnection | None:
        if not self.settings.current.exists():
            return None
        folder = self.settings.current.resolve()
        con = connect.memory()
        for name in DATABASES:
            connect.attach(con, folder / f"{name}.duckdb", name)
        return con

    def trace(self, ref: str) -> dict[str, Any]:
        name, _, rest = ref.partition(":")
        record_type, _, key = rest.partition(":")
        source = self._source(name) if key else None
        if source and any(r.name == record_type for r in source.records):
            record_ids = [ref]
            rows = self._rows_holding(ref)
        else:
            rows = self._rows_named(ref) or self._rows_named(self._merged_into(ref) or ref)
            if not rows:
                hint = "a record id, <mart>:<key> or an entity id, as dashboards show them"
                raise BrainError(f"nothing is known as {ref!r}", hint)
            record_ids = sorted({i for r in rows for i in r["record_ids"]})
        records = self._records(record_ids)
        if not any(r["versions"] for r in records):
            raise BrainError(f"no committed version of {ref!r}", "`brain quarantine list` shows what was refused")
        batches = sorted({v["batch"] for r in records for v in r["versions"]})
        self._add_links(records)
        return {
            "ref": ref,
            "entities": [{k: r[k] for k in ("mart", "id", "label")} for r in rows],
            "records": records,
            "models": self._models(sorted({r["mart"] for r in rows})),
            "checks": self._checks(batches),
        }

    def _source(self, name: str) -> Source | None:
        """One contract: to read and validate all of them takes longer than the trace."""
        if name not in self._sources:
            path = next((p for p in source_files(self.settings) if p.name == name + SUFFIX), None)
            self._sources[name] = load_source(path) if path else None
        return self._sources[name]

    # -- marts --------------------------------------------------------------------------------------------------

    def _marts(self) -> list[tuple[str, str, str, str | None]]:
        """(database, mart, key column, label column) of every mart whose rows name their records.

        House rule: the first column of a mart is its key.
        """
        if not self.release:
            return []
        found = self.release.execute(
            "SELECT database_name, table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
            "WHERE database_name IN ('official', 'audit') GROUP BY ALL "
            "HAVING list_contains(list(column_name), 'record_ids') ORDER BY 1, 2"
        ).fetchall()
        names = ("institution_name", "title", "platform_name", "enterprise_name", "region_name", "notice_doi")
        return [(d, t, columns[0], next((n for n in names if n in columns), None)) for d, t, columns in found]

    def _select(
        self, database: str, mart: str, key: str, label: str | None, where: str, value: str
    ) -> list[dict[str, Any]]:
        assert self.release
        shown = f'"{label}"' if label else "NULL"
        rows = self.release.execute(
            f'SELECT "{key}"::VARCHAR, {shown}::VARCHAR, record_ids::VARCHAR FROM {database}.main."{mart}" '
            f"WHERE {where} LIMIT 1000",
            [value],
        ).fetchall()
        return [
            {
                "mart": mart,
                "id": k,
                "label": None if mart == "dim_people" else text,
                "record_ids": json.loads(ids or "[]"),
            }
            for k, text, ids in rows
        ]

    def _rows_holding(self, record_id: str) -> list[dict[str, Any]]:
        found = []
        for d, m, k, label in self._marts():
            if m == LINKS:  # each record's own `links` say it better
                continue
            needle = json.dumps(record_id, ensure_ascii=False)
            found += self._select(d, m, k, label, "contains(record_ids::VARCHAR, ?)", needle)
        return found

    def _rows_named(self, ref: str) -> list[dict[str, Any]]:
        mart, _, key = ref.partition(":")
        marts = self._marts()
        chosen = [m for m in marts if m[1] == mart and key]
        value = key if chosen else ref
        found = []
        for d, m, k, label in chosen or marts:
            found += self._select(d, m, k, label, f'"{k}"::VARCHAR = ?', value)
        return found

    def _merged_into(self, entity_id: str) -> str | None:
        """The entity that one is gone into, over however many mergers; None where it is not gone."""
        if not self._has_column("audit_entity_history", "other_entity_id"):
            return None
        assert self.release
        at, seen = entity_id, {entity_id}
        while True:
            found = self.release.execute(
                "SELECT other_entity_id FROM audit.main.audit_entity_history WHERE entity_id = ? "
                "AND event_name = 'merged_into' ORDER BY event_date DESC, mention_count DESC, other_entity_id LIMIT 1",
                [at],
            ).fetchone()
            if not found or found[0] in seen:
                return at if at != entity_id else None
            at = found[0]
            seen.add(at)

    def _add_links(self, records: list[dict[str, Any]]) -> None:
        """To each record the entities that it belongs to and why: `links`, by role; none before the first release."""
        links: dict[str, list[dict[str, Any]]] = {r["record_id"]: [] for r in records}
        if self._has_column(LINKS, "link_id"):
            assert self.release
            found = self.release.execute(
                f"SELECT record_id, {', '.join(LINK)} FROM audit.main.{LINKS} "
                "WHERE record_id IN (SELECT unnest(?)) ORDER BY record_id, role, entity_type, entity_id",
                [list(links)],
            )
            for record_id, *link in found.fetchall():
                links[record_id].append(dict(zip(LINK, link, strict=True)))
        for record in records:
            record["links"] = links[record["record_id"]]

    def _models(self, marts: list[str]) -> list[dict[str, Any]]:
        return self._audit_rows("audit_model_runs", "model", marts)

    def _checks(self, batches: list[int]) -> list[dict[str, Any]]:
        return self._audit_rows("audit_check_results", "batch", batches)

    def _audit_rows(self, mart: str, column: str, values: list[Any]) -> list[dict[str, Any]]:
        if not values or not self._has_column(mart, column):
            return []
        assert self.release
        found = self.release.execute(
            f'SELECT * FROM audit.main."{mart}" WHERE list_contains(?, "{column}") LIMIT 500', [values]
        )
        names = [d[0] for d in found.description]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in found.fetchall()]

    def _has_column(self, mart: str, column: str) -> bool:
        """Whether there is a release, with this mart of the audit file and this column in it."""
        if not self.release:
            return False
        found = self.release.execute(
            "SELECT count(*) FROM duckdb_columns() WHERE database_name = 'audit' AND table_name = ? "
            "AND column_name = ?",
            [mart, column],
        ).fetchone()
        return bool(found and found[0])

    # -- records ------------------------------------------------------------------------------------------------

    def _records(self, record_ids: list[str]) -> list[dict[str, Any]]:
        """Every record with its versions; ids of one record type are looked up together."""
        groups: dict[tuple[str, str], list[str]] = {}
        for record_id in record_ids:
            source, record, _ = record_id.split(":", 2)
            groups.setdefault((source, record), []).append(record_id)
        return [r for (source, record), ids in groups.items() for r in self._of_type(source, record, ids)]

    def _of_type(self, source_name: str, record_name: str, record_ids: list[str]) -> list[dict[str, Any]]:
        source = self._source(source_name)
        if source is None:
            raise BrainError(f"there is no contract of {source_name} any more", "BRAIN_SOURCES must name its folder")
        record = source.record(record_name)
        if source.is_personal:  # what was landed is shown, so who looked is noted first
            who = getpass.getuser()
            append(self.settings, "access", [{"who": who, "action": "trace", "ref": i} for i in record_ids])
        live = live_entries([e for e in self.entries if e.source == source_name and e.record == record_name])
        by_seq = {e.seq: e for e in live}
        files = [self.settings.home / f["path"] for e in live for f in e.data["raw"]]
        with connect.memory() as con:
            rows = con.execute(
                "SELECT _record_id, _version, _change, _content_hash, _batch, _received_at, _as_of, _payload, _pointer "
                f"FROM ({relation_sql(record, files)}) WHERE _record_id IN (SELECT unnest(?)) ORDER BY _version",
                [record_ids],
            ).fetchall()
        versions: dict[str, list[dict[str, Any]]] = {i: [] for i in record_ids}
        for record_id, *row in rows:
            versions[record_id].append(self._version(source, record, by_seq[row[3]], tuple(row)))
        return [
            {"record_id": i, "source": source_name, "record": record_name, "versions": versions[i]} for i in record_ids
        ]

    def _version(self, source: Source, record: Record, entry: LedgerEntry, row: tuple) -> dict[str, Any]:
        version, change, content_hash, batch, received_at, as_of, payload, pointer = row
        data = entry.data
        found: dict[str, Any] = {
            "version": version,
            "change": change,
            "content_hash": content_hash or None,
            "batch": batch,
            "received_at": received_at.replace(tzinfo=UTC).isoformat(),
            "as_of": as_of.isoformat() if as_of else None,
            "payload": None,
            "pointer": pointer,
            "verified": None,
            "raw": None,
        }
        if change == "withdrawn":  # proven by the whole delivery, which does not hold the record
            return found
        opened = self._open(source, record, entry, payload)
        landed = opened.landed
        found["payload"] = {
            "segment": data["landing"]["segment"],
            "offset": landed.offset,
            "length": landed.length,
            "sha256": landed.sha256 or landed.stored_sha256,
            "stored_sha256": landed.stored_sha256,
            "encrypted": landed.wrapped_key is not None,
            "url": landed.url,
            "received_at": landed.received_at,
        }
        if opened.locate is None:
            found["verified"] = False
            return found
        found["raw"] = _shown(opened.locate(pointer), opened.encoding)
        found["verified"] = opened.hash_at(pointer) == content_hash
        return found

    def _open(self, source: Source, record: Record, entry: LedgerEntry, payload: int) -> _Opened:
        """A payload of a batch, proven and taken apart once however many of its records are traced."""
        data = entry.data
        key = (data["landing"]["segment"], payload, record.name)
        if key not in self._opened:
            segment = Segment(self.settings.home / data["landing"]["segment"], self.keys)
            landed = segment.entries()[payload]
            server = next(s for s in source.servers if s.name == data["server"])
            opened = _Opened(landed, server.encoding, Shape(record, Pseudonymiser(self.keys)))
            try:
                if segment.index_sha256 != data["landing"]["index_sha256"]:
                    raise IntegrityError("the landing index was changed")
                content = content_of(server, landed, segment.body(landed))
                shapes = [Shape(source.record(n), Pseudonymiser(self.keys)) for n in server.records]
                opened.locate = locator(server, content)
                opened.reads = Reader(server, shapes, keep_raw=False).read(payload, content, landed.url)
            except IntegrityError:
                pass  # told as not verified
            self._opened[key] = opened
        return self._opened[key]


@dataclass
class _Opened:
    """One landed payload. `locate` is None where its bytes are not what the ledger says."""

    landed: Entry
    encoding: str
    shape: Shape
    locate: Callable[[str], Any] | None = None
    reads: Iterator[Read] = field(default_factory=lambda: iter(()))
    rows: dict[str, Any] = field(default_factory=dict)

    def hash_at(self, pointer: str) -> str | None:
        """Content hash of the record at a locator, computed again; reads on until it comes to it."""
        while pointer not in self.rows:
            read = next(self.reads, None)
            if read is None:
                return None
            if read.record == self.shape.record.name:
                self.rows.update(zip(read.pointers, read.rows, strict=True))
        return self.shape.hashes([self.rows[pointer]])[0].hex()


def _shown(value: Any, encoding: str) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode(encoding)
        except UnicodeDecodeError:
            return value.hex()
    return msgspec.to_builtins(value)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else str(value) if isinstance(value, Path) else value
