"""What a release says differently from the one before: three parts that add up to the change of the tile."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from warehouse import changes

A, B = "按规划口径", "按统计口径"
Figures = list[tuple[int, float, str]]  # year, value, definition


def release(con: duckdb.DuckDBPyConnection, name: str, figures: dict[str, Figures]) -> None:
    con.execute(f"attach ':memory:' as {name}")
    con.execute(f"create table {name}.release_info as select '{name}-1' as release_id")
    con.execute(
        f"create table {name}.fct_indicator_status (indicator_code varchar, indicator_year integer, "
        "actual_value double, definition varchar, target_year integer, target_version integer, is_current boolean, "
        "is_in_force boolean)"
    )
    for code, rows in figures.items():
        for year, value, definition in rows:
            insert = f"insert into {name}.fct_indicator_status values (?, ?, ?, ?, ?, ?, ?, true)"
            con.execute(insert, [code, year, value, definition, 2025, 2, True])
            # neither a target of another year nor an answer of the past is what a tile shows
            con.execute(insert, [code, year, 1, B, 2023, 1, True])
            con.execute(insert, [code, year, 2, B, 2025, 2, False])


def parts(before: Figures, now: Figures) -> tuple[Decimal, ...]:
    """change, real_change, correction, definition_change of one indicator."""
    with duckdb.connect() as con:
        release(con, "before", {"I07": before})
        release(con, "official", {"I07": now})
        changes.write(con, "official", "before", is_same=False)
        [row] = con.execute(
            "select change, real_change, correction, definition_change, since_release from official.indicator_changes"
        ).fetchall()
        assert row[4] == "before-1"
        assert row[0] == row[1] + row[2] + row[3]
        assert row[0] == round(Decimal(str(now[-1][1])) - Decimal(str(before[-1][1])), 4)
        return row[:4]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ([(2024, 10, A)], [(2024, 10, A)], (0, 0, 0, 0)),
        ([(2024, 10, A)], [(2024, 10, A), (2025, 13.1, A)], ("3.1", "3.1", 0, 0)),
        ([(2024, 10, A)], [(2024, 9.7, A)], ("-0.3", 0, "-0.3", 0)),
        ([(2024, 10, A)], [(2024, 9.7, A), (2025, 13, A)], (3, "3.3", "-0.3", 0)),
        ([(2024, 10, A)], [(2024, 40, B)], (30, 0, 0, 30)),
        ([(2024, 10, A)], [(2024, 40, B), (2025, 44, B)], (34, 4, 0, 30)),
        ([(2024, 10, A)], [(2024, 11, A), (2025, 44, B)], (34, 0, 1, 33)),
        ([(2024, 10, A), (2025, 12, A)], [(2024, 10, A)], (-2, 0, -2, 0)),  # the newest year was withdrawn
        ([(2024, 0.1, A)], [(2024, 0.2, A), (2025, 0.3, A)], ("0.2", "0.1", "0.1", 0)),
    ],
)
def test_a_change_is_real_a_correction_or_of_definition(before: Figures, now: Figures, expected: tuple) -> None:
    assert parts(before, now) == tuple(Decimal(str(part)) for part in expected)


def test_an_indicator_that_was_not_there_has_no_change() -> None:
    with duckdb.connect() as con:
        release(con, "before", {"I07": [(2024, 1, A)]})
        release(con, "official", {"I07": [(2024, 2, A)], "I08": [(2024, 3, A)]})
        changes.write(con, "official", "before", is_same=False)
        assert con.execute("select indicator_code from official.indicator_changes").fetchall() == [("I07",)]


def test_the_first_release_and_a_house_without_indicators_have_none() -> None:
    with duckdb.connect() as con:
        release(con, "official", {"I07": [(2024, 1, A)]})
        changes.write(con, "official", None, is_same=False)
        assert con.execute("select count(*) from official.indicator_changes").fetchone() == (0,)
        con.execute("attach ':memory:' as before")
        changes.write(con, "official", "before", is_same=False)
        assert con.execute("select count(*) from official.indicator_changes").fetchone() == (0,)


def test_the_same_content_goes_on_telling_what_it_told() -> None:
    with duckdb.connect() as con:
        release(con, "first", {"I07": [(2024, 1, A)]})
        release(con, "second", {"I07": [(2024, 2, A)]})
        changes.write(con, "second", "first", is_same=False)
        release(con, "third", {"I07": [(2024, 2, A)]})
        changes.write(con, "third", "second", is_same=True)
        told = con.execute("select since_release, change, correction from third.indicator_changes").fetchall()
        assert told == [("first-1", 1, 1)]
