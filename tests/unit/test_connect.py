"""Opening DuckDB: locked for readers, one writer, clear errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from brain.errors import BrainError, LockedError
from brain.settings import ROOT
from warehouse import connect


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "db" / "official.duckdb"
    with connect.read_write(path) as con:
        con.execute("create table t as select 1 as a")
    (tmp_path / "outside.csv").write_text("a\n1\n")
    return path


@pytest.mark.parametrize("allowed", [False, True], ids=["locked", "one folder allowed"])
@pytest.mark.parametrize(
    "statement",
    [
        "insert into t values (2)",
        "select * from read_csv('{outside}')",
        "copy t to '{outside}'",
        "attach '{other}' as x",
        "install httpfs",
        "set enable_external_access = true",
        "set threads = 64",
        "set lock_configuration = false",
    ],
)
def test_a_reader_can_do_nothing_but_read(database, tmp_path, allowed, statement):
    statement = statement.format(outside=tmp_path / "outside.csv", other=tmp_path / "other.duckdb")
    with connect.read_only(database, allow=[database.parent] if allowed else []) as con:
        assert con.execute("select a from t").fetchall() == [(1,)]
        with pytest.raises(duckdb.Error):
            con.execute(statement).fetchall()
    assert (tmp_path / "outside.csv").read_text() == "a\n1\n"


def test_an_allowed_folder_can_be_read(database, tmp_path):
    with connect.read_only(database, allow=[tmp_path]) as con:
        assert con.execute(f"select * from read_csv('{tmp_path}/outside.csv')").fetchall() == [(1,)]


def test_a_missing_database_says_what_to_do(tmp_path):
    with pytest.raises(BrainError, match="brain build"):
        connect.read_only(tmp_path / "none.duckdb")
    assert not (tmp_path / "none.duckdb").exists()


def test_a_file_that_is_no_database_says_so(tmp_path):
    (tmp_path / "x.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(BrainError, match=r"x\.duckdb cannot be opened"):
        connect.read_only(tmp_path / "x.duckdb")


def test_a_writer_elsewhere_is_named(database):
    code = f"import duckdb, sys; c = duckdb.connect({str(database)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout.readline() == "open\n"
        for open_ in (connect.read_only, connect.read_write):
            with pytest.raises(LockedError, match=f"held by process {writer.pid}") as locked:
                open_(database)
            assert locked.value.exit_code == 75
        writer.stdin.close()
    with connect.read_write(database) as con:
        assert con.execute("select a from t").fetchall() == [(1,)]


def test_names_and_texts_are_quoted(tmp_path):
    with connect.memory() as con:
        name, text = 'a"b', "it's"
        con.execute(f"create table t as select {connect.literal(text)} as {connect.quoted(name)}")
        assert con.execute("from t").fetchall() == [(text,)]
        assert con.description[0][0] == name


# Sorts far more than its 64 MB, says where that went, and waits with the blocks still on disk.
SPILL = """
import sys, pathlib
from warehouse import connect
con = connect.memory(limit="64MB")
con.execute("create temp table big as select md5(i::varchar) as h, i from range(3000000) t (i)")
folder = pathlib.Path(con.execute("select current_setting('temp_directory')").fetchone()[0])
print(folder if list(folder.glob("*.tmp")) else "nothing spilled", flush=True)
sys.stdin.readline()
total = con.execute("select sum(i), count(distinct left(h, 5)) from big").fetchone()
print(total[0], flush=True)
"""


def spilling(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SPILL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BRAIN_HOME": str(home)},
    )


def test_processes_that_spill_do_not_meet_and_leave_nothing(tmp_path):
    with spilling(tmp_path) as one, spilling(tmp_path) as two:
        folders = [Path(p.stdout.readline().strip()) for p in (one, two)]
        assert folders[0].parent != folders[1].parent
        for folder in folders:
            assert folder.parent.parent == tmp_path / "work"
            assert folder.parent.stat().st_mode & 0o777 == 0o700, "what is spilled are values of records"
        for process in (one, two):
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{sum(range(3_000_000))}\n"
    assert list((tmp_path / "work").iterdir()) == []


def test_what_a_killed_process_spilled_is_removed_by_the_next_and_what_a_living_one_needs_is_not(tmp_path, monkeypatch):
    with spilling(tmp_path) as killed, spilling(tmp_path) as living:
        left, needed = (Path(p.stdout.readline().strip()) for p in (killed, living))
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert list(left.glob("*.tmp"))
        monkeypatch.setenv("BRAIN_HOME", str(tmp_path))
        connect.memory().close()
        assert not left.parent.exists()
        assert list(needed.glob("*.tmp"))
        living.stdin.close()


def test_every_database_in_memory_spills_apart_and_a_file_always_to_the_same_place(database):
    def folder(con: duckdb.DuckDBPyConnection) -> str:
        return con.execute("select current_setting('temp_directory')").fetchone()[0]

    with connect.memory() as one, connect.memory() as two:
        assert folder(one) != folder(two)
    with connect.read_only(database) as one, connect.read_only(database) as two:  # refused if the two differed
        assert folder(one) == folder(two) != str(database) + ".tmp"


def test_supersets_workers_spill_apart_from_each_other_and_from_the_release(tmp_path):
    """Its configuration is asked in a process of its own, as a worker asks it."""
    code = (
        "import json, superset_config as c; from sqlalchemy.engine import make_url;"
        "asked = [c.DB_CONNECTION_MUTATOR(make_url(f'duckdb:///{n}'), {})[1]['connect_args']['config'] "
        "for n in ('official.duckdb', 'official.duckdb', 'audit.duckdb')];"
        "print(json.dumps([a['temp_directory'] for a in asked]))"
    )
    (tmp_path / "var" / "releases" / "r1").mkdir(parents=True)
    (tmp_path / "var" / "current").symlink_to("releases/r1")
    (tmp_path / "secrets").mkdir()
    for name in ("official.duckdb", "audit.duckdb"):
        connect.read_write(tmp_path / "var" / "releases" / "r1" / name).close()
    for name in ("superset_secret_key", "superset_guest_token_key"):
        (tmp_path / "secrets" / name).write_text("no key " * 6)
    homes = {"BRAIN_HOME": str(tmp_path / "var"), "BRAIN_SECRETS": str(tmp_path / "secrets")}
    env = {**os.environ, **homes, "PYTHONPATH": str(ROOT / "superset")}
    told = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        told.append(json.loads(done.stdout))
    for official, again, audit in told:
        assert official == again != audit, "within a worker the same file must always be opened the same way"
    assert not set(told[0]) & set(told[1])
    spill = tmp_path / "var" / "superset" / "spill"
    assert {Path(p).parent for some in told for p in some} == {spill}
    assert spill.stat().st_mode & 0o777 == 0o700
