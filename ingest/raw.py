"""Records → typed versions in open Parquet; what breaks its contract → quarantine.

A batch goes through `Stager`: rows are typed and checked by SQL that is derived from the contract, compared with the
hashes of the last committed state, and only *new versions* are written. Everything lies in the work folder until the
ledger's commit moves it to `raw/<source>/<record>/batch=<seq>/`.

| column of raw | meaning |
|---|---|
| contract fields | typed; sentinels are NULL; arrays and objects are JSON text |
| `_record_id` | `<source>:<record>:<key>` |
| `_hash` | SHA-256 of the canonical form, 32 bytes; NULL for a withdrawal by omission |
| `_payload`, `_pointer` | locator within the batch's fetch |
| `_change` | upsert, delete (the source said so), withdrawn (a complete snapshot left it out) |
| `_version_order` | sortable text, histories only |
| `_received_at`, `_as_of` | UTC; date of the delivery if it has one |
| `_warnings` | doubts that are no reason for quarantine |
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.contract import Field, Record
from ingest.records import Read, Rejected, Shape
from ingest.widths import plain

# measured in bench/: smaller runs pay for their queries; more memory only lets a large batch take more of it
FLUSH_ROWS = 32_768
MEMORY = "128MB"
# Unicode's space separators, which are what DuckDB's trim takes away; Arrow does the same at a twentieth of the cost
SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
ZSTD = 2  # as fast as 1 for these files and a seventh smaller (bench/)
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "array": "VARCHAR",
    "object": "VARCHAR",
}
META = (
    ("_record_id", "VARCHAR"),
    ("_hash", "BLOB"),
    ("_payload", "INTEGER"),
    ("_pointer", "VARCHAR"),
    ("_change", "VARCHAR"),
    ("_version_order", "VARCHAR"),
    ("_received_at", "TIMESTAMP"),
    ("_as_of", "DATE"),
    ("_warnings", "VARCHAR[]"),
)


WARNINGS = pa.list_(pa.string())


def column_type(f: Field | None) -> str:
    """DuckDB type of a raw column; a pseudonym (no field) is text."""
    return DUCKDB_TYPES[f.type] if f else "VARCHAR"


@dataclass(frozen=True)
class FileRef:
    """A committed file: path relative to BRAIN_HOME, SHA-256 of its bytes, its rows, its length in bytes."""

    path: str
    sha256: str
    rows: int
    bytes: int


@dataclass
class Staged:
    """What a batch would commit. `received = new + unchanged + quarantined` always holds."""

    record: Record
    folder: Path
    received: int = 0
    new: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    quarantined: int = 0
    skipped: int = 0  # rows that the contract leaves out, no part of `received`
    complete: bool = True
    watermark: str | None = None
    parts: list[Path] = field(default_factory=list)
    quarantine: Path | None = None
    hashes: Path | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()  # keys that came in more than one payload, of refused records too

    def stats(self) -> dict[str, Any]:
        names = ("received", "new", "unchanged", "withdrawn", "quarantined", "skipped", "complete")
        return {n: getattr(self, n) for n in names}


@dataclass(frozen=True)
class _Run:
    """A run of rows as columns: those of the record, `_key`, `_hash`, `_pointer`, and the others of META that vary."""

    size: int
    payload: int
    received_at: datetime
    columns: dict[str, pa.Array]


class Stager:
    """Stages one batch of one record type.

    `current`: hash file of the last committed state, None before the first. `is_committed`: it is the file that the
    ledger names; another one was made again from raw and is committed with this batch, whatever the batch holds.
    """

    def __init__(
        self,
        shape: Shape,
        folder: Path,
        current: Path | None,
        is_committed: bool,
        as_of: date | None,
        watermark_field: str | None = None,
    ):
        self.shape = shape
        self.record = shape.record
        self.folder = folder
        self.current = current
        self.is_committed = is_committed
        self.as_of = as_of
        self.watermark_field = watermark_field
        self.accept = False  # a person decided that what the contract refuses is a record all the same
        self.staged = Staged(self.record, folder)
        self._rows: list[Any] = []
        self._runs: list[_Run] = []  # the same rows; the columns of each are made while it is in the caches
        self._unkeyed = 0
        self._last_received: datetime | None = None
        folder.mkdir(parents=True)
        self._con = duckdb.connect()  # what does not fit into its memory goes to the work folder
        self._con.execute(f"SET memory_limit='{MEMORY}'; SET threads=1")
        self._con.execute(f"SET temp_directory='{folder}'; SET TimeZone='UTC'")
        self._con.execute(
            "CREATE TABLE seen (ckey VARCHAR, hash BLOB, payload INTEGER, pointer VARCHAR, ordinal BIGINT, "
            "bad BOOLEAN, known BLOB, gone BOOLEAN, part INTEGER)"
        )
        self._con.execute(
            "CREATE TABLE refused (payload INTEGER, pointer VARCHAR, record_id VARCHAR, reasons VARCHAR[], "
            "raw_json VARCHAR)"
        )
        source = (
            f"read_parquet('{current}')"
            if current
            else "(SELECT NULL::VARCHAR ckey, NULL::BLOB hash, NULL::BOOLEAN gone LIMIT 0)"
        )
        self._con.execute(f"CREATE VIEW current AS SELECT * FROM {source}")
        self._sql = _CheckSql(self.record)
        self._ordinal = 0

    def add(self, read: Read, received_at: datetime) -> None:
        """Take a run of rows; they are written when enough have come together."""
        self._last_received = received_at
        self._unkeyed += read.unread
        self.staged.skipped += read.skipped
        if read.rejected:
            self._reject(read.rejected)
        if read.rows:
            self._rows += read.rows
            self._runs.append(self._run(read, received_at))
        if len(self._rows) >= FLUSH_ROWS:
            self._flush()

    def finish(self, complete: bool) -> Staged:
        """Resolve repeats, conflicts and withdrawals, write the new hash file, check the sum.

        `complete`: the delivery claims to hold everything; only then can an omission be a withdrawal.
        """
        self._flush()
        staged = self.staged
        repeats = self._resolve_repeats()
        staged.parts = [p for p in staged.parts if p.exists()]
        staged.complete = complete and not self._unkeyed
        if self.record.delivery == "snapshot" and staged.complete and self.current:
            self._withdraw_omitted()
        counts = self._one(
            "SELECT count(*) FILTER (NOT bad AND hash IS DISTINCT FROM known), "
            "count(*) FILTER (NOT bad AND hash = known), count(*) FILTER (bad), "
            "count(*) FILTER (NOT bad AND gone AND hash IS DISTINCT FROM known) FROM seen"
        )
        rejected = self._one("SELECT count(*) FROM refused")[0] - counts[2]
        staged.new, staged.unchanged = counts[0], counts[1] + repeats
        staged.quarantined = counts[2] + rejected
        staged.withdrawn += counts[3]
        staged.received = self._ordinal + rejected
        if staged.received != staged.new + staged.unchanged + staged.quarantined:
            raise AssertionError(
                f"{self.record.table}: received {staged.received} != new {staged.new} + unchanged {staged.unchanged}"
                f" + quarantined {staged.quarantined}"
            )
        self._write_hashes()
        self._write_quarantine()
        self._con.close()
        return staged

    def abandon(self) -> None:
        """Drop everything staged."""
        self._con.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- a run of rows ------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        if not self._rows:
            return
        delivered = self._delivered()
        rows, self._rows, self._runs = self._rows, [], []
        part = len(self.staged.parts)
        sql = self._sql.bind(delivered.schema, self.accept)
        mark = sql.typed[self.watermark_field] if self.watermark_field else ""
        # what the checks read, in one piece: DuckDB takes twice as long over many small ones
        asked = [n for n in delivered.column_names if f'd."{n}"' in sql.judgement + mark or n[0] == "_"]
        self._con.register("delivered", delivered.select(asked).combine_chunks())
        known = "SELECT c.*, k.hash AS known FROM ({}) c LEFT JOIN current k ON k.ckey = c.ckey"
        if not self.current:
            known = "SELECT c.*, NULL::BLOB AS known FROM ({}) c"
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE chunk AS {known.format(sql.judgement)}")
        self._con.execute(
            f"INSERT INTO seen SELECT ckey, hash, payload, pointer, {self._ordinal} + i, reasons IS NOT NULL, known, "
            f"gone, {part} FROM chunk"
        )
        self._quarantine_bad(rows, delivered["_key"])
        if mark:
            newest = self._one(
                f"SELECT max({mark})::VARCHAR FROM delivered d "
                "ANTI JOIN (SELECT i FROM chunk WHERE reasons IS NOT NULL) b ON b.i = d._i"
            )[0]
            if newest:
                self.staged.watermark = max(filter(None, (self.staged.watermark, newest.replace(" ", "T"))))
        path = self.folder / f"part-{part:05d}.parquet"
        self._write(path, delivered, sql.computed)
        self._con.unregister("delivered")
        self._ordinal += len(rows)
        self.staged.parts.append(path)

    def _write(self, path: Path, delivered: pa.Table, names: Sequence[str]) -> None:
        """Write the new versions of a run. Arrow writes text columns at a third of what a COPY costs (bench/)."""
        skip = self._con.execute("SELECT i FROM chunk WHERE reasons IS NOT NULL OR hash = known").fetchnumpy()["i"]
        if len(skip) == len(delivered):
            return
        columns = ", ".join(["i", *(f'"={name}"' for name in names)])
        computed = self._con.execute(f"SELECT {columns} FROM chunk ORDER BY i").to_arrow_table()
        if not np.array_equal(computed["i"].to_numpy(), delivered["_i"].to_numpy()):
            raise AssertionError(f"{self.record.table}: computed columns came in another order")
        n = len(delivered)
        prefix = pa.scalar(f"{self.record.source}:{self.record.name}:")
        made = {
            "_record_id": pc.binary_join_element_wise(prefix, delivered["_key"], pa.scalar("")),
            "_change": pa.repeat(pa.scalar("upsert"), n),
            "_as_of": pa.repeat(pa.scalar(self.as_of, pa.date32()), n),
        } | {name: computed[f"={name}"] for name in names}
        names = [c for c, _ in self.record.columns] + [m for m, _ in META]
        table = pa.table({name: made[name] if name in made else delivered[name] for name in names})
        if len(skip):
            keep = np.ones(n, bool)
            keep[skip] = False
            table = table.filter(pa.array(keep))
        repeated = [*(f.name for f in self.record.fields if f.enum), "_payload", "_change", "_received_at", "_as_of"]
        pq.write_table(table, path, compression="zstd", compression_level=ZSTD, use_dictionary=repeated)

    def _run(self, read: Read, received_at: datetime) -> _Run:
        """Delivered values of a run as Arrow, with hash, key and place of each row."""
        hashes = self.shape.hashes(read.rows)
        columns = {}
        for name, f in self.record.columns:
            made = read.columns.get(name)
            columns[name] = _array(_values(read, name), f) if made is None else made
        columns["_key"] = pa.array(_keys(self.record, read, hashes), pa.string())
        columns["_hash"] = pa.array(hashes, pa.binary())
        columns["_pointer"] = pa.array(read.pointers, pa.string())
        if self.record.version_fields:
            columns["_version_order"] = pa.array(_version_order(self.record, read.rows), pa.string())
        if read.warnings:
            columns["_warnings"] = pa.array(read.warnings, WARNINGS)
        return _Run(len(read.rows), read.payload, received_at.replace(tzinfo=None), columns)

    def _delivered(self) -> pa.Table:
        """The runs that wait as one table, with the number of each row, its payload and the time that it came."""
        runs, n = self._runs, len(self._rows)
        sizes = [r.size for r in runs]
        made = {
            "_i": pa.array(np.arange(n)),
            "_payload": pa.array(np.repeat(np.array([r.payload for r in runs], np.int32), sizes)),
            "_received_at": pa.array(np.repeat(np.array([r.received_at for r in runs], "datetime64[us]"), sizes)),
        }
        for name, type_ in (("_version_order", pa.string()), ("_warnings", WARNINGS)):
            parts = [r.columns[name] if name in r.columns else pa.nulls(r.size, type_) for r in runs]
            made[name] = pa.chunked_array(parts, type_)
        for name, f in (*self.record.columns, *((name, None) for name in ("_key", "_hash", "_pointer"))):
            parts = [r.columns[name] for r in runs]
            if len({p.type for p in parts}) > 1:  # native in one run and text in another
                parts = [_array([getattr(row, name) for row in self._rows], f)]
            made[name] = pa.chunked_array(parts)
        table = pa.table(made)
        for f in self.record.fields:
            if pa.types.is_string(table.field(f.name).type) and (_is_read(f) or f.enum or f.null_values):
                bare = pc.utf8_trim(table[f.name], SPACES)
                if f.any_width:
                    texts = bare.to_pylist()
                    bare = pa.array([None if t is None else plain(t, f.type) for t in texts], pa.string())
                table = table.append_column(f"~{f.name}", bare)
        return table

    def _quarantine_bad(self, rows: Sequence[Any], keys: pa.ChunkedArray) -> None:
        bad = self._con.execute(
            "SELECT i, payload, pointer, reasons FROM chunk WHERE reasons IS NOT NULL ORDER BY i"
        ).fetchall()
        if not bad:
            return
        refused = []
        for i, payload, pointer, reasons in bad:
            key = keys[i].as_py()
            self._unkeyed += key is None
            record_id = None if key is None else f"{self.record.source}:{self.record.name}:{key}"
            refused.append((payload, pointer, record_id, reasons, self.shape.masked_text(rows[i])))
        self._refuse(refused)

    def _reject(self, rejected: list[Rejected]) -> None:
        self._refuse([(r.payload, r.pointer, None, [r.reason], r.raw) for r in rejected])

    def _refuse(self, rows: list[tuple]) -> None:
        types = (pa.int32(), pa.string(), pa.string(), pa.list_(pa.string()), pa.string())
        arrays = [pa.array(column, t) for column, t in zip(zip(*rows, strict=True), types, strict=True)]
        table = pa.table(arrays, names=["payload", "pointer", "record_id", "reasons", "raw_json"])
        self._con.register("refusing", table)
        self._con.execute("INSERT INTO refused SELECT * FROM refusing")
        self._con.unregister("refusing")

    # -- the whole batch ----------------------------------------------------------------------------------------

    def _resolve_repeats(self) -> int:
        """Exact repeats are unchanged; different records under one key are refused, all of them. Gives the number of
        repeats, which are in `seen` no more."""
        self._con.execute(
            "CREATE TEMP TABLE multiple AS SELECT ckey FROM seen WHERE ckey IS NOT NULL GROUP BY ckey "
            "HAVING count(*) > 1"
        )
        if not self._one("SELECT count(*) FROM multiple")[0]:
            return 0
        self._con.execute(
            "CREATE TEMP TABLE shared AS SELECT ckey, min(hash) <> max(hash) AS conflict FROM seen JOIN multiple "
            "USING (ckey) WHERE NOT bad GROUP BY ckey HAVING count(*) > 1"
        )
        apart = "SELECT ckey FROM seen JOIN multiple USING (ckey) GROUP BY ckey HAVING min(payload) <> max(payload)"
        self.staged.apart = frozenset(key for (key,) in self._con.execute(apart).fetchall())
        self._con.execute(
            "CREATE TEMP TABLE repeats AS SELECT ordinal, payload, pointer, part FROM (SELECT s.*, row_number() OVER "
            "(PARTITION BY s.ckey ORDER BY s.ordinal) AS n FROM seen s JOIN shared USING (ckey) "
            "WHERE NOT s.bad AND NOT conflict) WHERE n > 1"
        )
        self._con.execute(
            "CREATE TEMP TABLE conflicts AS SELECT ordinal, payload, pointer, part, ckey FROM seen "
            "JOIN shared USING (ckey) WHERE NOT bad AND conflict"
        )
        record_id = f"'{self.record.source}:{self.record.name}:' || ckey"
        self._con.execute(
            f"INSERT INTO refused SELECT payload, pointer, {record_id}, ['duplicate_key'], NULL FROM conflicts"
        )
        self._con.execute("UPDATE seen SET bad = true WHERE ordinal IN (SELECT ordinal FROM conflicts)")
        self._con.execute("DELETE FROM seen WHERE ordinal IN (SELECT ordinal FROM repeats)")
        drop = "SELECT payload, pointer, part FROM repeats UNION ALL SELECT payload, pointer, part FROM conflicts"
        for (part,) in self._con.execute(f"SELECT DISTINCT part FROM ({drop})").fetchall():
            path = self.staged.parts[part]
            if not path.exists():
                continue
            fresh = path.with_suffix(".new")
            left = self._con.execute(
                f"COPY (SELECT p.* FROM read_parquet('{path}') p "
                f"ANTI JOIN (SELECT payload, pointer FROM ({drop}) WHERE part = {part}) d "
                f"ON p._payload = d.payload AND p._pointer = d.pointer) TO '{fresh}' (FORMAT parquet)"
            ).fetchone()[0]
            fresh.replace(path) if left else (path.unlink(), fresh.unlink(missing_ok=True))
        return self._one("SELECT count(*) FROM repeats")[0]

    def _withdraw_omitted(self) -> None:
        self._con.execute(
            "CREATE TEMP TABLE omitted AS SELECT k.ckey FROM current k ANTI JOIN seen s ON s.ckey = k.ckey "
            "WHERE NOT k.gone"
        )
        self.staged.withdrawn = self._one("SELECT count(*) FROM omitted")[0]
        if not self.staged.withdrawn:
            return
        at = self._last_received or datetime.now(UTC)
        as_of = f"DATE '{self.as_of}'" if self.as_of else "NULL::DATE"
        values = {
            "_record_id": f"'{self.record.source}:{self.record.name}:' || ckey",
            "_change": "'withdrawn'",
            "_received_at": f"TIMESTAMP '{at.replace(tzinfo=None)}'",
            "_as_of": as_of,
        }
        columns = [f'NULL::{column_type(f)} AS "{name}"' for name, f in self.record.columns]
        columns += [f"{values.get(name, 'NULL')}::{type_} AS {name}" for name, type_ in META]
        path = self.folder / "part-withdrawn.parquet"
        self._con.execute(f"COPY (SELECT {', '.join(columns)} FROM omitted) TO '{path}' (FORMAT parquet)")
        self.staged.parts.append(path)

    def _write_hashes(self) -> None:
        if self.is_committed and not (self.staged.new or self.staged.withdrawn):
            return
        path = self.folder / "hashes.parquet"
        fresh = "SELECT ckey, hash, gone FROM seen WHERE NOT bad"
        if self.current:
            omitted = "SELECT ckey FROM omitted" if self._has("omitted") else "SELECT NULL::VARCHAR LIMIT 0"
            fresh = (
                "SELECT coalesce(s.ckey, k.ckey) AS ckey, CASE WHEN s.ckey IS NOT NULL THEN s.hash "
                f"WHEN k.ckey IN ({omitted}) THEN NULL ELSE k.hash END AS hash, "
                f"CASE WHEN s.ckey IS NOT NULL THEN s.gone ELSE k.gone OR k.ckey IN ({omitted}) END AS gone "
                f"FROM ({fresh}) s FULL JOIN current k ON s.ckey = k.ckey"
            )
        self._con.execute(f"COPY ({fresh}) TO '{path}' (FORMAT parquet)")
        self.staged.hashes = path

    def _write_quarantine(self) -> None:
        if not self.staged.quarantined:
            return
        path = self.folder / "quarantine.parquet"
        self._con.execute(f"COPY (SELECT * FROM refused ORDER BY payload, pointer) TO '{path}' (FORMAT parquet)")
        self.staged.quarantine = path
        self.staged.reasons = dict(
            self._con.execute(
                "SELECT regexp_replace(r, '^(type|not_json):.*', '\\1'), count(*) "
                "FROM (SELECT unnest(reasons) r FROM refused) GROUP BY 1 ORDER BY 2 DESC, 1"
            ).fetchall()
        )

    def _has(self, table: str) -> bool:
        return bool(self._one(f"SELECT count(*) FROM duckdb_tables() WHERE table_name = '{table}'")[0])

    def _one(self, sql: str) -> tuple:
        return self._con.execute(sql).fetchone()


@dataclass(frozen=True)
class _Bound:
    """SQL over `delivered d`, where `"~x"` is the text of `x` without spaces around it.

    `judgement`: key, hash, locator and reasons of each row, and a column `"=x"` for each of `computed`, the columns of
    raw that are not as delivered. `typed`: the expression of each field.
    """

    judgement: str
    computed: tuple[str, ...]
    typed: dict[str, str]


class _CheckSql:
    """The SQL that types and checks a run of delivered rows, derived from the contract."""

    def __init__(self, record: Record):
        self.record = record

    def bind(self, delivered: pa.Schema, accept: bool) -> _Bound:
        """For a run whose columns are text or native. `accept`: types only, nothing is refused."""
        record = self.record
        is_text = {f.name: pa.types.is_string(delivered.field(f.name).type) for f in record.fields}
        typed = {name: _typed(f, is_text[name]) if f else f'd."{name}"' for name, f in record.columns}
        change = "'upsert'"
        if record.deleted_when:
            name, values = record.deleted_when
            change = f"CASE WHEN d.\"{name}\"::VARCHAR IN ({_literals(values)}) THEN 'delete' ELSE 'upsert' END"
        computed = {n: sql for n, sql in typed.items() if sql != f'd."{n}"'}
        # nobody can let a record in that has no name
        reasons = [("d._key IS NULL", f"required:{'|'.join(record.key)}")] if record.key else []
        for name, f in record.columns:
            if f is None or accept:
                continue
            found = _reasons(f, is_text[name], f'd."={name}"' if name in computed else typed[name])
            if record.deleted_when and f.key_position is None:  # a bare delete carries its key and nothing else
                found = [(f"{change} <> 'delete' AND ({condition})", reason) for condition, reason in found]
            reasons += found
        derived = [f'{sql} AS "={n}"' for n, sql in computed.items()]
        if record.deleted_when:
            derived.append(f'{change} AS "=_change"')
        names = (*computed, "_change") if record.deleted_when else tuple(computed)
        made = "".join(f', d."={name}"' for name in names)
        ckey = "d._key || '@' || d._version_order" if record.version_fields else "d._key"
        return _Bound(
            f"SELECT d._i AS i, {ckey} AS ckey, d._hash AS hash, d._payload AS payload, d._pointer AS pointer, "
            f"{change} = 'delete' AS gone, {self._reason_list(reasons)} AS reasons{made} "
            f"FROM (SELECT {', '.join(('*', *derived))} FROM delivered d) d",
            names,
            typed,
        )

    @staticmethod
    def _reason_list(reasons: list[tuple[str, str]]) -> str:
        if not reasons:
            return "NULL::VARCHAR[]"
        any_ = " OR ".join(f"({condition})" for condition, _ in reasons)
        each = ", ".join(f"CASE WHEN {condition} THEN '{reason}' END" for condition, reason in reasons)
        return f"CASE WHEN {any_} THEN list_filter([{each}], lambda r: r IS NOT NULL) END"


def _literals(values: Iterable[str]) -> str:
    return ", ".join("'" + v.replace("'", "''") + "'" for v in values)


def _is_read(f: Field) -> bool:
    """Whether text of the field is to be read as another type."""
    return f.type not in ("string", "array", "object")


def _given(f: Field, text: bool, *, trimmed: bool = False) -> str:
    """The delivered value, NULL where it is a sentinel; text that is to be typed comes trimmed."""
    column = f'd."{f.name}"'
    bare = f'd."~{f.name}"' if text else f"{column}::VARCHAR"
    if text and _is_read(f):
        column = f"nullif({bare}, '')"
    elif trimmed:
        column = bare
    if not f.null_values:
        return column
    return f"CASE WHEN {bare} IN ({_literals(f.null_values)}) THEN NULL ELSE {column} END"


def _typed(f: Field, text: bool) -> str:
    """The value as raw holds it. A column that came native has its type already."""
    value = _given(f, text)
    if not text or not _is_read(f):
        return value
    if f.type == "integer":  # a cast alone would round 12.5 to 12
        return f"CASE WHEN regexp_full_match({value}, '[+-]?[0-9]+') THEN TRY_CAST({value} AS BIGINT) END"
    if f.type == "number":  # a cast alone would take nan and inf
        decimal = "[+-]?[0-9]*\\.?[0-9]+([eE][+-]?[0-9]+)?"
        return f"CASE WHEN regexp_full_match({value}, '{decimal}') THEN TRY_CAST({value} AS DOUBLE) END"
    if f.date_format:
        return f"try_strptime({value}, {_literals([f.date_format])})::{DUCKDB_TYPES[f.type]}"
    if f.type == "timestamp":
        # the cast to TIMESTAMP is cheap but blind to offsets; only Z may go that way
        return (
            f"CASE WHEN suffix({value}, 'Z') THEN TRY_CAST({value} AS TIMESTAMP) "
            f"ELSE TRY_CAST({value} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' END"
        )
    return f"TRY_CAST({value} AS {DUCKDB_TYPES[f.type]})"


def _reasons(f: Field, text: bool, typed: str) -> list[tuple[str, str]]:
    """(condition, reason) pairs of one field, `typed` its column; a reason names rule and field, never the value."""
    given = _given(f, text)
    found = []
    if f.required and f.key_position is None:  # the key is required as a whole, see `bind`
        # trim is slow on Chinese text, and nothing that trims to nothing is long
        blank = f" OR (strlen({given}) < 64 AND trim({given}) = '')" if f.type == "string" and text else ""
        found.append((f"({given}) IS NULL{blank}", f"required:{f.name}"))
    if text and _is_read(f):
        found.append((f"({given}) IS NOT NULL AND ({typed}) IS NULL", f"type:{f.name}"))
    if f.enum:
        found.append((f"({_given(f, text, trimmed=True)}) NOT IN ({_literals(f.enum)})", f"code:{f.name}"))
    if f.pattern:
        found.append((f"NOT regexp_matches(({given})::VARCHAR, {_literals([f.pattern])})", f"pattern:{f.name}"))
    if f.min_length is not None:
        found.append((f"length(({given})::VARCHAR) < {f.min_length}", f"length:{f.name}"))
    if f.max_length is not None:
        found.append((f"length(({given})::VARCHAR) > {f.max_length}", f"length:{f.name}"))
    cast = f"::{DUCKDB_TYPES[f.type]}"
    if f.minimum is not None:
        found.append((f"({typed}) < '{f.minimum}'{cast}", f"range:{f.name}"))
    if f.maximum is not None:
        found.append((f"({typed}) > '{f.maximum}'{cast}", f"range:{f.name}"))
    return found


def _values(read: Read, name: str) -> Sequence[Any]:
    """What the rows of a run hold under a name."""
    return read.values[name] if name in read.values else [getattr(row, name) for row in read.rows]


def _array(values: Sequence[Any], f: Field | None) -> pa.Array:
    """A delivered column: native where JSON gave the declared type throughout, else text."""
    if f is not None and f.is_nested:
        texts = [(v.encode() if isinstance(v, str) else bytes(v)) if v else None for v in values]
        return pa.array([None if t == b"null" else t for t in texts], pa.binary()).cast(pa.string())
    kinds = set(map(type, values))
    try:
        if f is not None and f.type == "integer" and kinds.isdisjoint((bool, float)):
            return pa.array(values, pa.int64())
        if f is not None and f.type == "number" and bool not in kinds:
            return pa.array(values, pa.float64())
        if f is not None and f.type == "boolean":
            return pa.array(values, pa.bool_())
        return pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([_scalar_text(v) for v in values], pa.string())


def _scalar_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _keys(record: Record, read: Read, hashes: list[bytes]) -> list[str | None]:
    """Natural keys; 32 hex digits of the content hash where the contract declares none."""
    if not record.key:
        return [h.hex()[:32] for h in hashes]
    rows = read.rows
    if len(record.key) == 1:
        [name] = record.key
        values = _values(read, name)
        unknown = {"", *record.field(name).null_values}
        if not record.field(name).any_width and set(map(type, values)) == {str}:
            keys = list(map(str.strip, values))
            return keys if unknown.isdisjoint(keys) else [None if k in unknown else k for k in keys]
        text = _key_text(record.field(name))
        texts = (None if v is None else text(v) for v in values)
        return [None if t is None or t in unknown else t for t in texts]
    unknowns = [{"", *record.field(name).null_values} for name in record.key]
    ways = [(name, _key_text(record.field(name))) for name in record.key]
    keys = []
    for r in rows:
        parts = ["" if v is None else text(v) for v, text in ((getattr(r, name), text) for name, text in ways)]
        missing = any(p in unknown for p, unknown in zip(parts, unknowns, strict=True))
        keys.append(None if missing else "|".join(p.replace("|", "%7C") for p in parts))
    return keys


def _key_text(f: Field) -> Callable[[Any], str]:
    return (lambda v: plain(str(v), f.type)) if f.any_width else (lambda v: str(v).strip())


def _version_order(record: Record, rows: list[Any]) -> list[str] | None:
    """Sortable text of the version fields: numbers compare as numbers, so v1.9 comes before v1.10."""
    if not record.version_fields:
        return None

    def order(row: Any) -> str:
        parts = (str(getattr(row, name)) for name in record.version_fields)
        # a separator that sorts before any text: (v2.0, 1) comes before (v2.0.1, 1)
        return "\x1f".join(re.sub(r"[0-9]+", lambda m: m[0].zfill(8), p) for p in parts)

    return [order(r) for r in rows]


def file_ref(path: Path, home: Path, rows: int) -> FileRef:
    """Hash and fsync a file that is about to be committed."""
    with open(path, "rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
        os.fsync(f.fileno())
    return FileRef(str(path.relative_to(home)), digest, rows, path.stat().st_size)


def committed_sql(files: Sequence[Path]) -> str:
    """Rows of committed files with `_batch`, the number in their folder's name.

    Not by DuckDB's own reading of such names: it would let any folder `status=x` above replace the column `status`.
    """
    paths = ", ".join(f"'{p}'" for p in files)
    return (
        "(SELECT * EXCLUDE (_file), regexp_extract(_file, 'batch=(\\d+)/[^/]*$', 1)::BIGINT AS _batch "
        f"FROM read_parquet([{paths}], hive_partitioning = false, union_by_name = true, filename = '_file'))"
    )


def relation_sql(record: Record, files: Sequence[Path]) -> str:
    """SELECT over committed files of one record type, with version numbers; typed and empty where there are none.

    Adds `_content_hash` (hex), `_batch` (from the folder's name), `_version` (1..n per record), `_is_current` and
    `_is_withdrawn`.
    """
    names = ", ".join(f'"{name}"' for name, _ in record.columns)
    columns = [f'NULL::{column_type(f)} AS "{name}"' for name, f in record.columns]
    columns += [f"NULL::{type_} AS {name}" for name, type_ in META] + ["NULL::BIGINT AS _batch"]
    base = f"(SELECT {', '.join(columns)} LIMIT 0)"
    if files:  # by name: a field that came with a later contract is empty in files written before
        base = f"(FROM {base} UNION ALL BY NAME FROM {committed_sql(files)})"
    order = "_version_order NULLS FIRST, _batch" if record.version_fields else "_batch"
    return (
        f"SELECT {names}, _record_id, lower(hex(_hash)) AS _content_hash, _batch, _payload, _pointer, "
        "_change, _received_at, _as_of, _warnings, "
        f"row_number() OVER (PARTITION BY _record_id ORDER BY {order}) AS _version, "
        f"row_number() OVER (PARTITION BY _record_id ORDER BY {_descending(order)}) = 1 AS _is_current, "
        f"_change <> 'upsert' AS _is_withdrawn FROM {base}"
    )


def _descending(order: str) -> str:
    return ", ".join(
        f"{part.split()[0]} DESC" + (" NULLS LAST" if "NULLS" in part else "") for part in order.split(", ")
    )
