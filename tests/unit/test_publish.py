"""Releases: only what was checked, whole, kept three deep, and never in the way of a reader."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from brain import journal
from brain.errors import BrainError, HeldError, IntegrityError, LockedError
from brain.settings import Settings
from ingest.ledger import Ledger
from warehouse import connect, publish, state, views

MANIFEST = {
    "sources": {"source.raw.journal__checks": {"unique_id": "source.raw.journal__checks", "name": "journal__checks"}},
    "nodes": {
        "model.dim_labs": {
            "unique_id": "model.dim_labs",
            "resource_type": "model",
            "name": "dim_labs",
            "database": "official",
            "config": {"materialized": "table"},
            "columns": {"seen_at": {"config": {"meta": {"volatile": True}}}},
            "depends_on": {"nodes": []},
        },
        "model.audit_check_results": {
            "unique_id": "model.audit_check_results",
            "resource_type": "model",
            "name": "audit_check_results",
            "database": "audit",
            "config": {"materialized": "table", "meta": {"describes_runs": True}},
            "depends_on": {"nodes": ["source.raw.journal__checks"]},
            "compiled_code": 'select check_name, run_id from "brain"."raw"."journal__checks"',
        },
    },
}


@pytest.fixture
def home(settings: Settings) -> Settings:
    return settings


def lay_build(settings: Settings, labs: int, *, build_id: str = "", ledger_size: int = 1) -> state.Build:
    """A build as dbt would have left it: `labs` rows in official.dim_labs."""
    folder = settings.warehouse_dir
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for kind in journal.COLUMNS:
        journal.ensure(settings, kind)
    with connect.read_write(folder / "official.duckdb") as con:
        con.execute(f"create table dim_labs as select i as lab, now() as seen_at from range({labs}) t (i)")
    with connect.read_write(folder / "audit.duckdb") as con:
        con.execute("create table audit_check_results (run_id varchar, check_name varchar)")
    with connect.read_write(folder / "brain.duckdb") as con:
        con.execute("create schema raw")
        views._journal(con, settings, "checks")
    state.write_json(state.manifest_path(settings), MANIFEST)
    build = state.Build(
        build_id=build_id or f"build-{labs}-{ledger_size}",
        built_at="2026-11-23T02:00:00+00:00",
        as_of="2026-11-23",
        profile="open",
        ledger_size=ledger_size,
        ledger_root=grow(settings, ledger_size),
        code_version="0.1.0",
        files={name: state.sha256_file(folder / f"{name}.duckdb") for name in state.SERVED},
        models=[],
    )
    state.write_build(settings, build)
    return build


def grow(settings: Settings, size: int) -> str:
    """A ledger of at least `size` entries, each with its head; the root of the first `size`, in hex."""
    ledger = Ledger(settings)
    for i in range(len(ledger.entries()), size):
        ledger.commit([{"kind": "committed", "source": "toy", "record": f"r{i}"}], lambda seq, body: None)
    return ledger.open(ledger.note_of(size)).root


def judge(settings: Settings, build: state.Build, *failed: str) -> None:
    state.write_gate(
        settings, state.Gate(build.build_id, not failed, "2026-11-23T02:01:00+00:00", "run-1", list(failed))
    )


def release(settings: Settings, labs: int, **how) -> publish.Release:
    judge(settings, lay_build(settings, labs, **how))
    return publish.publish(settings)


def served(settings: Settings, sql: str, name: str = "official") -> list[tuple]:
    with connect.read_only(settings.current / f"{name}.duckdb") as con:
        return con.execute(sql).fetchall()


def test_an_unchecked_build_is_held(home):
    lay_build(home, 3)
    with pytest.raises(HeldError, match="not been checked"):
        publish.publish(home)


def test_the_verdict_on_another_build_does_not_count(home):
    judge(home, lay_build(home, 3, build_id="first"))
    build = lay_build(home, 3, build_id="second")
    state.write_gate(home, state.Gate("first", True, "2026-11-23T02:01:00+00:00", "run-1", []))
    with pytest.raises(HeldError, match="not been checked"):
        publish.publish(home)
    judge(home, build)
    assert publish.publish(home).id


def test_a_failed_check_holds_and_the_last_release_keeps_serving(home):
    before = release(home, 3)
    judge(home, lay_build(home, 4), "official.dim_labs: key_unique")
    with pytest.raises(HeldError, match="key_unique") as held:
        publish.publish(home)
    assert held.value.exit_code == 3
    assert publish.current(home) == before


def test_a_file_changed_after_the_build_is_refused(home):
    judge(home, lay_build(home, 3))
    with duckdb.connect(str(home.warehouse_dir / "official.duckdb")) as con:
        con.execute("insert into dim_labs values (99, now())")
    with pytest.raises(IntegrityError, match="official"):
        publish.publish(home)


def test_a_release_says_what_it_is(home):
    made = release(home, 3, ledger_size=7)
    assert made.id.endswith(made.content_hash[:8])
    columns = [c[:2] for c in served(home, "describe release_info")]
    assert columns == list(publish.RELEASE_INFO)
    for name in state.SERVED:
        row = served(home, "select * exclude (published_at), typeof(published_at) from release_info", name)[0]
        assert row[:3] == (made.id, "open", "公开数据")
        note = Ledger(home).note_of(7)
        assert row[4:] == (made.content_hash, 7, Ledger(home).open(note).root, note, "TIMESTAMP")
    notes = json.loads((made.path / "release.json").read_text())
    assert (notes["id"], notes["ledger_size"], notes["build_id"]) == (made.id, 7, "build-3-7")
    assert set(notes["marts"]) == {"official.dim_labs"}
    assert notes["checkpoint"] == Ledger(home).note_of(7)
    assert sorted(p.name for p in made.path.iterdir()) == ["audit.duckdb", "official.duckdb", "release.json"]
    assert os.path.realpath(home.current) == str(made.path)
    assert not home.current.readlink().is_absolute(), "a moved home keeps its release"


def test_what_stands_on_another_ledger_is_not_published(home):
    build = lay_build(home, 3)
    judge(home, build)
    state.write_build(home, replace(build, ledger_root="00" * 32))
    with pytest.raises(IntegrityError, match="no signed head"):
        publish.publish(home)
    state.write_build(home, replace(build, ledger_size=9))
    with pytest.raises(IntegrityError, match="no signed head"):
        publish.publish(home)
    assert publish.current(home) is None


def test_the_checks_of_this_very_run_are_in_the_release(home):
    build = lay_build(home, 3)
    journal.append(
        home, "checks", [{"gate": "release", "check_name": "key_unique", "run_id": "run-1", "success": True}]
    )
    judge(home, build)
    publish.publish(home)
    assert served(home, "select run_id, check_name from audit_check_results", "audit") == [("run-1", "key_unique")]


def test_the_same_content_is_not_published_twice(home):
    first = release(home, 3)
    assert release(home, 3, build_id="again") == first
    assert [p.name for p in home.releases.iterdir()] == [first.path.name]


def test_new_batches_without_new_content_keep_the_release_id_and_bring_its_run_records_up_to_date(home):
    first = release(home, 3, ledger_size=1)
    build = lay_build(home, 3, ledger_size=2)
    journal.append(home, "checks", [{"gate": "arrival", "check_name": "volume", "run_id": "run-2", "success": True}])
    judge(home, build)
    second = publish.publish(home)
    assert (second.id, second.content_hash) == (first.id, first.content_hash)
    assert (first.revision, second.revision) == (1, 2)
    assert served(home, "select ledger_size from release_info") == [(2,)]
    assert served(home, "select run_id from audit_check_results", "audit") == [("run-2",)]


def test_volatile_columns_and_run_records_are_no_content(home):
    first = release(home, 3)
    time.sleep(0.01)  # another now() in seen_at
    assert release(home, 3, build_id="later").content_hash == first.content_hash
    assert release(home, 4).content_hash != first.content_hash


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every release a second later than the last: ids name seconds."""
    from datetime import UTC, datetime, timedelta

    ticks = iter(range(1000))

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 11, 23, 2, 0, tzinfo=UTC) + timedelta(seconds=next(ticks))

    monkeypatch.setattr(publish, "datetime", Clock)


