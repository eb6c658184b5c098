"""Without a server or a password: every dashboard → chart → data set → column → dbt mart column exists, labelled."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
import yaml

from brain.settings import ROOT

SUPERSET = ROOT / "superset"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
LATIN_WORD = re.compile(r"[A-Za-z]{3,}")
# Names that officials know in Latin letters; every other Latin word in a text of a dashboard is a leftover.
KNOWN_LATIN = {"SHA", "DOI", "ROR", "UTC", "brain", "trace", "verify", "quarantine", "show"}


def _module(name: str) -> ModuleType:
    """A file of superset/, which is no package: a package of that name would shadow Superset itself."""
    spec = importlib.util.spec_from_file_location(name, SUPERSET / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


assemble = _module("assemble")
MARTS = assemble.marts()
DATASETS = assemble.datasets()
CHARTS = assemble.charts()
DASHBOARDS = assemble.dashboards()


def _database_of(mart: Any) -> str:
    """Where dbt builds a mart: `config.database`, official unless it says audit."""
    for model in yaml.safe_load(mart.path.read_text(encoding="utf-8"))["models"]:
        if model["name"] == mart.name:
            return (model.get("config") or {}).get("database") or "official"
    raise AssertionError(mart.name)


@pytest.fixture(scope="module")
def empty_release() -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    """Both released files as dbt's YAML describes them, without a row, each in a connection of its own."""
    files = {name: duckdb.connect() for name in ("official", "audit")}
    for mart in MARTS.values():
        columns = ", ".join(f'"{c.name}" {c.type}' for c in mart.columns)
        files[_database_of(mart)].execute(f'CREATE TABLE "{mart.name}" ({columns})')
    from warehouse import changes
    from warehouse.publish import RELEASE_INFO

    for con in files.values():
        con.execute(f"CREATE TABLE release_info ({', '.join(f'{name} {kind}' for name, kind in RELEASE_INFO)})")
    added = ", ".join(f"{name} {kind}" for name, kind in changes.COLUMNS)
    files["official"].execute(f"CREATE TABLE {changes.TABLE} ({added})")
    yield files
    for con in files.values():
        con.close()


def _relation(dataset: Any) -> str:
    return f"({dataset.sql}) AS virtual_table" if dataset.sql else f'"{dataset.name}"'


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_data_set_reads_columns_that_the_released_file_has(name: str, empty_release: dict[str, Any]) -> None:
    dataset = DATASETS[name]
    con = empty_release[dataset.database]
    for column in dataset.columns:
        selected = column.expression or f'"{column.name}"'
        described = con.execute(f"SELECT {selected} FROM {_relation(dataset)}")
        if column.expression or dataset.sql:
            found = str(described.description[0][1])
            kind = {"NUMBER": "NUMERIC", "STRING": "VARCHAR"}.get(found, found)
            assert kind.split("(")[0] == column.type.split("(")[0], f"{name}.{column.name} is {kind}, not {column.type}"
    for metric in dataset.metrics:
        con.execute(f"SELECT {metric['sql']} FROM {_relation(dataset)}")


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_column_and_number_of_a_data_set_has_a_chinese_label(name: str) -> None:
    dataset = DATASETS[name]
    # identifiers that are known by their Latin name may carry it, beside Chinese
    bare = [c.name for c in dataset.columns if not CHINESE.search(c.label)]
    assert not bare, f"{name}: without a Chinese label: {bare}"
    assert not [m["name"] for m in dataset.metrics if not CHINESE.search(m["label"])]
    # Superset finds a series' colour by its label: a number labelled like a value would take that value's colour away
    labels = [m["label"] for m in dataset.metrics]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_chart_uses_columns_and_numbers_of_its_data_set(name: str) -> None:
    chart = CHARTS[name]
    dataset = DATASETS[chart.dataset]
    known = {c.name for c in dataset.columns} | {m["name"] for m in dataset.metrics}
    assert assemble.columns_of(chart), f"{name} shows nothing"
    assert assemble.columns_of(chart) <= known


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_chart_is_titled_and_explained_in_chinese(name: str) -> None:
    chart = CHARTS[name]
    for text in (chart.title, chart.description):
        assert not (set(LATIN_WORD.findall(text)) - KNOWN_LATIN), text
    assert CHINESE.search(chart.title)


