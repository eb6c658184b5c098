"""A build makes anew what changed and what hangs on it, and nothing else; it says the same as one from nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import duckdb
import pytest

import warehouse.build
from tests.pipeline.conftest import SmallHouse
from warehouse import content, state
from warehouse.build import BuildError

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

JOURNAL = {"audit_check_results", "audit_model_runs"}  # always new: they tell of the run that is going on


def made(house: SmallHouse) -> set[str]:
    """Build again; the models that were made anew."""
    runs = house.build()
    assert {r.status for r in runs} <= {"success", "unchanged"}
    assert len({r.name for r in runs}) == len(runs) == 7
    return {r.name for r in runs if r.status == "success"}


def hashes(house: SmallHouse) -> dict[str, str]:
    folder = house.settings.warehouse_dir
    return content.content_hashes(folder, content.read_manifest(state.manifest_path(house.settings)))


def rows(house: SmallHouse, sql: str, name: str = "official") -> list[tuple]:
    with duckdb.connect(str(house.settings.warehouse_dir / f"{name}.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


@pytest.fixture
def house(small_house: SmallHouse) -> SmallHouse:
    small_house.deliver("2024-01-01", small_house.labs(10))
    assert len(made(small_house)) == 7
    return small_house


def as_from_nothing(house: SmallHouse) -> bool:
    found = hashes(house)
    runs = warehouse.build.build(house.settings, full=True)
    return {r.status for r in runs} == {"success"} and hashes(house) == found


def test_nothing_new_makes_nothing_but_the_journal(house: SmallHouse) -> None:
    before, counted = hashes(house), {r["name"]: r["rows"] for r in state.read_build(house.settings).models}
    assert made(house) == JOURNAL
    assert hashes(house) == before
    assert {r["name"]: r["rows"] for r in state.read_build(house.settings).models if r["name"] not in JOURNAL} == {
        name: n for name, n in counted.items() if name not in JOURNAL
    }
    assert as_from_nothing(house)


def test_new_records_reach_what_reads_them(house: SmallHouse) -> None:
    house.deliver("2025-01-01", house.labs(11))
    assert made(house) == {"stg_labs__lab", "dim_labs", "audit_lab_heads", "record_proofs"} | JOURNAL
    assert rows(house, "select count(*) from dim_labs") == [(11,)]
    assert as_from_nothing(house)


def test_changed_code_is_run_and_a_changed_label_is_not(house: SmallHouse) -> None:
    schema = house.project / "models" / "schema.yml"
    schema.write_text(schema.read_text().replace("- name: dim_labs\n", "- name: dim_labs\n    description: Labs.\n"))
    assert made(house) == JOURNAL
    model = house.project / "models" / "stg_labs__lab.sql"
    model.write_text(model.read_text() + " and lab_code <> 'L3'")
    assert made(house) == {"stg_labs__lab", "dim_labs", "audit_lab_heads"} | JOURNAL
    assert rows(house, "select count(*) from dim_labs") == [(9,)]
    assert as_from_nothing(house)


def test_a_new_test_is_asked_of_what_was_built_before_it(house: SmallHouse) -> None:
    schema = house.project / "models" / "schema.yml"
    told = "- {name: lab_code, data_tests: [unique, not_null]}"
    schema.write_text(schema.read_text().replace(told, f"{told}\n      - {{name: field, data_tests: [unique]}}"))
    with pytest.raises(BuildError, match="test unique_dim_labs_field"):
        house.build()


def test_a_changed_macro_is_run_where_it_is_called(house: SmallHouse) -> None:
    macro = house.project / "macros" / "kinds.sql"
    macro.write_text("{% macro inner() %}'a'{% endmacro %}{% macro kind() %}{{ inner() }}{% endmacro %}")
    model = house.project / "models" / "fct_visits.sql"
    model.write_text("select 'v' as record_id, {{ kind() }} as kind, ref.* from {{ ref('stg_labs__lab') }} as ref")
    made(house)
    macro.write_text(macro.read_text().replace("'a'", "'b'"))
    assert made(house) == {"fct_visits"} | JOURNAL
    assert rows(house, "select distinct kind from fct_visits") == [("b",)]


def test_a_new_day_is_for_those_that_ask_the_date(house: SmallHouse) -> None:
    house.settings = replace(house.settings, as_of=date(2026, 5, 1))
    assert made(house) == {"dim_labs"} | JOURNAL
    assert rows(house, "select distinct as_of_date from dim_labs") == [(date(2026, 5, 1),)]
    assert as_from_nothing(house)


def test_a_removed_model_leaves_and_its_readers_change(house: SmallHouse) -> None:
    (house.project / "models" / "fct_visits.sql").unlink()
    assert {r.name for r in house.build() if r.status == "success"} == JOURNAL
    assert rows(house, "select table_name from duckdb_tables() order by 1") == [("dim_labs",), ("record_proofs",)]


def test_files_that_are_not_as_they_were_left_are_no_base(house: SmallHouse) -> None:
    with duckdb.connect(str(house.settings.warehouse_dir / "official.duckdb")) as con:
        con.execute("update dim_labs set budget_cny = 1")
    assert len(made(house)) == 7
    assert rows(house, "select min(budget_cny) from dim_labs") == [(101.0,)]


def test_after_a_failed_build_the_next_goes_on_from_the_last_whole_one(house: SmallHouse) -> None:
    house.deliver("2025-01-01", house.labs(12))
    good = (house.project / "models" / "dim_labs.sql").read_text()
    (house.project / "models" / "dim_labs.sql").write_text("select 'L1' as lab_code from {{ ref('stg_labs__lab') }}")
    with pytest.raises(BuildError, match="test unique_dim_labs_lab_code"):
        house.build()
    (house.project / "models" / "dim_labs.sql").write_text(good)
    assert made(house) == {"stg_labs__lab", "dim_labs", "audit_lab_heads", "record_proofs"} | JOURNAL
    assert rows(house, "select count(*) from dim_labs") == [(12,)]
