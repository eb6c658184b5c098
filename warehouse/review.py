"""Pairs of entities that may be one, for stewards: the list, and a file that they fill in and drop."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from brain.errors import BrainError
from brain.settings import Settings
from ingest.run import source_of
from warehouse import connect

MART = "audit_entity_reviews"
COLUMNS = (
    "review_value", "mention_count", "entity_type", "probability", "rule", "evidence",
    "entity_a", "mention_a", "name_a", "entity_b", "mention_b", "name_b",
)  # fmt: skip


def reviews(settings: Settings, entity_type: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
    """The pairs of the current release that nobody has decided, most valuable first: COLUMNS.

    `entity_type`: institution or person, both by default. `mention_a` and `mention_b` are `<record id>#<role>`; people
    have no name in it. Raises BrainError before the first release.
    """
    path = settings.current / "audit.duckdb"
    if not path.exists():
        raise BrainError("there is no release yet", "`brain run` makes one")
    with connect.read_only(path) as con:
        if not con.execute("select count(*) from duckdb_tables() where table_name = ?", [MART]).fetchone()[0]:
            raise BrainError("the release has no list of reviews", "`brain build`, `brain check` and `brain publish`")
        found = con.execute(
            f"select {', '.join(COLUMNS)} from {MART} where ? is null or entity_type = ? "
            "order by review_value desc, mention_count desc, probability desc, review_id limit ?",
            [entity_type, entity_type, limit],
        ).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in found]


def write_csv(settings: Settings, rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows of `reviews` as a file of the source `steward`: a steward fills in number, decision and names.

    Header and encoding are those of its contract. Rows that stay undecided are to be deleted.
    """
    source = source_of(settings, "steward", any_profile=True)
    record = source.record("entity_decision")
    server = next(s for s in source.servers if record.name in s.records)
    names = {f.name: f.physical[0] for f in record.fields}
    with path.open("w", encoding=server.encoding, newline="") as file:
        writer = csv.DictWriter(file, list(names.values()))
        writer.writeheader()
        for row in rows:
            evidence = f"，{row['evidence']}" if row["evidence"] else ""
            writer.writerow(
                {
                    names["entity_type"]: {"institution": "机构", "person": "人员"}[row["entity_type"]],
                    names["record_ids"]: f"{_meant(row['mention_a'])};{_meant(row['mention_b'])}",
                    names["reason"]: f"{row['rule']}，概率 {row['probability']:.4g}{evidence}",
                }
            )


def _meant(mention: str) -> str:
    """How a decision names a mention: by its record where that has an entry of its own."""
    return mention.removesuffix("#self")
