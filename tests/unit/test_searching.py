"""What is typed into the search box finds what it should, and can do nothing else."""

from __future__ import annotations

import importlib.util

import duckdb
import pytest

from brain.settings import ROOT

spec = importlib.util.spec_from_file_location("searching", ROOT / "superset" / "searching.py")
searching = importlib.util.module_from_spec(spec)
spec.loader.exec_module(searching)

ENTRIES = {
    "xjtu": "西安交通大学|017zhmm22|xi'anjiaotonguniversity|高等院校",
    "air": "航空发动机叶片'一号'|ys2020|西安示范空天公司|发明专利",
    "other": "北京大学|02v51f717|高等院校",
}


def found(*typed: str, sql: str = "select id from entries where search_text IN ({}) order by id") -> list[str]:
    texts = ", ".join("'" + text.replace("'", "''") + "'" for text in typed)
    with duckdb.connect() as con:
        con.execute("create table entries (id varchar, search_text varchar)")
        con.executemany("insert into entries values (?, ?)", list(ENTRIES.items()))
        return [row[0] for row in con.execute(searching.ask(sql.format(texts))).fetchall()]


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        (["大学"], ["other", "xjtu"]),
        (["西安 大学"], ["xjtu"]),  # every word
        (["西安　大学"], ["xjtu"]),  # a full-width blank too
        (["北京", "航空"], ["air", "other"]),  # any of two
        (["０１７ＺＨＭＭ２２"], ["xjtu"]),
        (["Xi’an"], ["xjtu"]),
        (["'一号'"], ["air"]),
        (["没有这个词"], []),
        (["%"], []),  # no wildcard
        (["_"], []),
        (["') or 1=1 --"], []),
        ([" "], ["air", "other", "xjtu"]),
    ],
)
def test_a_word_finds_the_entries_that_contain_it(typed: list[str], ids: list[str]) -> None:
    assert found(*typed) == ids


def test_a_quoted_column_and_lower_case_are_the_same_question() -> None:
    assert found("航空", sql='select id from entries where "search_text" in ({})') == ["air"]


@pytest.mark.parametrize(
    "sql",
    [
        "select 'search_text IN (''a'')' as x",
        "select 1 as \"search_text IN ('a')\"",
        "select 1 -- search_text IN ('a')",
        "select 1 /* search_text IN ('a') */",
        "select my_search_text IN ('a') from t",
        "select x from t where search_text NOT IN ('a')",
        "select x from t where other IN ('a')",
    ],
)
def test_every_other_sql_stays_as_it_came(sql: str) -> None:
    assert searching.ask(sql) == sql
