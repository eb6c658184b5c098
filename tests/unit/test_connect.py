"""Opening DuckDB: locked for readers, one writer, clear errors."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest

from brain.errors import BrainError, LockedError
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
