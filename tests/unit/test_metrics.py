"""A figure is defined once: Superset's saved metrics and the command's answers both follow the definition."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from sqlglot import exp

from brain.errors import BrainError
from brain.settings import ROOT, Settings
from warehouse import figures
from warehouse import metrics as metrics_module
from warehouse.metrics import MARTS, MetricError, metrics, metrics_of, shown
from warehouse.publish import Release


def _assemble() -> ModuleType:
    """superset/assemble.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("assemble", ROOT / "superset" / "assemble.py")
    module = sys.modules["assemble"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


assemble = _assemble()
COLUMNS = {name: ", ".join(f'"{c.name}" {c.type}' for c in mart.columns) for name, mart in assemble.marts().items()}
METRICS = {m.full_name: m for m in metrics()}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
MONEY = ("元", "万元", "百万元", "亿元")
COUNT = {"unit": "个", "format": ",d", "description": "多少个。"}
MODEL = {
    "name": "fct_things",
    "columns": [{"name": "n"}, {"name": "part"}, {"name": "kind", "config": {"meta": {"label": "类别"}}}],
    "config": {
        "meta": {
            "metrics": [
                {**COUNT, "name": "all", "label": "总数", "expression": "SUM(n)"},
                {**COUNT, "name": "some", "label": "部分", "expression": "SUM(part)"},
                {
                    "name": "share",
                    "label": "占比",
                    "unit": "%",
                    "format": ".1%",
                    "description": "部分除以全部。",
                    "numerator": "some",
                    "denominator": "all",
                    "within": ["kind"],
                },
            ]
        }
    },
}  # fmt: skip


def _without(**changes: Any) -> dict[str, Any]:
    """MODEL with keys of its last metric changed; None takes one out."""
    model = json.loads(json.dumps(MODEL))
    last = model["config"]["meta"]["metrics"][-1]
    last.update(changes)
    for key in [k for k, v in last.items() if v is None]:
        del last[key]
    return model


def test_at_least_twenty_figures_are_defined() -> None:
    assert len([m for m in METRICS.values() if m.database == "official"]) >= 20


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_figure_says_in_chinese_what_it_is(name: str) -> None:
    metric = METRICS[name]
    assert CHINESE.search(metric.label) and CHINESE.search(metric.description)
    assert metric.description.endswith("。")
    assert (metric.unit == "%") == metric.format.endswith("%"), "a percentage is shown as one"
    if metric.unit in MONEY:
        assert metric.label.endswith(f"（{metric.unit}）")
    assert shown(1234.5, metric)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_figure_is_one_aggregate_and_a_ratio_is_a_sum_over_a_sum(name: str) -> None:
    metric = METRICS[name]
    (tree,) = sqlglot.parse(metric.sql, read="duckdb")
    assert not list(tree.find_all(exp.Avg)), "an average of shares is no share: name numerator and denominator"
    bare = [c.sql() for c in tree.find_all(exp.Column) if not c.find_ancestor(exp.AggFunc, exp.Filter)]
    assert not bare, f"outside of any aggregate: {bare}"
    if metric.unit == "%" or metric.unit == "倍":
        assert metric.parts, "a ratio names its numerator and its denominator"
    for part in metric.parts or ():
        assert METRICS[f"{metric.mart}.{part}"].sql in metric.sql


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_figure_runs_over_the_columns_that_dbt_declares(name: str) -> None:
    metric = METRICS[name]
    with duckdb.connect() as con:
        con.execute(f'CREATE TABLE "{metric.mart}" ({COLUMNS[metric.mart]})')
        (value,) = con.execute(f'SELECT {metric.sql} FROM "{metric.mart}"').fetchone()
        assert value in (None, 0)
        for column in metric.within:
            con.execute(f'SELECT "{column}", {metric.sql} FROM "{metric.mart}" GROUP BY "{column}"')


def test_a_ratio_is_computed_from_its_parts() -> None:
    share = metrics_of(MODEL)[-1]
    with duckdb.connect() as con:
        con.execute("CREATE TABLE fct_things AS SELECT * FROM (VALUES (1, 1, 'a'), (9, 1, 'a')) AS t(n, part, kind)")
        assert con.execute(f"SELECT {share.sql} FROM fct_things").fetchone() == (0.2,), "the mean of shares is 0.56"
        con.execute("UPDATE fct_things SET n = 0")
        assert con.execute(f"SELECT {share.sql} FROM fct_things").fetchone() == (None,)
    assert share.description == "部分除以全部。须先选定：类别。"


@pytest.mark.parametrize(
    "changes",
    [
        {"label": None},
        {"unit": " "},
        {"numerator": None},
        {"denominator": "nobody"},
        {"numerator": "share"},
        {"expression": "SUM(n)"},
        {"fromat": ",d"},
        {"within": ["nobody"]},
        {"name": "all", "numerator": None, "denominator": None, "expression": "SUM(n)"},
    ],
)
def test_a_definition_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MetricError, match="fct_things"):
        metrics_of(_without(**changes))


@pytest.mark.parametrize(
    ("format_", "value", "text"),
    [(",d", 12345, "12,345"), (",.2f", 1234.5, "1,234.50"), (".1%", 0.256, "25.6%"), (",.1f", None, "")],
)
def test_a_value_is_written_as_d3_writes_it(format_: str, value: float | None, text: str) -> None:
    assert shown(value, replace(METRICS["fct_projects.project_count"], format=format_)) == text


