"""dbt's tests of single columns, put together: they find what dbt's own find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import column_tests

ROWS = "(values ('a', 1, true), ('a', 2, true), (null, 3, false), (null, null, true)) t(code, n, used)"


def node(kind: str, column: str, **config: Any) -> dict[str, Any]:
    return {
        "resource_type": "test",
        "name": f"{kind}_labs_{column}",
        "test_metadata": {"name": kind, "kwargs": {"column_name": column, "model": "…"}},
        "attached_node": "model.labs",
        "config": {"severity": "ERROR", "where": None, **config},
    }


@pytest.fixture
def work(tmp_path: Path) -> Path:
    for name in ("brain", "official"):
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as con:
            con.execute(f"create table labs as select * from {ROWS}")
            con.execute("create view seen as select code from labs")
    return tmp_path


def judge(
    work: Path, *nodes: dict[str, Any], relation: str = '"official"."main"."labs"'
) -> dict[str, tuple[int, bool]]:
    manifest = {"nodes": {str(i): n for i, n in enumerate(nodes)}}
    manifest["nodes"]["model.labs"] = {"resource_type": "model", "relation_name": relation}
    findings = column_tests.judge(work, column_tests.declared(manifest), [work])
    return {f.test.name: (f.rows, f.test.is_warning) for f in findings}


def test_every_test_of_a_relation_is_judged(work: Path) -> None:
    found = judge(work, *(node(kind, c) for kind in column_tests.COUNTS for c in ("code", "n", "used")))
    assert found == {
        "not_null_labs_code": (2, False),
        "unique_labs_code": (1, False),  # NULLs are no duplicates
        "not_null_labs_n": (1, False),
        "unique_labs_used": (2, False),
    }


def test_a_condition_and_a_warning_are_heeded(work: Path) -> None:
    nodes = (node("not_null", "code", where="used"), node("unique", "code", severity="WARN"))
    assert judge(work, *nodes) == {"not_null_labs_code": (1, False), "unique_labs_code": (1, True)}
    assert judge(work, node("unique", "code", where="n = 1")) == {}


def test_a_view_is_judged_and_what_was_not_built_is_not(work: Path) -> None:
    assert judge(work, node("not_null", "code"), relation='"brain"."main"."seen"') != {}
    assert judge(work, node("not_null", "code"), relation='"audit"."main"."labs"') == {}


def test_other_tests_stay_with_dbt(work: Path) -> None:
    assert judge(work, node("accepted_values", "code")) == {}