SHOWN = {slug: assemble.tiles_of(slug, dashboard["rows"]) for slug, dashboard in DASHBOARDS.items()}


@pytest.mark.parametrize("slug", sorted(DASHBOARDS))
def test_dashboard_names_its_question_and_that_of_each_drawing(slug: str) -> None:
    head, foot = DASHBOARDS[slug]["rows"][0], DASHBOARDS[slug]["rows"][-1]
    assert DASHBOARDS[slug]["question"].endswith("？")
    assert DASHBOARDS[slug]["question"] in head["tiles"][0]["text"]
    assert head["tiles"][1]["chart"] in ("shared/release", "shared/audit_release")
    assert foot["tiles"][0]["text"] == DASHBOARDS[slug]["definition"]
    drawn = [CHARTS[name] for name in SHOWN[slug] if CHARTS[name].viz_type != "table"]
    assert all(c.title.endswith("？") for c in drawn)


def test_every_chart_and_data_set_is_used() -> None:
    assert {name for names in SHOWN.values() for name in names} == set(CHARTS)
    filtered = {f["dataset"] for d in DASHBOARDS.values() for f in d["filters"]}
    assert {c.dataset for c in CHARTS.values()} | filtered == set(DATASETS)


@pytest.mark.parametrize("slug", sorted(DASHBOARDS))
def test_a_standard_filter_reaches_more_than_nothing(slug: str) -> None:
    """A filter of the frame has a column of its name and reaches a chart; what it does not reach has no such column."""
    for entry in DASHBOARDS[slug]["filters"]:
        having = [n for n in SHOWN[slug] if entry["column"] in {c.name for c in DATASETS[CHARTS[n].dataset].columns}]
        assert having, f"{slug}: the filter {entry['id']} reaches no chart"


def test_sources_at_the_foot_are_sources() -> None:
    from brain.settings import Settings
    from ingest.contract import load_sources

    known = set(load_sources(Settings.from_env({}), all_profiles=True))
    for slug, dashboard in DASHBOARDS.items():
        assert set(dashboard.get("sources") or ()) <= known, slug


def test_no_dashboard_of_officials_reads_the_audit_file() -> None:
    access = yaml.safe_load((SUPERSET / "access.yml").read_text(encoding="utf-8"))
    assert access["roles"]["官员 Official"]["databases"] == ["official"]
    assert "sql_lab" not in access["roles"]["官员 Official"]
    read = {slug: {DATASETS[CHARTS[name].dataset].database for name in names} for slug, names in SHOWN.items()}
    assert {len(databases) for databases in read.values()} == {1}
    assert read["record"] == {"official"}
    audits = {slug for slug, databases in read.items() if databases == {"audit"}}
    for slug in set(DASHBOARDS) - audits:  # nor does it link to one
        links = set(re.findall(r"/superset/dashboard/(\w+)/", DASHBOARDS[slug]["rows"][0]["tiles"][0]["text"]))
        assert links == set(DASHBOARDS) - audits - {slug}


def test_a_dashboard_over_both_databases_is_refused(tmp_path: Path) -> None:
    """Superset shows a dashboard to whoever may read one of its data sets."""
    assets = tmp_path / "assets"
    shutil.copytree(SUPERSET / "assets", assets)
    chart = next((assets / "charts" / "plan").glob("*.yaml"))
    chart.write_text(re.sub(r"(?m)^dataset: .*", "dataset: audit_batches", chart.read_text(encoding="utf-8")))
    with pytest.raises(assemble.AssetError, match="one dashboard reads one database"):
        assemble.dashboards(assets)


def test_a_value_in_a_card_is_escaped_and_an_empty_one_says_so() -> None:
    columns = {"a": assemble.Column("a", "VARCHAR", "甲", expression="a0")}
    expression = assemble.html("<b title='x'>{a}</b>{a0}", {"a0"}, {"a": columns["a"]}, set(), Path("x"))
    with duckdb.connect() as con:
        con.execute("""CREATE TABLE t AS SELECT '<i>&"' AS a0 UNION ALL SELECT NULL""")
        escaped = "&lt;i&gt;&amp;&quot;"
        found = {text for (text,) in con.execute(f"SELECT {expression} FROM t").fetchall()}
    assert found == {f"<b title='x'>{escaped}</b>{escaped}", "<b title='x'>—</b>—"}
    with pytest.raises(assemble.AssetError, match="no column nobody"):
        assemble.html("{nobody}", {"a0"}, {}, set(), Path("x"))