# -- one definition, two readers --------------------------------------------------------------------------------------


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A release whose officials' file holds four projects, two of them in Xi'an, for 10, 20, 30 and 40 million."""
    with duckdb.connect(str(tmp_path / "official.duckdb")) as con:
        con.execute(f"CREATE TABLE fct_projects ({COLUMNS['fct_projects']})")
        con.execute(
            "INSERT INTO fct_projects (project_id, is_xian, programme, amount_cny) VALUES "
            "('a', true, '=甲', 1e7), ('b', true, '乙', 2e7), ('c', false, '乙', 3e7), ('d', false, '乙', 4e7)"
        )
    release = Release("r1", tmp_path, "0" * 64, 1, "2026-01-01T00:00:00+00:00", "2026-01-01")
    monkeypatch.setattr(figures, "current", lambda settings: release)
    return Settings.from_env({})


def _value(settings: Settings, name: str) -> Any:
    (row,) = figures.figures(settings, (name,))["rows"]
    return row["value"]


def _saved(root: Path, mart: str, name: str) -> str:
    """The SQL that Superset's data set over the mart saves under the name."""
    (found,) = (m for m in assemble.datasets(known=assemble.marts(root))[mart].metrics if m["name"] == name)
    return found["sql"]


def test_a_changed_definition_changes_dashboards_and_reports(
    projects: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _saved(MARTS, "fct_projects", "xian_share")
    assert (_value(projects, "fct_projects.xian_share"), _value(projects, "fct_projects.amount_yi")) == (0.5, 1)

    root = shutil.copytree(MARTS, tmp_path / "marts")
    path = root / "projects" / "_projects.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    (model,) = (m for m in content["models"] if m["name"] == "fct_projects")
    (part,) = (m for m in model["config"]["meta"]["metrics"] if m["name"] == "xian_count")
    part["expression"] = "COUNT(*) FILTER (WHERE is_xian AND amount_cny > 1e7)"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    monkeypatch.setattr(metrics_module.metrics, "__defaults__", (root,))

    after = _saved(root, "fct_projects", "xian_share")
    assert after != before and part["expression"] in after
    assert _value(projects, "fct_projects.xian_share") == 0.25
    with duckdb.connect(str(tmp_path / "official.duckdb"), read_only=True) as con:
        assert con.execute(f"SELECT {after} FROM fct_projects").fetchone() == (0.25,)


def test_a_data_set_over_a_mart_may_not_define_figures_of_its_own(tmp_path: Path) -> None:
    assets = shutil.copytree(assemble.ASSETS, tmp_path / "assets")
    path = assets / "datasets" / "official" / "fct_projects.yaml"
    with path.open("a", encoding="utf-8") as file:
        file.write("metrics:\n  - {name: mine, label: 我的, sql: COUNT(*)}\n")
    with pytest.raises(assemble.AssetError, match=r"_projects\.yml"):
        assemble.datasets(assets)


def test_a_query_over_a_mart_repeats_none_of_its_definitions() -> None:
    """A count of rows may mean something else over a query; a sum of the mart's own column may not."""
    known, repeated = assemble.marts(), []
    for path in sorted((assemble.ASSETS / "datasets").glob("*/*.yaml")):
        content = assemble.read(path)
        read = set(re.findall(r"\w+", content.get("sql") or "")) & set(known)
        theirs = {m.sql.lower(): m.full_name for name in read for m in known[name].metrics if m.sql != "COUNT(*)"}
        for own in (m for m in content.get("metrics") or () if "sql" in m):
            if (same := theirs.get(" ".join(own["sql"].split()).lower())) is not None:
                repeated.append(f"{path.stem}.{own['name']} is {same}")
    assert repeated == [], "take them by metrics_from, or by {name: …, of: mart.metric}"


def test_figures_are_counted_by_group_and_written_as_csv(projects: Settings, tmp_path: Path) -> None:
    rows = figures.figures(projects, ("fct_projects.project_count",), ("programme",))["rows"]
    assert [(r["group"], r["value"]) for r in rows] == [({"programme": "=甲"}, 1), ({"programme": "乙"}, 3)]
    figures.write_csv(rows, ("programme",), tmp_path / "figures.csv")
    lines = (tmp_path / "figures.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].startswith("programme,mart,name")
    assert lines[1].startswith("'=甲,fct_projects,project_count"), "no cell is a formula"


def test_a_figure_that_adds_unlike_things_has_no_value_until_one_is_chosen(
    projects: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    choosy = replace(METRICS["fct_projects.project_count"], within=("programme",))
    monkeypatch.setattr(figures, "metrics", lambda: (choosy,))
    assert _value(projects, choosy.full_name) is None
    rows = figures.figures(projects, (choosy.full_name,), ("programme",))["rows"]
    assert [r["value"] for r in rows] == [1, 3]


@pytest.mark.parametrize(
    ("names", "by"),
    [
        (("fct_projects.nothing",), ()),
        (("audit_batches.batch_count",), ()),
        (("fct_projects.amount_yi",), ("nothing",)),
    ],
)
def test_what_is_not_there_or_not_for_officials_is_refused(
    projects: Settings, names: tuple[str, ...], by: tuple[str, ...]
) -> None:
    with pytest.raises(BrainError):
        figures.figures(projects, names, by)