@pytest.mark.usefixtures("clock")
def test_the_last_three_releases_are_kept(home):
    made = [release(home, n) for n in (1, 2, 3, 4)]
    assert [r.id for r in publish.releases(home)] == [r.id for r in made[1:]]
    assert not made[0].path.exists()


@pytest.mark.usefixtures("clock")
def test_the_served_release_is_kept_however_old(home):
    made = [release(home, n) for n in (1, 2, 3)]
    publish.rollback(home, made[0].id)
    again = release(home, 4)
    assert {r.id for r in publish.releases(home)} == {made[1].id, made[2].id, again.id}
    publish.rollback(home, made[1].id)
    (home.releases / "left-over.tmp").mkdir()
    publish._prune(home)
    assert made[1].path.exists()


@pytest.mark.usefixtures("clock")
def test_rollback_returns_to_the_release_before_or_to_a_named_one(home):
    one, two, three = (release(home, n) for n in (1, 2, 3))
    assert publish.rollback(home).id == two.id
    assert served(home, "select count(*) from dim_labs") == [(2,)]
    assert publish.rollback(home).id == one.id
    assert publish.rollback(home, three.id).id == three.id
    assert served(home, "select count(*), (select release_id from release_info) from dim_labs") == [(3, three.id)]


@pytest.mark.usefixtures("clock")
def test_rollback_to_nothing_names_what_is_kept(home):
    only = release(home, 1)
    with pytest.raises(BrainError, match=rf"an older release is not kept here .*{only.id}"):
        publish.rollback(home)
    with pytest.raises(BrainError, match="release 2020 is not kept"):
        publish.rollback(home, "2020")
    assert publish.current(home) == only


