"""The figures that the house counts by, each defined once: `config.meta.metrics` of a mart in dbt's YAML.

    - name: xian_share             # unique in its mart; charts and commands call it so
      label: 西安占比               # as officials read it, with the unit in brackets where it is a scale of money
      unit: "%"
      format: ".1%"                # d3's, which is Python's too
      description: 西安项目数除以全部项目数。
      expression: COUNT(*)         # one SQL aggregate over the mart's columns; or a ratio of two metrics of the mart:
      numerator: xian_count
      denominator: project_count
      within: [rung]               # optional: columns to choose one value of first, else unlike things are added

A ratio names its parts instead of writing them again, so it is a sum over a sum and follows when a part changes. Saved
metrics of Superset's data sets (`superset/assemble.py`) and `brain metrics` (`warehouse/figures.py`) derive from here.
Imports nothing but YAML: Superset's environment reads this file too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MARTS = Path(__file__).resolve().parent.parent / "dbt_project" / "models" / "marts"
_STATED = {"name", "label", "unit", "format", "description"}
_RATIO = {"numerator", "denominator"}


class MetricError(ValueError):
    """A definition that cannot be; the message names mart and metric."""


@dataclass(frozen=True)
class Metric:
    """One figure of a mart. `sql`: the aggregate, whole; `within`: columns that one value has to be chosen of."""

    mart: str
    database: str
    name: str
    label: str
    unit: str
    format: str
    description: str
    sql: str
    parts: tuple[str, str] | None = None
    within: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.mart}.{self.name}"


def metrics(root: Path = MARTS) -> tuple[Metric, ...]:
    """Every metric, in the order of the files; raises MetricError where a definition says too little or too much."""
    found: list[Metric] = []
    for path in sorted([*root.rglob("*.yml"), *root.rglob("*.yaml")]):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models") or ():
            found += metrics_of(model)
    return tuple(found)


def metrics_of(model: dict[str, Any]) -> tuple[Metric, ...]:
    """Metrics of one model of a YAML file."""
    config = model.get("config") or {}
    mart, stated = model["name"], (config.get("meta") or {}).get("metrics") or []
    columns = {c["name"]: (c.get("config") or {}).get("meta", {}).get("label") for c in model.get("columns") or ()}
    plain = {m["name"]: " ".join(str(m["expression"]).split()) for m in stated if "expression" in m}
    found = []
    for m in stated:
        where, keys = f"{mart}.{m.get('name')}", set(m) - {"within"}
        if keys not in ({*_STATED, "expression"}, _STATED | _RATIO):
            raise MetricError(f"{where}: states {sorted(m)}; needs {sorted(_STATED)} and an expression or a ratio")
        if any(not str(m[key]).strip() for key in keys):
            raise MetricError(f"{where}: states something empty")
        parts = (m["numerator"], m["denominator"]) if "numerator" in m else None
        if parts and not set(parts) <= set(plain):
            raise MetricError(f"{where}: {sorted(set(parts) - set(plain))} is no metric with an expression in {mart}")
        within = tuple(m.get("within") or ())
        if not set(within) <= set(columns):
            raise MetricError(f"{where}: {mart} has no column {sorted(set(within) - set(columns))}")
        sql = plain.get(m["name"]) or f"CAST({plain[parts[0]]} AS DOUBLE) / NULLIF({plain[parts[1]]}, 0)"
        first = f"须先选定：{'、'.join(columns[c] for c in within)}。" if within else ""
        database = config.get("database") or "official"
        found.append(
            Metric(
                mart,
                database,
                m["name"],
                m["label"],
                m["unit"],
                m["format"],
                m["description"] + first,
                sql,
                parts,
                within,
            )
        )
    names = [m.name for m in found]
    if len(names) != len(set(names)):
        raise MetricError(f"{mart}: a metric is defined twice")
    return tuple(found)


def shown(value: float | int | None, metric: Metric) -> str:
    """A value as a dashboard writes it: 1234.5 with `,.1f` is 1,234.5. Empty where there is none."""
    if value is None:
        return ""
    spec = metric.format.replace("~", "")
    return format(round(value) if spec.endswith("d") else float(value), spec)
