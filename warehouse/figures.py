"""The metrics of the officials' file, counted over the current release: `brain metrics`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import duckdb

from brain.errors import BrainError
from brain.settings import Settings
from warehouse import connect
from warehouse.metrics import Metric, metrics, shown
from warehouse.publish import current

COLUMNS = ("mart", "name", "label", "unit", "value", "shown", "description", "expression")
# a spreadsheet takes a text that begins so for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def figures(settings: Settings, names: tuple[str, ...] = (), by: tuple[str, ...] = ()) -> dict[str, Any]:
    """`release`, `as_of` and `rows`, one per metric, or one per metric and group where `by` names columns of the mart.

    `names`: metrics as `mart.metric`; all of the file that officials read without any. A row's `group` maps the columns
    of `by` to their values. `value` is empty where the metric adds unlike things until one value of each column of
    `choose_first` is chosen or grouped by. Ratios are fractions: 0.25 is shown as 25.0%. Raises BrainError for an
    unknown name or column, and where nothing is released.
    """
    release = current(settings)
    if release is None:
        raise BrainError("there is no release yet", "run `brain run`")
    chosen = _chosen(names)
    with connect.read_only(release.path / "official.duckdb") as con:
        rows = [row for metric in chosen for row in _rows(con, metric, by)]
    return {"release": release.id, "as_of": release.as_of, "rows": rows}


def write_csv(rows: list[dict[str, Any]], by: tuple[str, ...], path: Path) -> None:
    """Write rows of `figures`, a column for each of `by`; UTF-8 with a mark, so that spreadsheets read the Chinese."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*by, *COLUMNS])
        for row in rows:
            writer.writerow([_cell(row["group"].get(c)) for c in by] + [_cell(row[c]) for c in COLUMNS])


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _chosen(names: tuple[str, ...]) -> list[Metric]:
    known = {m.full_name: m for m in metrics() if m.database == "official"}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise BrainError(f"no metric of the officials' file: {', '.join(unknown)}", "`brain metrics` lists them")
    return [known[name] for name in names] if names else list(known.values())


def _rows(con: duckdb.DuckDBPyConnection, metric: Metric, by: tuple[str, ...]) -> list[dict[str, Any]]:
    table = connect.quoted(metric.mart)
    have = {name for name, *_ in con.execute(f"DESCRIBE {table}").fetchall()}
    if not set(by) <= have:
        raise BrainError(f"{metric.mart} has no column {', '.join(sorted(set(by) - have))}")
    said = {
        "mart": metric.mart,
        "name": metric.name,
        "label": metric.label,
        "unit": metric.unit,
        "description": metric.description,
        "expression": metric.sql,
        "choose_first": list(metric.within),
    }
    if not set(metric.within) <= set(by):
        return [{**said, "group": {}, "value": None, "shown": ""}]
    columns = [connect.quoted(c) for c in by]
    groups = f" GROUP BY {', '.join(columns)} ORDER BY {', '.join(columns)}" if by else ""
    found = con.execute(f"SELECT {', '.join([*columns, metric.sql])} FROM {table}{groups}").fetchall()
    return [
        {**said, "group": dict(zip(by, group, strict=True)), "value": _number(value), "shown": shown(value, metric)}
        for *group, value in found
    ]


def _number(value: Any) -> int | float | None:
    """A plain number: sums of decimals and of wide integers come in types that JSON does not have."""
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)
