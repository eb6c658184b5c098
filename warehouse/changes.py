"""What a release says differently from the one before it, indicator by indicator, written as it is published.

A build knows nothing of releases, so this is no mart: it is a table that publishing adds, as `release_info` is. An
indicator's tile shows the newest year that has a value. Its change is split so that the parts add up exactly:

    change = real_change + correction + definition_change

The year that was shown before is looked up again in the new release. What its value moved by is a correction, or, where
it is now counted by another definition, a change of definition; a value that is gone was corrected away. The step from
there to the year that is shown now is real, or a change of definition where the two years are counted differently.
"""

from __future__ import annotations

import duckdb

TABLE = "indicator_changes"
COLUMNS = (
    ("indicator_code", "VARCHAR"),
    ("since_release", "VARCHAR"),
    ("year_before", "INTEGER"),
    ("year_now", "INTEGER"),
    ("value_before", "DECIMAL(18,4)"),
    ("value_now", "DECIMAL(18,4)"),
    ("change", "DECIMAL(18,4)"),
    ("real_change", "DECIMAL(18,4)"),
    ("correction", "DECIMAL(18,4)"),
    ("definition_change", "DECIMAL(18,4)"),
)
STATUS = "fct_indicator_status"
# one row per indicator and year: today's answer under the target of the plan's end that is in force
_SHOWN = f"""
    select indicator_code, indicator_year as year, cast(actual_value as decimal(18, 4)) as value, definition,
        row_number() over (partition by indicator_code order by indicator_year desc) as newest
    from {{database}}.main.{STATUS}
    where is_current and is_in_force and target_year = 2025 and actual_value is not null
    qualify row_number() over (partition by indicator_code, indicator_year order by target_version desc) = 1
"""


def write(con: duckdb.DuckDBPyConnection, now: str, before: str | None, *, is_same: bool) -> None:
    """Write the table into the attached database `now`, against the attached database `before`.

    Empty where there is no release before, or either is of a house without indicators. `is_same`: `before` holds the
    same content, so what it told of the release before it goes on being true.
    """
    columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS)
    con.execute(f"create or replace table {now}.main.{TABLE} ({columns})")
    if before is None:
        return
    if is_same:
        if _has(con, before, TABLE):
            con.execute(f"insert into {now}.main.{TABLE} by name select * from {before}.main.{TABLE}")
        return
    if _has(con, before, STATUS) and _has(con, now, STATUS):
        con.execute(f"insert into {now}.main.{TABLE} by name {_difference(now, before)}")


def _has(con: duckdb.DuckDBPyConnection, database: str, table: str) -> bool:
    found = "select count(*) from duckdb_tables() where database_name = ? and schema_name = 'main' and table_name = ?"
    return con.execute(found, [database, table]).fetchone()[0] == 1


def _difference(now: str, before: str) -> str:
    return f"""
        with shown_now as ({_SHOWN.format(database=now)}),
        shown_before as ({_SHOWN.format(database=before)}),
        steps as (
            select
                old.indicator_code,
                (select release_id from {before}.main.release_info) as since_release,
                old.year as year_before,
                new.year as year_now,
                old.value as value_before,
                new.value as value_now,
                new.value - old.value as change,
                coalesce(again.value, new.value) - old.value as moved,
                new.value - coalesce(again.value, new.value) as step,
                again.value is not null and again.definition is distinct from old.definition as is_moved_by_definition,
                again.value is not null and again.definition is distinct from new.definition as is_step_of_definition
            from shown_before as old
            inner join shown_now as new on old.indicator_code = new.indicator_code and new.newest = 1
            left join shown_now as again on old.indicator_code = again.indicator_code and old.year = again.year
            where old.newest = 1
        )
        select
            * exclude (moved, step, is_moved_by_definition, is_step_of_definition),
            case when is_step_of_definition then 0 else step end as real_change,
            case when is_moved_by_definition then 0 else moved end as correction,
            case when is_step_of_definition then step else 0 end
            + case when is_moved_by_definition then moved else 0 end as definition_change
        from steps
    """
