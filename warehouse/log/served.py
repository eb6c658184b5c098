"""Every row that is served, back to records whose bytes were just proven."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from brain.errors import BrainError
from brain.settings import Settings
from warehouse import connect, publish, state


@dataclass(frozen=True)
class Mart:
    """One served mart and what of it leads to proven records. `without`: rows that name no record, as counts of none
    and rows of the house's own tables do. `untraced`: (key, record id) of rows that name an unproven one, twenty at
    most; `untraced_rows`: how many there are."""

    name: str
    rows: int
    records: int
    without: int
    untraced_rows: int
    untraced: tuple[tuple[str, str], ...]


def trace_all(settings: Settings, proven: list[Path]) -> dict[str, Any]:
    """Walk every row of every mart of the current release that names its records.

    `proven`: raw files of batches that were just compared with landing. Returns `release`, `marts`, `rows`, `records`,
    `without_records` and `marts_without_records` (marts that describe the platform itself) as counts, and `untraced[]`
    with mart, key and record. Raises BrainError before the first release.
    """
    release = publish.current(settings)
    if release is None:
        raise BrainError("there is no release yet", "run `brain run`")
    con = connect.memory()
    try:
        for name in state.SERVED:
            connect.attach(con, release.path / f"{name}.duckdb", name)
        con.execute("CREATE TEMP TABLE proven (record_id VARCHAR)")
        if proven:
            con.execute("INSERT INTO proven SELECT DISTINCT _record_id FROM read_parquet(?)", [list(map(str, proven))])
        tables = con.execute(
            "SELECT database_name, table_name, first(column_name ORDER BY column_index), "
            "bool_or(column_name = 'record_ids') FROM duckdb_columns() "
            "WHERE database_name IN ('official', 'audit') GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        found = [_mart(con, f"{d}.{m}", f'{d}.main."{m}"', key) for d, m, key, names in tables if names]
        records = con.execute("SELECT count(DISTINCT record_id) FROM named").fetchone() if found else None
    finally:
        con.close()
    return {
        "release": release.id,
        "marts": len(found),
        "marts_without_records": len(tables) - len(found),
        "rows": sum(m.rows for m in found),
        "records": records[0] if records else 0,
        "without_records": sum(m.without for m in found),
        "untraced_rows": sum(m.untraced_rows for m in found),
        "untraced": [{"mart": m.name, "key": key, "record_id": i} for m in found for key, i in m.untraced],
    }


def _mart(con: duckdb.DuckDBPyConnection, name: str, table: str, key: str) -> Mart:
    con.execute("CREATE TEMP TABLE IF NOT EXISTS named (record_id VARCHAR)")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE row_records AS SELECT rowid AS row_id, "
        f"\"{key}\"::VARCHAR AS key, unnest(json_extract_string(record_ids, '$[*]')) AS record_id FROM {table}"
    )
    con.execute("INSERT INTO named SELECT DISTINCT record_id FROM row_records")
    rows = con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    named, records = con.execute("SELECT count(DISTINCT row_id), count(DISTINCT record_id) FROM row_records").fetchone()
    lost = "FROM row_records ANTI JOIN proven USING (record_id)"
    untraced = con.execute(f"SELECT key, record_id {lost} ORDER BY ALL LIMIT 20").fetchall()
    count = con.execute(f"SELECT count(DISTINCT row_id) {lost}").fetchone()[0]
    return Mart(name, rows, records, rows - named, count, tuple(untraced))
