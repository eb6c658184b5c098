"""The search for stored values finds them in every kind of file that a house writes."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import zstandard

from brain.settings import Settings
from demo.city import City
from ingest.contract import load_sources
from tests import stored

VALUE = "西安市雁塔区演示路12号3单元"
FILLING = [f"行{i}" for i in range(3_000)]


def plain(path: Path) -> None:
    path.write_text(f"a line\n{VALUE}\n", encoding="utf-8")


def escaped(path: Path) -> None:
    path.write_text(json.dumps({"address": VALUE}) + "\n")


def parquet(path: Path) -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT unnest(?) AS place", [[*FILLING, VALUE]])
        con.execute(f"COPY t TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def duck(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE t AS SELECT {'nested': unnest(?)} AS place", [[*FILLING, VALUE]])


def sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as con:
        con.execute("CREATE TABLE t (place TEXT)")
        con.execute("INSERT INTO t VALUES (?)", [VALUE])
        con.commit()


def gz(path: Path) -> None:
    path.write_bytes(gzip.compress(VALUE.encode()))


def zstd(path: Path) -> None:
    path.write_bytes(zstandard.compress(VALUE.encode()))


@pytest.mark.parametrize("write", [plain, escaped, parquet, duck, sqlite, gz, zstd])
def test_a_value_is_found_in(tmp_path: Path, write) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "left").mkdir()
    write(tmp_path / "kept" / "file")
    write(tmp_path / "left" / "file")
    others = {f"西安市雁塔区演示路12号{i}单元" for i in range(4, 1_000)}
    assert stored.search(tmp_path, {VALUE, *others}, ["left"]) == {VALUE: {"kept/file"}}


def test_the_city_has_a_thousand_values_that_must_not_be_stored(tmp_path: Path) -> None:
    settings = Settings.from_env({"BRAIN_HOME": str(tmp_path), "BRAIN_SECRETS": str(tmp_path / "s")})
    found = stored.personal_values(City(1, 0.3), load_sources(settings))
    assert sum(map(len, found.values())) >= 1_000
    assert all(len(values) >= 100 for values in found.values())
