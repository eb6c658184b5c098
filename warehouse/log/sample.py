"""A sample of records for an audit, drawn so that nobody can choose it and everybody can draw it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brain.errors import BrainError
from brain.settings import Settings
from ingest.ledger import Ledger, live_entries
from warehouse import connect, state
from warehouse.log import records
from warehouse.log.proof import prove


def sample(settings: Settings, seed: str, n: int, folder: Path, source: str | None = None) -> dict[str, Any]:
    """Draw `n` records by a seed and write the proof of each into a new folder, with `sample.json` about the draw.

    The population are the ids of all records in raw whose batch has its root; drawn are those with the smallest
    SHA-256 of `<seed>`, a line feed and the id. Returns what `sample.json` holds: `seed`, `source`, `population`,
    `checkpoint` and `records[]` with id, hash and name of the bundle. Raises BrainError where there are no such records
    or the folder holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BrainError(f"{folder} holds something already", "give a folder that is empty or not there yet")
    ledger = Ledger(settings)
    entries, heads = ledger.entries_and_heads()
    known = records.entered_roots(entries)
    live = [e for e in live_entries(entries) if e.seq in known and source in (None, e.source)]
    files = [str(settings.home / f["path"]) for e in live for f in e.data["raw"]]
    if not files:
        raise BrainError("there are no records to draw from", "`brain build` enters the roots of what was ingested")
    with connect.memory() as con:
        population = "SELECT DISTINCT _record_id AS record_id FROM read_parquet(?)"
        count = con.execute(f"SELECT count(*) FROM ({population})", [files]).fetchone()[0]
        drawn = con.execute(
            f"SELECT record_id, sha256(? || chr(10) || record_id) AS rank FROM ({population}) ORDER BY rank LIMIT ?",
            [seed, files, n],
        ).fetchall()
    folder.mkdir(parents=True, exist_ok=True)
    told = []
    for number, (record_id, rank) in enumerate(drawn, 1):
        name = f"{number:04d}.zip"
        prove(settings, record_id, folder / name)
        told.append({"record_id": record_id, "rank": rank, "bundle": name})
    document = {"seed": seed, "source": source, "population": count, "checkpoint": heads[-1][1], "records": told}
    state.write_json(folder / "sample.json", document)
    return document
