"""The content hash: the same rows the same hash, any other value another."""

from __future__ import annotations

import pytest

from brain.errors import BrainError
from warehouse import connect, content

BASE = "select * from (values (1, 'a', null), (2, 'b', 1.5), (2, 'b', 1.5)) t (id, code, amount)"


def digest(select: str, volatile: frozenset[str] = frozenset()) -> str:
    mart = content.Mart("model.m", "official", "m", False, volatile, {}, {})
    with connect.memory() as con:
        con.execute("attach ':memory:' as official")
        con.execute(f"create table official.main.m as {select}")
        return content.mart_hash(con, mart)


def test_order_of_rows_and_columns_does_not_count():
    assert digest(f"{BASE} order by id desc") == digest(BASE)
    assert digest(f"select amount, code, id from ({BASE})") == digest(BASE)


@pytest.mark.parametrize(
    "other",
    [
        f"select * replace (case code when 'a' then 'A' else code end as code) from ({BASE})",
        f"select * replace (coalesce(amount, 0) as amount) from ({BASE})",
        f"select distinct * from ({BASE})",
        f"{BASE} union all select 3, 'c', null",
        f"select id as key, code, amount from ({BASE})",
        f"select * replace (id::bigint as id) from ({BASE})",
        f"select id, code from ({BASE})",
    ],
    ids=["value", "null", "repeat", "row", "name", "type", "column"],
)
def test_anything_else_does(other):
    assert digest(other) != digest(BASE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 'a,b' as x, 'c' as y", "select 'a' as x, 'b,c' as y"),
        ("select null::varchar as x", "select 'null' as x"),
        ("select null::varchar as x", "select '' as x"),
        ("""select 'a","b' as x, '' as y""", """select 'a' as x, 'b' as y"""),
    ],
)
def test_no_two_rows_look_alike(one, other):
    assert digest(one) != digest(other)


def test_volatile_columns_are_left_out():
    a = digest("select 1 as id, timestamp '2026-01-01' as seen_at", frozenset({"seen_at"}))
    b = digest("select 1 as id, timestamp '2027-01-01' as seen_at", frozenset({"seen_at"}))
    assert a == b == digest("select 1 as id")


def test_a_mart_that_is_not_there_is_an_error():
    with connect.memory() as con, pytest.raises(BrainError, match=r"official\.m is not in the warehouse"):
        con.execute("attach ':memory:' as official")
        content.mart_hash(con, content.Mart("model.m", "official", "m", False, frozenset(), {}, {}))


def test_marts_are_read_from_the_manifest():
    def node(name, database="official", **config):
        return {
            "unique_id": f"model.{name}", "resource_type": "model", "name": name, "database": database,
            "config": {"materialized": "table", **config}, "columns": {}, "depends_on": {"nodes": []},
        }  # fmt: skip

    manifest = {
        "nodes": {
            "1": node("fct", meta={"label": "事实"}),
            "2": node("runs", "audit", meta={"describes_runs": True}),
            "3": node("staging", "brain"),
            "4": node("helper", materialized="ephemeral"),
            "5": {**node("test"), "resource_type": "test"},
        }
    }
    assert [(m.full_name, m.describes_runs) for m in content.marts(manifest)] == [
        ("audit.runs", True),
        ("official.fct", False),
    ]
