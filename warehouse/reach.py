"""From a record onward to what was made of it, and from a figure back to all that it was counted from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import duckdb

from brain.errors import BrainError
from brain.settings import Settings
from ingest.ledger import Ledger, LedgerEntry, live_entries
from ingest.quarantine import list_items
from ingest.raw import relation_sql
from ingest.run import source_of
from warehouse import connect, publish, state
from warehouse.log import records as log
from warehouse.metrics import Metric, metrics, shown

KEYS = 50  # keys of rows that are listed for each mart; the counts are whole


def forward(settings: Settings, record_id: str) -> dict[str, Any]:
    """Where a record came to: `versions[]`, `rows[]` per mart, `figures[]`, and `stopped[]` where it came to none.

    A figure is reached where it is another without the rows that name the record. Raises BrainError where nothing is
    known of the record.
    """
    source, _, rest = record_id.partition(":")
    record_name = rest.partition(":")[0]
    entries = Ledger(settings).entries()
    versions = [v for v in _versions(settings, entries, [record_id]) if v["record_id"] == record_id]
    refused = [i for i in list_items(settings, source) if i["record_id"] == record_id]
    if not versions and not refused:
        raise BrainError(f"nothing is known of {record_id!r}", "a record id, as `brain trace` shows them")
    release = publish.current(settings)
    rows, figures = [], []
    if release:
        with _opened(release) as con:
            rows = list(_rows_naming(con, record_id))
            figures = list(_figures_reached(con, {r["mart"]: r.pop("_row_ids") for r in rows}))
    held = [e.seq for e in entries if e.kind == "held" and (e.source, e.record) == (source, record_name)]
    return {
        "ref": record_id,
        "release": release.id if release else None,
        "versions": versions,
        "rows": rows,
        "figures": figures,
        "stopped": [] if rows else list(_stops(settings, release, versions, refused, held)),
    }


def figure(settings: Settings, name: str, where: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a figure was counted from: `metric`, `value`, `rows[]` that make a difference to it, and their `records[]`.

    `name`: `mart.metric` or `mart/metric`; `where`: columns of the mart and the values that they must have. Each
    record has its newest version's batch, content hash, stored hash, locator and the hash of its ledger entry, under
    which `brain proof` proves it. Raises BrainError for an unknown figure or column, and where a value of a column has
    to be chosen first.
    """
    known = {m.full_name: m for m in metrics()}
    metric = known.get(name.replace("/", "."))
    if metric is None:
        raise BrainError(f"there is no figure {name!r}", "`brain metrics` lists them")
    release = publish.current(settings)
    if release is None:
        raise BrainError("there is no release yet", "run `brain run`")
    where = dict(where or {})
    if missing := set(metric.within) - set(where):
        raise BrainError(f"{name}: choose a value of {', '.join(sorted(missing))}", "--where COLUMN=VALUE")
    parts = {n: known[f"{metric.mart}.{n}"].sql for n in metric.parts} if metric.parts else {"value": metric.sql}
    with _opened(release) as con:
        table = f'{metric.database}.main."{metric.mart}"'
        try:
            columns = [r[0] for r in con.execute(f"DESCRIBE {table}").fetchall()]
        except duckdb.CatalogException as e:
            raise BrainError(f"release {release.id} has no mart {metric.mart}", "`brain run` makes a new one") from e
        if unknown := set(where) - set(columns):
            raise BrainError(f"{metric.mart} has no column {', '.join(sorted(unknown))}")
        if "record_ids" not in columns:
            raise BrainError(f"rows of {metric.mart} name no records: they describe the platform itself")
        chosen = " AND ".join(["true", *(f'"{c}"::VARCHAR = ?' for c in where)])
        value = con.execute(f"SELECT {metric.sql} FROM {table} WHERE {chosen}", list(where.values())).fetchone()[0]
        none = con.execute(f"SELECT {', '.join(parts.values())} FROM {table} WHERE false").fetchone()
        found = con.execute(
            f'SELECT "{columns[0]}"::VARCHAR, record_ids, {", ".join(parts.values())} FROM {table} '
            f'WHERE {chosen} GROUP BY rowid, "{columns[0]}", record_ids ORDER BY 1',
            list(where.values()),
        ).fetchall()
    rows = [
        {"id": key, "record_ids": json.loads(ids or "[]"), **dict(zip(parts, map(_plain, told), strict=True))}
        for key, ids, *told in found
        if tuple(told) != none
    ]
    ids = sorted({i for r in rows for i in r["record_ids"]})
    newest = {v["record_id"]: v for v in _versions(settings, Ledger(settings).entries(), ids)}
    return {
        "metric": metric.full_name,
        "label": metric.label,
        "expression": metric.sql,
        "where": where,
        "release": release.id,
        "value": _plain(value),
        "shown": shown(value, metric),
        "rows": rows,
        "records": [newest.get(i, {"record_id": i, "batch": None}) for i in ids],
    }


def _opened(release: publish.Release) -> duckdb.DuckDBPyConnection:
    con = connect.memory()
    for name in state.SERVED:
        connect.attach(con, release.path / f"{name}.duckdb", name)
    return con