def test_no_chart_shows_a_column_that_dbt_calls_personal() -> None:
    personal = set()
    for mart in MARTS.values():
        for model in yaml.safe_load(mart.path.read_text(encoding="utf-8"))["models"]:
            for column in model.get("columns") or ():
                meta = (column.get("config") or {}).get("meta") or {}
                if meta.get("classification") in ("personal", "sensitive"):
                    personal.add((model["name"], column["name"]))
    assert personal, "dbt's YAML classifies no column at all: this test would prove nothing"
    shown = {(c.dataset, column) for c in CHARTS.values() for column in assemble.columns_of(c)}
    assert not shown & personal


def test_bundle_is_the_same_every_time_and_every_uuid_is_its_own() -> None:
    bundle = assemble.bundle()
    assert bundle == assemble.bundle()
    uuids = [yaml.safe_load(text)["uuid"] for path, text in bundle.items() if path != "metadata.yaml"]
    assert len(uuids) == len(set(uuids))


def test_no_place_and_no_secret_in_the_assets() -> None:
    for path, text in assemble.bundle().items():
        for line in text.splitlines():
            if "sqlalchemy_uri" in line:
                assert re.fullmatch(r"sqlalchemy_uri: duckdb:///(official|audit)\.duckdb", line), path
            assert "/home/" not in line and "/work/" not in line, path


def test_exposures_are_generated_from_the_dashboards() -> None:
    assert assemble.EXPOSURES.read_text(encoding="utf-8") == assemble.exposures(), "run python superset/assemble.py"
    assert {"fct_projects", "fct_integrity_cases", "dim_platforms"} <= assemble.marts_of("overview")
    assert "record_proofs" in assemble.marts_of("record")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("charts/overview/who_hosts.yaml", "dataset:", "datset:", "missing ['dataset'], unknown ['datset']"),
        ("charts/overview/who_hosts.yaml", "kind: echarts_timeseries_bar", "kind: bar_chart", "kind bar_chart"),
        ("dashboards/overview.yaml", "column: region", "column: regoin", "has no regoin"),
        (
            "dashboards/overview.yaml",
            "{chart: who_hosts, width: 4}",
            "{chart: who_hosts, width: 5}",
            "wider than twelve",
        ),
        (
            "dashboards/overview.yaml",
            "{chart: who_hosts,",
            "{chart: who_host,",
            "no chart charts/overview/who_host.yaml",
        ),
    ],
)
def test_a_typo_in_an_asset_is_named(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    assets = tmp_path / "assets"
    shutil.copytree(SUPERSET / "assets", assets)
    path = assets / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(assemble.AssetError, match=re.escape(message)):
        assemble.bundle(assets)


def test_a_record_id_cannot_leave_its_link() -> None:
    """Quotes, exclamation marks, brackets and HTML in an id end up percent-encoded, as one rison string."""
    with duckdb.connect() as con:
        hostile = """nssfc:project:a'b!c"d<i>|x y)&,e"""
        con.execute("CREATE TABLE t AS SELECT ? AS record_id", [hostile])
        link = con.execute(f"SELECT {assemble.trace_link('record_id')} FROM t").fetchone()[0]
    href = re.fullmatch(r'<a class="trace" href="([^"<>]+)">溯源</a>', link).group(1)
    assert "%21%27" in href and "%21%21" in href  # !' and !! : the apostrophe and the mark, quoted for rison
    assert href.count("nssfc%3Aproject%3Aa") == 3


def test_wording_file_says_each_thing_once() -> None:
    ids = re.findall(r'^msgid "(.+)"$', (SUPERSET / "translations" / "zh.po").read_text(encoding="utf-8"), re.M)
    assert len(ids) == len(set(ids))
    assert 'msgid "Sign in"\nmsgstr "登录"' in (SUPERSET / "translations" / "zh.po").read_text(encoding="utf-8")


def test_the_officials_guide_explains_every_chart_of_the_overview() -> None:
    guide = (ROOT / "docs" / "guide-official.zh-CN.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| ([^|]+？) \|", guide, re.M))
    assert explained == {c.title for n, c in CHARTS.items() if n.startswith("overview/") and c.title.endswith("？")}
