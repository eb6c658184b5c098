"""The engine judges every rule, or says that it could not: nothing in between."""

from __future__ import annotations

import pytest

from expectations.engine import Rule, Session, UnjudgedError

TABLE = [
    "create table people as select * from (values"
    " (1, 'a', '13800138000', 10.0), (2, 'b', 'none', null), (2, 'c', 'tel 13900139000 home', 30.0)"
    ") t (id, code, text, amount)"
]


def rule(type_: str, **kwargs) -> Rule:
    return Rule(type_, kwargs, type_.removeprefix("expect_"))


RULES = [
    (rule("expect_column_values_to_not_be_null", column="id"), True, "0 / 3"),
    (rule("expect_column_values_to_not_be_null", column="amount"), False, "1 / 3"),
    (rule("expect_column_values_to_not_be_null", column="amount", mostly=0.6), True, "1 / 3"),
    (rule("expect_column_values_to_be_unique", column="id"), False, "2 / 3"),
    (rule("expect_compound_columns_to_be_unique", column_list=["id", "code"]), True, "0 / 3"),
    (rule("expect_column_values_to_match_regex", column="code", regex="^[abc]$"), True, "0 / 3"),
    # A pattern inside a longer text is found too: regexp_matches, not the full match that `~` means in DuckDB.
    (rule("expect_column_values_to_not_match_regex", column="text", regex=r"1[3-9]\d{9}"), False, "2 / 3"),
    (rule("expect_column_mean_to_be_between", column="amount", min_value=20, max_value=20), True, "20"),
    (rule("expect_column_values_to_be_between", column="amount", max_value=20), False, "1 / 3 (NULL 1)"),
    (rule("expect_column_distinct_values_to_be_in_set", column="code", value_set=["a", "b"]), False, "1"),
    (rule("expect_table_row_count_to_be_between", min_value=1, max_value=3), True, "3"),
    (rule("expect_table_columns_to_match_set", column_set=["id", "code", "text"]), False, "4"),
    (rule("unexpected_rows_expectation", unexpected_rows_query="select 1 from {batch} where id = 2"), False, "2"),
]


def test_every_kind_of_rule_is_judged_on_duckdb():
    with Session(TABLE) as session:
        outcomes = session.validate("people", [r for r, _, _ in RULES])
    assert [(o.rule.type, o.success, o.observed) for o in outcomes] == [(r.type, s, o) for r, s, o in RULES]


@pytest.mark.parametrize(
    "bad",
    [
        rule("expect_column_mean_to_be_between", column="no_such_column", min_value=0),
        rule("expect_column_values_to_be_unique", column="no_such_column"),
        rule("unexpected_rows_expectation", unexpected_rows_query="select nothing from {batch}"),
        rule("expect_the_unknown", column="id"),
    ],
    ids=lambda r: r.type,
)
def test_a_rule_that_cannot_be_evaluated_raises_instead_of_failing(bad):
    with Session(TABLE) as session, pytest.raises(UnjudgedError, match=bad.name):
        session.validate("people", [rule("expect_column_values_to_not_be_null", column="id"), bad])


def test_a_session_opens_no_other_file(tmp_path):
    (tmp_path / "other.csv").write_text("a\n1\n")
    with Session(TABLE) as session, pytest.raises(Exception, match=r"disabled|Permission"):
        session.query(f"select * from read_csv('{tmp_path}/other.csv')")
