"""`brain verify --served`: every row of the release leads to a record whose bytes were just proven, or is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from brain.errors import BrainError
from warehouse import connect
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")


def lay_release(house: Any, rows: list[tuple[str, list[str]]]) -> None:
    """A release as publish would have left it: `dim_things` with these keys and records, and a mart about runs."""
    folder = house.settings.releases / "r1"
    folder.mkdir(parents=True)
    with connect.read_write(folder / "official.duckdb") as con:
        con.execute("CREATE TABLE dim_things (thing_id VARCHAR, record_ids VARCHAR)")
        con.executemany("INSERT INTO dim_things VALUES (?, ?)", [(key, json.dumps(ids)) for key, ids in rows])
    with connect.read_write(folder / "audit.duckdb") as con:
        con.execute("CREATE TABLE audit_model_runs (run_id VARCHAR)")
    notes = {"id": "r1", "content_hash": "0", "ledger_size": 1, "created_at": "2026-01-01", "as_of": "2026-01-01"}
    (folder / "release.json").write_text(json.dumps(notes))
    house.settings.current.symlink_to("releases/r1")


@pytest.fixture
def filled(house: Any) -> Any:
    house.contract()
    house.deliver("a_2026-01-01.csv", "id,title\n1,甲\n2,乙\n3,丙\n")
    house.ingest()
    return house


def test_rows_are_counted_and_lead_to_proven_records(filled: Any):
    lay_release(filled, [("a", ["toy:thing:1", "toy:thing:2"]), ("b", ["toy:thing:2"]), ("none", [])])
    report = verify(filled.settings, served=True)
    assert report["problems"] == []
    assert report["served"] == {
        "release": "r1",
        "marts": 1,
        "marts_without_records": 1,
        "rows": 3,
        "records": 2,
        "without_records": 1,
        "untraced_rows": 0,
    }
    assert "served" not in verify(filled.settings)


def test_a_row_that_names_an_unknown_record_is_told(filled: Any):
    lay_release(filled, [("a", ["toy:thing:1"]), ("b", ["toy:thing:1", "toy:thing:404"])])
    report = verify(filled.settings, served=True)
    assert report["problems"] == [{"kind": "served_row", "where": "official.dim_things b: toy:thing:404"}]
    assert report["served"]["untraced_rows"] == 1


def test_a_row_whose_bytes_are_not_proven_is_told(filled: Any):
    lay_release(filled, [("a", ["toy:thing:1"])])
    segment = next(filled.settings.landing.rglob("*.zst"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    kinds = [p["kind"] for p in verify(filled.settings, served=True)["problems"]]
    assert kinds == ["landing_payload", "served_row"]


def test_without_a_release_there_is_nothing_to_walk(filled: Any):
    with pytest.raises(BrainError, match="no release yet"):
        verify(filled.settings, served=True)
