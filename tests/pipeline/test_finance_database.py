"""The finance system in a real PostgreSQL holds what it holds in SQLite, day by day."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from demo.city import City
from demo.systems import finance


@pytest.fixture(scope="module")
def address(postgresql: Any) -> str:
    postgresql.create("treasury", "bookkeeper", "a pass/word")
    url = URL.create(
        "postgresql+psycopg2",
        username="owner",
        password=postgresql.password,
        host="127.0.0.1",
        port=postgresql.port,
        database="treasury",
    )
    return url.render_as_string(hide_password=False)


def test_postgresql_holds_the_same_rows_as_sqlite(postgresql: Any, address: str, tmp_path: Path):
    path = tmp_path / "finance.sqlite"
    for day in (0, 1, 20):
        finance.fill(City(1, 0.1, day), address)
        finance.fill(City(1, 0.1, day), f"sqlite:///{path}")
    with sqlite3.connect(path) as con:
        for register in finance.REGISTERS:
            columns = ", ".join(["row_id", *register.columns])
            query = f"SELECT {columns}, updated_at FROM {register.record} ORDER BY row_id"
            here = [(*row[:-1], row[-1][:19]) for row in con.execute(query)]
            there = [(*_plain(row[:-1]), str(row[-1])[:19]) for row in postgresql.run("treasury", query)]
            assert there == here, register.record
            assert len(here) > 10


def _plain(values: tuple) -> tuple:
    """Exact decimals as the numbers that SQLite holds."""
    return tuple(float(v) if type(v).__name__ == "Decimal" else v for v in values)
