"""What a mart says, as one hash: SHA-256 over its sorted row hashes.

Two builds over the same committed batches have the same hash for every mart. Columns marked `meta.volatile` (run times,
seconds) and marts marked `meta.describes_runs` (batches, checks, model runs) are left out: they tell how the figures
came about, not what they are.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from brain.errors import BrainError
from warehouse import connect, state


@dataclass(frozen=True)
class Mart:
    """One served table. `unique_id` is dbt's; `meta` and `column_meta` are the model's and its columns' own."""

    unique_id: str
    database: str
    name: str
    describes_runs: bool
    volatile: frozenset[str]
    meta: dict[str, Any]
    column_meta: dict[str, dict[str, Any]]

    @property
    def full_name(self) -> str:
        return f"{self.database}.{self.name}"


def read_manifest(path: Path) -> dict[str, Any]:
    """dbt's manifest; raises BrainError where it is missing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BrainError(f"there is no {path}", "run `brain build` first") from None


def marts(manifest: dict[str, Any]) -> list[Mart]:
    """The served tables that dbt's manifest declares, by name."""
    found = []
    for node in manifest["nodes"].values():
        if node["resource_type"] not in ("model", "seed") or node["database"] not in state.SERVED:
            continue
        if node["config"].get("materialized") == "ephemeral":
            continue
        columns = {name: meta_of(c) for name, c in node.get("columns", {}).items()}
        meta = meta_of(node)
        found.append(
            Mart(
                unique_id=node["unique_id"],
                database=node["database"],
                name=node.get("alias") or node["name"],
                describes_runs=bool(meta.get("describes_runs")),
                volatile=frozenset(name for name, m in columns.items() if m.get("volatile")),
                meta=meta,
                column_meta=columns,
            )
        )
    return sorted(found, key=lambda m: m.full_name)


def meta_of(element: dict[str, Any]) -> dict[str, Any]:
    """`meta` of a node or column: dbt 1.11 keeps it under `config`, older notations beside it."""
    return {**(element.get("meta") or {}), **((element.get("config") or {}).get("meta") or {})}


def mart_hash(con: duckdb.DuckDBPyConnection, mart: Mart) -> str:
    """Hash of one mart, 64 hex digits. `con` has the served databases attached under their names.

    The hash covers the names and types of the columns too. Memory stays small: DuckDB sorts the row hashes (on disk if
    need be), Python streams them.
    """
    columns = [
        (name, type_)
        for name, type_ in con.execute(
            "select column_name, data_type from duckdb_columns() "
            "where database_name = ? and schema_name = 'main' and table_name = ? order by column_name",
            [mart.database, mart.name],
        ).fetchall()
        if name not in mart.volatile
    ]
    if not columns:
        raise BrainError(f"{mart.full_name} is not in the warehouse", "run `brain build`")
    digest = hashlib.sha256(json.dumps(columns, ensure_ascii=False).encode())
    # A JSON list of texts is unambiguous: NULL, '' and 'null' differ, and no separator can be forged.
    row = ", ".join(f"cast({connect.quoted(name)} as varchar)" for name, _ in columns)
    table = f"{connect.quoted(mart.database)}.main.{connect.quoted(mart.name)}"
    con.execute(f"select sha256(cast(to_json([{row}]) as varchar)) as h from {table} order by h")
    while chunk := con.fetchmany(50_000):
        for (h,) in chunk:
            digest.update(bytes.fromhex(h))
    return digest.hexdigest()


def content_hashes(folder: Path, manifest: dict[str, Any]) -> dict[str, str]:
    """Hash of every mart that describes the world, by `database.name`, from the databases in `folder`."""
    con = connect.memory()
    try:
        for name in state.SERVED:
            connect.attach(con, folder / f"{name}.duckdb", name)
        connect.lock_down(con, [folder])
        return {m.full_name: mart_hash(con, m) for m in marts(manifest) if not m.describes_runs}
    finally:
        con.close()


def combined(hashes: dict[str, str]) -> str:
    """One hash over the marts' hashes: the content hash of a build or a release."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