def _rows_naming(con: duckdb.DuckDBPyConnection, record_id: str) -> Iterator[dict[str, Any]]:
    """For each mart the rows that name a record; `_row_ids` are for the next question."""
    marts = con.execute(
        "SELECT database_name, table_name, first(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE database_name IN ('official', 'audit') GROUP BY ALL "
        "HAVING bool_or(column_name = 'record_ids') ORDER BY ALL"
    ).fetchall()
    needle = json.dumps(record_id, ensure_ascii=False)
    for database, mart, key in marts:
        found = con.execute(
            f'SELECT rowid, "{key}"::VARCHAR FROM {database}.main."{mart}" WHERE contains(record_ids, ?) ORDER BY 2',
            [needle],
        ).fetchall()
        if found:
            keys = [k for _, k in found[:KEYS]]
            yield {"mart": mart, "rows": len(found), "ids": keys, "_row_ids": (database, [r for r, _ in found])}


def _figures_reached(
    con: duckdb.DuckDBPyConnection, reached: Mapping[str, tuple[str, list[int]]]
) -> Iterator[dict[str, Any]]:
    """Figures that are others without these rows; one for each value of the columns that have to be chosen first."""
    for metric in metrics():
        if metric.mart not in reached:
            continue
        database, row_ids = reached[metric.mart]
        if metric.database == database:
            with suppress(duckdb.BinderException):  # the release is older than the figure
                yield from _differences(con, metric, row_ids)


def _differences(con: duckdb.DuckDBPyConnection, metric: Metric, row_ids: list[int]) -> Iterator[dict[str, Any]]:
    table = f'{metric.database}.main."{metric.mart}"'
    columns = ", ".join(f'"{c}"' for c in metric.within)
    groups: list[tuple] = [()]
    if columns:
        found = f"SELECT DISTINCT {columns} FROM {table} WHERE rowid IN (SELECT unnest(?)) ORDER BY ALL"
        groups = con.execute(found, [row_ids]).fetchall()
    same = " AND ".join(["true", *(f'"{c}" IS NOT DISTINCT FROM ?' for c in metric.within)])
    for group in groups:
        value = con.execute(f"SELECT {metric.sql} FROM {table} WHERE {same}", list(group)).fetchone()[0]
        rest = f"SELECT {metric.sql} FROM {table} WHERE {same} AND rowid NOT IN (SELECT unnest(?))"
        without = con.execute(rest, [*group, row_ids]).fetchone()[0]
        if value != without:
            chosen = dict(zip(metric.within, map(_plain, group), strict=True))
            told = {"metric": metric.full_name, "label": metric.label, "where": chosen}
            yield {**told, "value": _plain(value), "without": _plain(without)}


def _stops(
    settings: Settings,
    release: publish.Release | None,
    versions: list[dict[str, Any]],
    refused: list[dict[str, Any]],
    held: list[int],
) -> Iterator[dict[str, Any]]:
    """Why a record is in no row, as far as the gates tell."""
    for item in refused:
        if not item["released"]:
            yield {"gate": "record", "where": f"quarantine {item['id']}", "why": item["reasons"]}
    if not versions:
        yield from ({"gate": "batch", "where": f"batch {seq}", "why": ["held"]} for seq in held)
        return
    newest = versions[-1]
    if newest["change"] != "upsert":
        yield {"gate": "source", "where": f"batch {newest['batch']}", "why": [newest["change"]]}
    gate = state.read_gate(settings)
    if release is None or newest["batch"] > release.ledger_size:
        stands = gate is not None and not gate.success
        yield {
            "gate": "release",
            "where": "the build",
            "why": gate.failed[:5] if stands and gate else ["not built yet"],
        }
    elif newest["change"] == "upsert":
        yield {"gate": "model", "where": "dbt", "why": ["no mart has a row of it: the models leave it out"]}


def _versions(settings: Settings, entries: list[LedgerEntry], record_ids: list[str]) -> list[dict[str, Any]]:
    """Versions of records, oldest first, with the hashes by which `brain proof` proves them."""
    groups: dict[tuple[str, str], list[str]] = {}
    for record_id in record_ids:
        source, _, rest = record_id.partition(":")
        groups.setdefault((source, rest.partition(":")[0]), []).append(record_id)
    by_seq = {e.seq: e for e in live_entries(entries)}
    stored: dict[int, list[str]] = {}
    found = []
    for (source, name), ids in groups.items():
        record = next((r for r in source_of(settings, source, any_profile=True).records if r.name == name), None)
        if record is None:
            continue
        live = [e for e in by_seq.values() if (e.source, e.record) == (source, name)]
        files = [settings.home / f["path"] for e in live for f in e.data["raw"]]
        with connect.memory() as con:
            rows = con.execute(
                "SELECT _record_id, _version, _change, _batch, _content_hash, _payload, _pointer FROM "
                f"({relation_sql(record, files)}) WHERE _record_id IN (SELECT unnest(?)) ORDER BY 1, 2",
                [ids],
            ).fetchall()
        for record_id, version, change, batch, content_hash, payload, pointer in rows:
            if payload is not None and batch not in stored:
                stored[batch] = log.stored_hashes(settings, by_seq[batch].data)
            found.append(
                {
                    "record_id": record_id,
                    "version": version,
                    "change": change,
                    "batch": batch,
                    "entry": by_seq[batch].leaf,
                    "content_hash": content_hash,
                    "stored_sha256": None if payload is None else stored[batch][payload],
                    "pointer": pointer,
                }
            )
    return found


def _plain(value: Any) -> Any:
    """Texts and plain numbers: sums come in types that JSON does not have."""
    if value is None or isinstance(value, str | bool):
        return value
    try:
        return int(value) if value == int(value) else float(value)
    except (TypeError, ValueError):
        return str(value)
