"""What a chart of a dashboard shows: the query that Superset would send, put together from the chart's files."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from types import ModuleType
from typing import Any

from brain.settings import ROOT
from tests.city import BuiltCity

OPERATORS = {"==": "=", "!=": "<>", ">": ">", "<": "<", ">=": ">=", "<=": "<=", "IN": "IN", "NOT IN": "NOT IN"}
# Settings of any kind of chart that name columns to group by, and those that name figures.
DIMENSIONS = ("x_axis", "groupby", "groupbyRows", "groupbyColumns", "entity", "series", "source", "target", "columns")
FIGURES = ("metric", "metrics", "metrics_b", "secondary_metric", "x", "y", "size")


def module(name: str) -> ModuleType:
    """A file of superset/, which is no package: a package of that name would shadow Superset itself."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "superset" / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


@cache
def assets() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Charts, data sets and dashboards by name."""
    assemble = module("assemble")
    return assemble.charts(), assemble.datasets(), assemble.dashboards()


def query(name: str, where: str = "TRUE") -> tuple[str, str]:
    """SQL of chart `<dashboard>/<name>` without its limit of rows, and the database it asks: official or audit."""
    known, datasets, _ = assets()
    chart = known[name]
    dataset = datasets[chart.dataset]
    columns = {c.name: c.expression or f'"{c.name}"' for c in dataset.columns}
    saved = {m["name"]: m["sql"] for m in dataset.metrics}

    def listed(value: Any) -> list[Any]:
        return value if isinstance(value, list) else [] if value is None else [value]

    rows, figures, having = [], [], []
    params = chart.params
    if params.get("query_mode") == "raw":
        rows = [(c, columns[c]) for c in params["all_columns"]]
    else:
        names = [v for key in DIMENSIONS for v in listed(params.get(key))]
        rows = [(c, columns[c]) for c in dict.fromkeys(n for n in names if isinstance(n, str) and n in columns)]
        for value in [v for key in FIGURES for v in listed(params.get(key))]:
            if isinstance(value, dict) and value["expressionType"] == "SQL":
                figures.append((value["label"], value["sqlExpression"]))
            elif isinstance(value, dict):
                column = columns[value["column"]["column_name"]]
                figures.append((value["label"], f"{value['aggregate']}({column})"))
            elif value in saved:
                figures.append((value, saved[value]))
    conditions = [where]
    for entry in params.get("adhoc_filters") or ():
        if entry["expressionType"] == "SQL":
            (having if entry["clause"] == "HAVING" else conditions).append(entry["sqlExpression"])
            continue
        column, operator, value = columns[entry["subject"]], entry["operator"], entry.get("comparator")
        if operator.startswith("IS"):
            conditions.append(f"{column} {operator}")
        else:
            texts = [f"'{v}'" if isinstance(v, str) else str(v) for v in listed(value)]
            right = f"({', '.join(texts)})" if operator.endswith("IN") else texts[0]
            conditions.append(f"{column} {OPERATORS[operator]} {right}")
    relation = f"({dataset.sql}) AS data" if dataset.sql else f'"{dataset.name}"'
    selected = ", ".join(f'{sql} AS "{label}"' for label, sql in dict([*rows, *figures]).items())
    sql = f"SELECT {selected} FROM {relation} WHERE {' AND '.join(f'({c})' for c in conditions)}"
    if figures and rows:
        sql += " GROUP BY " + ", ".join(str(i + 1) for i in range(len(dict(rows))))
    if having:
        sql += " HAVING " + " AND ".join(having)
    return sql, dataset.database


def shown(city: BuiltCity, name: str, where: str = "TRUE") -> list[tuple]:
    """Rows of a chart over the built city; `where` narrows them as a filter of the dashboard would."""
    sql, database = query(name, where)
    return city.query(sql, database)


def number(city: BuiltCity, name: str, where: str = "TRUE") -> Any:
    """The one number of a tile."""
    ((value,),) = shown(city, name, where)
    return value
