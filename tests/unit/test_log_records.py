"""The tree over the records of a batch: exactly what formats.md says, entered once, and checked against raw."""

from __future__ import annotations

import hashlib
import shutil
from typing import Any

import pyarrow.parquet as pq
import pytest

from brain.errors import IntegrityError
from ingest import merkle
from ingest.landing import Segment
from ingest.ledger import Ledger
from warehouse.log import records
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")


def deliver(house: Any, day: int, rows: list[str]) -> None:
    house.deliver(f"list_2026-01-{day:02d}.csv", "id,title\n" + "".join(f"{r}\n" for r in rows))
    house.ingest()


@pytest.fixture
def built(house: Any) -> Any:
    """Two batches, the second with a change and a withdrawal, and their roots entered."""
    house.contract()
    deliver(house, 1, ["1,西安", "2,咸阳", "3,宝鸡"])
    deliver(house, 2, ["1,西安", "2,咸阳市"])
    records.enter_roots(house.settings, house.entries())
    return house


def test_a_leaf_is_what_the_format_says():
    given = ("upsert", bytes(31) + b"\xab", "cd" * 32, "Sheet 1!7", "moe:institution:4161010698")
    told = b"upsert " + b"00" * 31 + b"ab " + b"cd" * 32 + b" 9 Sheet 1!7 moe:institution:4161010698"
    assert records.leaf_data(*given) == told
    assert records.leaf_data("withdrawn", None, None, None, "a:b:c") == b"withdrawn - - 0  a:b:c"
    chinese = records.leaf_data("upsert", bytes(32), "cd" * 32, "名单!2", "a:b:c")
    assert chinese.endswith(" 8 名单!2 a:b:c".encode())


def test_locator_and_id_cannot_be_taken_for_each_other():
    one = records.leaf_data("upsert", bytes(32), "cd" * 32, "L1", "x y:z:1")
    other = records.leaf_data("upsert", bytes(32), "cd" * 32, "L1 x", "y:z:1")
    assert one != other


def test_the_root_of_a_batch_follows_from_raw_and_landing(built: Any):
    [*entries, said] = built.entries()
    batches = [e for e in entries if e.data["raw"]]
    assert said.kind == "roots" and [r["seq"] for r in said.data["roots"]] == [e.seq for e in batches]
    assert len(batches) == 2
    for entry, told in zip(batches, said.data["roots"], strict=True):
        segment = Segment(built.settings.home / entry.data["landing"]["segment"])
        stored = [p.stored_sha256 for p in segment.entries()]
        leaves = []
        for ref in entry.data["raw"]:
            for r in pq.read_table(built.settings.home / ref["path"]).to_pylist():
                hash_ = r["_hash"].hex() if r["_hash"] else "-"
                payload = "-" if r["_payload"] is None else stored[r["_payload"]]
                place = r["_pointer"] or ""
                text = f"{r['_change']} {hash_} {payload} {len(place.encode())} {place} {r['_record_id']}"
                leaves.append(hashlib.sha256(b"\0" + text.encode()).digest())
        assert told["records"] == len(leaves) == entry.data["new"] + entry.data["withdrawn"]
        assert told["root"] == merkle.root(leaves).hex()
    assert verify(built.settings)["problems"] == []


def test_the_cut_into_runs_does_not_change_the_tree(house: Any, monkeypatch: pytest.MonkeyPatch):
    house.contract()
    deliver(house, 1, [f"{i},title {i}" for i in range(23)])
    [entry] = house.entries()
    whole = records.tree_of(house.settings, entry)
    assert len(whole.runs) == 1 and whole.records == 23
    for run in (2, 4, 8, 16):
        monkeypatch.setattr(records, "RUN", run)
        cut = records.tree_of(house.settings, entry)
        assert len(cut.runs) == -(-23 // run) and cut.root == whole.root


def test_roots_are_entered_once_and_stay(built: Any):
    before = [e.leaf for e in built.entries()]
    assert records.enter_roots(built.settings, built.entries()) == built.entries()
    assert [e.leaf for e in built.entries()] == before
    deliver(built, 3, ["1,西安", "2,咸阳市", "4,渭南"])
    entries = records.enter_roots(built.settings, built.entries())
    assert entries == built.entries() and [r["seq"] for r in entries[-1].data["roots"]] == [len(entries) - 1]
    deliver(built, 4, ["1,西安", "2,咸阳市", "4,渭南"])  # nothing new: no files, no root
    assert records.enter_roots(built.settings, built.entries()) == built.entries()


def test_no_root_is_entered_over_changed_raw(house: Any):
    house.contract()
    deliver(house, 1, ["1,西安"])
    [entry] = house.entries()
    path = house.settings.home / entry.data["raw"][0]["path"]
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(IntegrityError, match=r"part-00000\.parquet is not as entered"):
        records.enter_roots(house.settings, house.entries())
    assert [e.kind for e in house.entries()] == ["committed"]


def test_a_kept_tree_may_be_lost(built: Any):
    entry = built.entries()[0]
    kept = records.kept_tree(built.settings, entry)
    shutil.rmtree(built.settings.home / "cache")
    assert records.kept_tree(built.settings, entry) == kept == records.tree_of(built.settings, entry)


def test_a_root_that_is_not_of_its_records_is_told(house: Any):
    house.contract()
    deliver(house, 1, ["1,西安", "2,咸阳"])
    ledger = Ledger(house.settings)
    false = {"seq": 1, "records": 2, "root": "00" * 32}
    nowhere = {"seq": 9, "records": 1, "root": "00" * 32}
    body = {"kind": "roots", "source": "ledger", "record": "roots", "roots": [false, nowhere]}
    ledger.commit([body], lambda seq, body: None)
    told = verify(house.settings)["problems"]
    assert [(p["kind"], p["where"].partition(":")[0]) for p in told] == [
        ("record_root", "batch 1"),
        ("record_root", "batch 9"),
    ]
