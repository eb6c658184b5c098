"""dbt's `not_null` and `unique` tests, all those of a relation in one query.

The models' YAML states them as dbt knows them, and `dbt build` by hand runs them one by one. Over a thousand of them,
each a node of its own, took half of a build (20 s of 40 s at scale 1, 2 s in this form), most of it dbt's own steps
around queries that look at one column. So `warehouse.build` leaves them out of dbt's run and puts the same questions
here. Every other test stays with dbt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse import connect, state

# How many rows are wrong, by dbt's name of the test. `unique` does not count NULLs, as dbt's does not.
COUNTS = {
    "not_null": "count(*) {filter} - count({column}) {filter}",
    "unique": "count({column}) {filter} - count(distinct {column}) {filter}",
}


@dataclass(frozen=True)
class ColumnTest:
    """One test of one column as dbt's manifest declares it.

    `about`: dbt's id of the model or seed; `where`: the rows that it is about, None for all of them."""

    name: str
    kind: str
    about: str
    relation: str
    column: str
    where: str | None
    is_warning: bool

    @property
    def count(self) -> str:
        """SQL that counts the rows that break it."""
        condition = f"filter (where {self.where})" if self.where else ""
        return COUNTS[self.kind].format(column=self.column, filter=condition)


@dataclass(frozen=True)
class Finding:
    """A test that rows break."""

    test: ColumnTest
    rows: int


def declared(manifest: dict[str, Any]) -> Iterator[ColumnTest]:
    """The tests of these kinds in dbt's manifest, but for those that are switched off."""
    for node in manifest["nodes"].values():
        kind = (node.get("test_metadata") or {}).get("name")
        if node["resource_type"] != "test" or kind not in COUNTS:
            continue
        config = node["config"]
        yield ColumnTest(
            name=node["name"],
            kind=kind,
            about=node["attached_node"],
            relation=manifest["nodes"][node["attached_node"]]["relation_name"],
            column=node["test_metadata"]["kwargs"]["column_name"],
            where=config.get("where"),
            is_warning=config["severity"].lower() == "warn",
        )


def judge(work: Path, tests: Iterable[ColumnTest], allow: Iterable[Path] = ()) -> list[Finding]:
    """What the built relations in the databases of `work` break. `allow`: the folders that their views read.

    A relation that was not built is not judged: the build has failed before it, and says so.
    """
    by_relation: dict[str, list[ColumnTest]] = {}
    for test in tests:
        by_relation.setdefault(test.relation, []).append(test)
    con = connect.memory()
    try:
        for name in state.DATABASES:
            if (work / f"{name}.duckdb").exists():
                connect.attach(con, work / f"{name}.duckdb", name)
        connect.lock_down(con, allow)
        built = {
            ".".join(connect.quoted(part) for part in row)
            for row in con.execute(
                "select database_name, schema_name, table_name from duckdb_tables() union all "
                "select database_name, schema_name, view_name from duckdb_views() where not internal"
            ).fetchall()
        }
        findings = []
        for relation, asked in by_relation.items():
            if relation in built:
                counts = con.execute(f"select {', '.join(t.count for t in asked)} from {relation}").fetchone()
                findings += [Finding(t, n) for t, n in zip(asked, counts, strict=True) if n]
        return findings
    finally:
        con.close()