@pytest.mark.usefixtures("clock")
def test_a_changed_release_is_not_returned_to(home):
    one = release(home, 1)
    two = release(home, 2)
    file = one.path / "official.duckdb"
    file.chmod(0o644)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"official\.duckdb"):
        publish.rollback(home)
    assert publish.current(home) == two


def test_a_view_in_a_served_file_is_refused(home):
    build = lay_build(home, 3)
    with duckdb.connect(str(home.warehouse_dir / "official.duckdb")) as con:
        con.execute("create view leak as select * from dim_labs")
    digest = state.sha256_file(home.warehouse_dir / "official.duckdb")
    build = replace(build, files={**build.files, "official": digest})
    state.write_build(home, build)
    judge(home, build)
    with pytest.raises(BrainError, match=r"official\.leak is a view"):
        publish.publish(home)
    assert publish.current(home) is None


def test_what_a_publish_cut_off_left_behind_is_no_release(home):
    judge(home, lay_build(home, 3))
    (home.releases / "20261123T020000Z-00000000.tmp").mkdir(parents=True)
    (home.releases / "20261123T020000Z-00000000.tmp" / "release.json").write_text("{}")
    assert publish.releases(home) == []
    made = publish.publish(home)
    assert list(home.releases.iterdir()) == [made.path], "and the next publish removes it"


def test_a_build_under_way_keeps_publish_out(home):
    judge(home, lay_build(home, 3))
    with connect.writer_lock(home, "build"), pytest.raises(LockedError, match="brain build"):
        publish.publish(home)


def _read_until(home: Settings, stop, errors, count, begun=None) -> None:
    """A reading client: resolve `current`, open, ask, close. Every answer must come from one release."""
    n = 0
    while not stop.is_set():
        try:
            folder = Path(os.path.realpath(home.current))
            with connect.read_only(folder / "official.duckdb", threads=1) as con:
                rows, release_id = con.execute(
                    "select count(*), any_value(release_id) from dim_labs, release_info"
                ).fetchone()
            with connect.read_only(folder / "audit.duckdb", threads=1) as con:
                other = con.execute("select release_id from release_info").fetchone()[0]
            expected = json.loads((folder / "release.json").read_text())["id"]
            if not (release_id == other == expected) or rows not in (1, 2, 3):
                errors.append(f"mixed answer: {release_id} {other} {expected} {rows}")
            n += 1
            if begun and n == 1:
                begun.release()
        except Exception as e:
            errors.append(f"{type(e).__name__}: {e}")
    count.append(n)


@pytest.mark.usefixtures("clock")
def test_readers_see_no_error_and_no_mixture_while_releases_change(home):
    one, two = release(home, 1), release(home, 2)
    with multiprocessing.get_context("spawn").Manager() as manager:
        stop, errors, counts, begun = manager.Event(), manager.list(), manager.list(), manager.Semaphore(0)
        spawn = multiprocessing.get_context("spawn")
        clients = [spawn.Process(target=_read_until, args=(home, stop, errors, counts, begun)) for _ in range(2)]
        here, found, told = threading.Event(), [], []
        threads = [threading.Thread(target=_read_until, args=(home, here, found, told)) for _ in range(3)]
        for client in (*clients, *threads):
            client.start()
        swaps, slowest = 0, 0.0
        three = release(home, 3)
        try:
            for _ in clients:  # starting an interpreter is no part of what is measured
                assert begun.acquire(timeout=120), "the readers never started"
            deadline = time.monotonic() + 60
            while swaps < 30:
                for target in (one, two, three):
                    began = time.monotonic()
                    publish.rollback(home, target.id)
                    slowest = max(slowest, time.monotonic() - began)
                    swaps += 1
                assert time.monotonic() < deadline, "thirty rollbacks take less than a minute"
        finally:
            stop.set()
            here.set()
            for client in (*clients, *threads):
                client.join()
        assert [*errors, *found] == []
        assert len(counts) == 2
        assert len(told) == 3
        assert sum([*counts, *told]) > 5, "the readers read while releases changed"
        assert slowest < 5, "a rollback is done within five seconds"
