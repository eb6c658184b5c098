"""Whatever is changed in the state, by a byte or a field, verify names it; of an untouched state it has nothing."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest import merkle
from ingest.ledger import Ledger, canonical
from ingest.quarantine import release
from warehouse.verify import verify


@pytest.fixture(scope="module")
def built(new_house: Any) -> Any:
    """A plain source with two snapshots, a quarantine and a release from it, and a personal one: six entries."""
    house = new_house()
    with pytest.MonkeyPatch.context() as m:
        m.setattr("expectations.arrival.check_batch", lambda *_: [])
        house.contract([house.field("id", key=1), house.field("title", enum=[{"value": c} for c in "abc"])])
        phone = house.field("phone", classification="personal", props={"mask": "phone"})
        server = house.server("people/*.csv")
        house.contract([house.field("id", key=1), phone], name="people", servers=[server])
        house.deliver("list_2026-01-01.csv", "id,title\n1,a\n2,b\n3,z\n")
        house.deliver("list_2026-01-02.csv", "id,title\n1,b\n,c\n4,c\n")
        house.deliver("people/x_2026-01-01.csv", "id,phone\n1,13812345678\n2,13987654321\n3\n")
        house.ingest()
        house.ingest("people")
        release(house.settings, "1-1", "a new code")
        house.ingest()
        house.ingest()
    assert [e.kind for e in house.entries()] == ["committed"] * 3 + ["accepted"] + ["committed"] * 2
    return house


@pytest.fixture(autouse=True)
def _leave_it_as_it_was(built: Any) -> Iterator[None]:
    """What a test changes is put back; whether the state is sound is known before and after."""
    home = built.settings.home
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file() and not p.name.endswith(("-wal", "-shm"))}
    yield
    for p in [p for p in home.rglob("*") if p.is_file() and p not in before]:
        p.unlink()
    for p, content in before.items():
        if not p.exists() or p.read_bytes() != content:
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_bytes(content)


def problems(house: Any) -> list[tuple[str, str]]:
    return [(p["kind"], p["where"]) for p in verify(house.settings)["problems"]]


def kinds(house: Any) -> set[str]:
    return {kind for kind, _ in problems(house)}


def sql(house: Any, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(house.settings.ledger_path)) as con:
        changed = con.execute(statement, values).rowcount
        con.commit()
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert changed == 1, "the test changes one row"


# -- the sound state ------------------------------------------------------------------------------------------------


def test_an_untouched_state_has_no_problem(built):
    report = verify(built.settings)
    assert report["problems"] == [] and report["uncommitted"] == []
    assert (report["entries"], report["payloads"], report["records"]) == (6, 3, 3 + 3 + 3 + 1)
    assert report["checkpoint"].startswith("science-brain/ledger\n6\n")


def test_a_house_without_state_has_no_problem(new_house):
    house = new_house()
    house.contract()
    report = verify(house.settings)
    assert (report["entries"], report["problems"], report["checkpoint"]) == (0, [], None)


def test_a_commit_while_verify_reads_the_ledger_is_no_gap(new_house, open_gate):
    """Another run commits between the entries being read and the heads being read."""
    house = new_house()
    house.contract()
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n")
    house.ingest()
    more = []

    def commit(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not more and "FROM entries" in statement:
            more.append(statement)
            body = {"kind": "held", "source": "toy", "record": "item"}
            Ledger(house.settings).commit([body], lambda seq, body: None)

    sa.event.listen(sa.engine.Engine, "after_cursor_execute", commit)
    try:
        report = verify(house.settings)
    finally:
        sa.event.remove(sa.engine.Engine, "after_cursor_execute", commit)
    assert len(house.entries()) == 2, "the other run did commit"
    assert (report["entries"], report["problems"]) == (1, [])
    assert report["checkpoint"].startswith("science-brain/ledger\n1\n")


# -- one byte -------------------------------------------------------------------------------------------------------


def committed_files(house: Any) -> list[tuple[str, Path]]:
    """(kind of problem, file) of every file that the ledger vouches for."""
    found: set[tuple[str, Path]] = set()
    home = house.settings.home
    newest: dict[str, Path] = {}
    for e in house.entries():
        segment = home / e.data["landing"]["segment"]
        found |= {("landing_payload", segment), ("landing_index", segment.with_suffix(".index.jsonl"))}
        found |= {("raw_file", home / f["path"]) for f in e.data["raw"]}
        if e.data["quarantine"]:
            found.add(("quarantine_file", home / e.data["quarantine"]["path"]))
        newest[e.source] = home / e.data["hashes"]["path"]
    return sorted(found | {("hash_file", p) for p in newest.values()})


def test_the_state_has_files_of_every_kind(built):
    files = committed_files(built)
    assert {kind for kind, _ in files} == {
        "landing_payload",
        "landing_index",
        "raw_file",
        "quarantine_file",
        "hash_file",
    }
    assert {p.suffix for k, p in files if k == "landing_payload"} == {".zst", ".enc"}


def test_any_changed_byte_of_any_file_is_found_and_named(built):
    """First, last and two drawn bytes of every file, one at a time."""
    draw = random.Random(20260131)
    for kind, path in committed_files(built):
        whole = path.read_bytes()
        places = {0, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(2))}
        for place in sorted(places):
            changed = bytearray(whole)
            changed[place] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
            found = problems(built)
            assert {k for k, _ in found} == {kind}, f"byte {place} of {path.name}: {found}"
            relative = str(path.relative_to(built.settings.home))
            name = relative.replace(".index.jsonl", "") if kind == "landing_index" else relative
            assert all(where.startswith(name) for _, where in found)
        path.write_bytes(whole)
    assert problems(built) == []


def test_a_lost_file_is_found_and_named(built):
    for kind, path in committed_files(built):
        whole = path.read_bytes()
        path.unlink()
        assert kinds(built) == {kind}, path
        path.write_bytes(whole)


def test_bytes_added_to_a_file_are_found(built):
    for kind, path in committed_files(built):
        whole = path.read_bytes()
        path.write_bytes(whole + b"\n")
        assert kinds(built) == {"landing_segment" if kind == "landing_payload" else kind}, path
        path.write_bytes(whole)


def test_a_file_that_nobody_named_is_no_problem(built):
    stray = built.settings.raw / "toy" / "thing" / "batch=000099" / "part-00000.parquet"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"left of a crash")
    report = verify(built.settings)
    assert report["problems"] == []
    assert report["uncommitted"] == ["raw/toy/thing/batch=000099/part-00000.parquet"]


# -- one field of the ledger ----------------------------------------------------------------------------------------

FIELDS = {
    "kind": "'held'",
    "source": "'people' || source",
    "record": "record || 's'",
    "committed_at": "replace(committed_at, '2', '3')",
    "body": "replace(body, '\"received\":', '\"received\":1')",
    "leaf": "replace(leaf, substr(leaf, 1, 1), CASE substr(leaf, 1, 1) WHEN '0' THEN '1' ELSE '0' END)",
}


@pytest.mark.parametrize("seq", range(1, 7))
@pytest.mark.parametrize("column", FIELDS)
def test_any_changed_field_of_an_entry_is_found_and_named(built, column: str, seq: int):
    sql(built, f"UPDATE entries SET {column} = {FIELDS[column]} WHERE seq = ?", seq)
    found = problems(built)
    assert ("ledger_entry", f"entry {seq}") in found
    assert {kind for kind, _ in found} <= {"ledger_entry", "ledger_checkpoint", "landing_payload"}


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_a_renumbered_entry_is_a_gap(built, seq: int):
    sql(built, "UPDATE entries SET seq = 77 WHERE seq = ?", seq)
    assert {"ledger_gap", "ledger_entry"} <= kinds(built)


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_a_lost_entry_is_a_gap(built, seq: int):
    sql(built, "DELETE FROM entries WHERE seq = ?", seq)
    assert "ledger_gap" in kinds(built)


@pytest.mark.parametrize("body", ["no json", "[]", "7", "{}"])
def test_a_body_of_another_form_is_a_problem_not_a_crash(built, body: str):
    sql(built, "UPDATE entries SET body = ? WHERE seq = 2", body)
    assert ("ledger_entry", "entry 2") in problems(built)


def test_an_entry_forged_with_its_leaf_does_not_fit_the_heads(built):
    entry = built.entries()[1]
    body = canonical({**entry.data, "received": 999})
    leaf = merkle.leaf_hash(body.encode()).hex()
    sql(built, "UPDATE entries SET body = ?, leaf = ? WHERE seq = 2", body, leaf)
    assert "ledger_checkpoint" in kinds(built)


def test_an_entry_that_nobody_signed_is_found(built):
    entry = built.entries()[-1]
    body = canonical({**entry.data, "seq": 7})
    values = (
        7,
        entry.kind,
        entry.source,
        entry.record,
        entry.committed_at,
        body,
        merkle.leaf_hash(body.encode()).hex(),
    )
    sql(built, "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", *values)
    assert problems(built) == [("ledger_checkpoint", "7 entries, only 6 are signed")]


@pytest.mark.parametrize("size", [2, 6])
@pytest.mark.parametrize(
    "change",
    [
        "note = replace(note, 'science', 'Science')",
        "note = note || char(10)",
        "note = replace(note, char(10), char(13) || char(10))",
        "note = substr(note, 1, length(note) - 2)",
        "note = ''",
        "size = 5",
    ],
)
def test_any_changed_field_of_a_head_is_found(built, change: str, size: int):
    if change == "size = 5":
        sql(built, "DELETE FROM checkpoints WHERE size = 5")
    sql(built, f"UPDATE checkpoints SET {change} WHERE size = ?", size)
    assert kinds(built) == {"ledger_checkpoint"}


def test_a_head_of_another_time_under_this_size_is_found(built):
    """Two good signatures in the wrong places."""
    with closing(sqlite3.connect(built.settings.ledger_path)) as con:
        [(older,)] = con.execute("SELECT note FROM checkpoints WHERE size = 2").fetchall()
    sql(built, "UPDATE checkpoints SET note = ? WHERE size = 6", older)
    assert problems(built) == [("ledger_checkpoint", "head of size 6: not the head of these entries")]


def test_a_lost_newest_head_is_found(built):
    sql(built, "DELETE FROM checkpoints WHERE size = 6")
    sql(built, "DELETE FROM checkpoints WHERE size = 5")
    assert "ledger_checkpoint" in kinds(built)


def test_no_head_at_all_is_found(built):
    for size in (1, 2, 3, 4, 5, 6):
        with closing(sqlite3.connect(built.settings.ledger_path)) as con:
            con.execute("DELETE FROM checkpoints WHERE size = ?", [size])
            con.commit()
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert problems(built) == [("ledger_checkpoint", "no signed head")]


# -- raw against landing --------------------------------------------------------------------------------------------


def lying_house(new_house: Any, monkeypatch: pytest.MonkeyPatch, target: str, lie: Any) -> Any:
    """A house whose ingest lies while it commits: every file and entry is sound, raw is not what landing holds."""
    house = new_house()
    house.contract()
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n2,b\n")
    with monkeypatch.context() as m:
        m.setattr("expectations.arrival.check_batch", lambda *_: [])
        m.setattr(target, lie)
        house.ingest()
    return house


def test_a_row_that_is_not_what_landing_holds_is_found(new_house, monkeypatch: pytest.MonkeyPatch):
    lie = lying_house(
        new_house, monkeypatch, "ingest.records.Shape.hashes", lambda self, rows: [b"\0" * 32 for _ in rows]
    )
    assert problems(lie) == [("raw_record", "batch 1: toy:thing:1"), ("raw_record", "batch 1: toy:thing:2")]


def test_a_row_that_was_left_out_is_found(new_house, monkeypatch: pytest.MonkeyPatch):
    from ingest.run import Reader

    read = Reader.read

    def skips_one(self: Any, payload: int, content: bytes, *more: Any) -> Any:
        for found in read(self, payload, content, *more):
            yield found.only("L2")

    lie = lying_house(new_house, monkeypatch, "ingest.run.Reader.read", skips_one)
    assert problems(lie) == [("raw_record", "batch 1: landing holds 2, received were 1")]


def test_batches_of_an_older_contract_wait_for_their_replay(new_house, monkeypatch: pytest.MonkeyPatch):
    house = new_house()
    house.contract()
    house.deliver("list_2026-01-01.csv", "id,title\n1,5\n")
    monkeypatch.setattr("expectations.arrival.check_batch", lambda *_: [])
    house.ingest()
    house.contract([house.field("id", key=1), house.field("title", "integer")])
    assert problems(house) == [], "raw is derived again by the next ingest"
