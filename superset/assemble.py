"""Our short asset files → the bundle that Superset imports.

An asset file says only what somebody decided: a chart its question, data set, kind and settings; a dashboard its rows
and filters. The rest is derived here: uuids (uuid5 of the path, so a second import updates and never doubles), the
grid, and a data set's columns with their Chinese labels and its metrics, which come from the dbt mart of the same name
(`dbt_project/models/marts/**/*.yml`). Nothing here needs Superset: the tests read assets through the same functions.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
# Superset's environment has no part of this project installed; last, so that nothing here hides a package there
sys.path.append(str(HERE.parent))
from warehouse.metrics import Metric, metrics_of  # noqa: E402

ASSETS = HERE / "assets"
MARTS = HERE.parent / "dbt_project" / "models" / "marts"
NAMESPACE = uuid.UUID("5d0c8f0e-7c4b-5f39-9a52-2d7a1f0f6b11")
VERSION = "1.0.0"
TIME_TYPES = ("DATE", "TIMESTAMP")
FILTER_TYPES = ("filter_select", "filter_range")


class AssetError(Exception):
    """An asset file says something that cannot be; the message names the file."""


@dataclass(frozen=True)
class Column:
    """A column of a mart or of a virtual data set: name, DuckDB type, Chinese label, expression if computed."""

    name: str
    type: str
    label: str
    description: str = ""
    expression: str | None = None


@dataclass(frozen=True)
class Mart:
    """A released table as dbt describes it."""

    name: str
    label: str
    columns: tuple[Column, ...]
    path: Path
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """A mart, or a query over marts, as charts see it."""

    name: str
    title: str
    database: str
    columns: tuple[Column, ...]
    metrics: tuple[dict[str, Any], ...]
    sql: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Chart:
    name: str  # <dashboard>/<file stem>
    title: str
    viz_type: str
    dataset: str
    description: str
    params: dict[str, Any]


def uid(kind: str, name: str) -> str:
    """The stable uuid of an asset."""
    return str(uuid.uuid5(NAMESPACE, f"{kind}/{name}"))


def _load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read(path: Path) -> dict[str, Any]:
    try:
        content = _load(path)
    except yaml.YAMLError as error:
        raise AssetError(f"{path}: not YAML: {error}") from None
    if not isinstance(content, dict):
        raise AssetError(f"{path}: expected a mapping")
    return content


def take(content: dict[str, Any], path: Path, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    """Refuse a missing or unknown key: a typo would otherwise pass silently."""
    missing, unknown = set(required) - set(content), set(content) - set(required) - set(optional)
    if missing or unknown:
        raise AssetError(f"{path}: missing {sorted(missing)}, unknown {sorted(unknown)}")


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    return {**(node.get("meta") or {}), **((node.get("config") or {}).get("meta") or {})}


@cache  # many questions are asked of them in one run, and they are a megabyte of YAML
def marts(root: Path = MARTS) -> dict[str, Mart]:
    """Every mart that dbt's YAML describes, by name."""
    found: dict[str, Mart] = {}
    for path in sorted([*root.rglob("*.yml"), *root.rglob("*.yaml")]):
        for model in (_load(path) or {}).get("models") or ():
            columns = tuple(
                Column(
                    c["name"],
                    str(c.get("data_type") or "").upper(),
                    _meta(c).get("label") or "",
                    c.get("description") or "",
                )
                for c in model.get("columns") or ()
            )
            label = _meta(model).get("label") or ""
            found[model["name"]] = Mart(model["name"], label, columns, path, metrics_of(model))
    return found


def databases(assets: Path = ASSETS) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted((assets / "databases").glob("*.yaml")):
        content = read(path)
        take(content, path, ("name", "file", "sql_lab"))
        found[path.stem] = content
    return found


def datasets(assets: Path = ASSETS, known: dict[str, Mart] | None = None) -> dict[str, Dataset]:
    """assets/datasets/<database>/<name>.yaml, each over the mart of that name or over its own `sql`.

    Over a mart the saved metrics are the mart's own (`warehouse/metrics.py`), never written here; a query of its own
    takes those of the mart it widens by `metrics_from`, or single ones (`{name: gap, of: fct_x.gap_sum}`), and may
    state `metrics` that nobody else counts by.
    """
    known = marts() if known is None else known
    found: dict[str, Dataset] = {}
    for path in sorted((assets / "datasets").glob("*/*.yaml")):
        content = read(path)
        optional = ("description", "sql", "columns", "computed", "metrics", "metrics_from", "cards", "trace")
        take(content, path, ("title",), optional)
        sql = content.get("sql")
        if sql:
            base = tuple(Column(c["name"], c["type"], c["label"]) for c in content["columns"])
            counted = known[content["metrics_from"]].metrics if "metrics_from" in content else ()
            own = (_borrowed(m, known, path) if "of" in m else m for m in content.get("metrics") or ())
            saved = (*(_saved(m) for m in counted), *own)
        elif path.stem in known:
            base = known[path.stem].columns
            saved = tuple(_saved(m) for m in known[path.stem].metrics)
            if "metrics" in content:
                raise AssetError(f"{path}: metrics of a mart are defined in {known[path.stem].path.name}, not here")
        else:
            raise AssetError(f"{path}: no dbt mart of this name, and no sql")
        computed = {}
        if "trace" in content:
            computed["trace"] = Column("trace", "VARCHAR", "溯源", expression=trace_link(content["trace"]))
        marked = set(computed)  # columns that are HTML already
        for m in (content.get("metrics") or ()) if sql else ():
            take(m, path, ("name", "of") if "of" in m else ("name", "label", "sql"), ("format", "description"))
        for c in content.get("computed") or ():
            take(c, path, ("name", "label", "html" if "html" in c else "sql"), ("type",))
            if "html" in c:
                expression = html(c["html"], {b.name for b in base}, computed, marked, path)
                marked.add(c["name"])
            else:
                expression = " ".join(str(c["sql"]).split())
            computed[c["name"]] = Column(c["name"], c.get("type", "VARCHAR"), c["label"], expression=expression)
        for card in content.get("cards") or ():
            take(card, path, ("name", "label", "class", "order", "html"))
            piece = html(card["html"], {b.name for b in base}, computed, marked, path)
            pieces = f"string_agg({piece}, '' order by {card['order']})"
            wrapped = f"""'<div class="{card["class"]}">' || {pieces} || '</div>'"""
            saved += ({"name": card["name"], "label": card["label"], "sql": wrapped},)
        if path.stem in found:
            raise AssetError(f"{path}: a data set's name must be unique over all databases")
        found[path.stem] = Dataset(
            path.stem, content["title"], path.parent.name, (*base, *computed.values()), saved, sql,
            content.get("description") or "",
        )  # fmt: skip
    return found


def html(template: str, plain: set[str], computed: dict[str, Column], marked: set[str], path: Path) -> str:
    """DuckDB expression for a piece of HTML with {columns} in it; whatever is not HTML already is escaped, and an empty
    value reads —. Raises AssetError for a column that is not there."""
    pieces = []
    for number, part in enumerate(re.split(r"\{(\w+)\}", " ".join(template.split()))):
        if number % 2 == 0:
            pieces.append("'" + part.replace("'", "''") + "'")
        elif part in marked:
            pieces.append(f"coalesce({computed[part].expression}, '')")
        elif part in computed or part in plain:
            value = f"cast({computed[part].expression if part in computed else part} as varchar)"
            for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
                value = f"replace({value}, '{sign}', '{entity}')"
            pieces.append(f"coalesce({value}, '—')")
        else:
            raise AssetError(f"{path}: html names no column {part}")
    return " || ".join(piece for piece in pieces if piece != "''")


def _saved(metric: Metric) -> dict[str, Any]:
    """A metric of a mart as a data set keeps it."""
    return {
        "name": metric.name,
        "label": metric.label,
        "sql": metric.sql,
        "format": metric.format,
        "description": metric.description,
    }


def _borrowed(entry: dict[str, Any], known: dict[str, Mart], path: Path) -> dict[str, Any]:
    """A metric of the mart behind a query, under the name that charts use here."""
    mart, _, name = entry["of"].partition(".")
    for metric in known[mart].metrics if mart in known else ():
        if metric.name == name:
            return {**_saved(metric), **entry}
    raise AssetError(f"{path}: there is no metric {entry['of']}")


def trace_link(record_id: str) -> str:
    """DuckDB expression: a link to the record page with this record chosen in its filter, from an SQL record id.

    The address carries the filter in rison, whose strings quote with `!`; then the id is percent-encoded, so it can
    leave neither its place in the address nor the HTML.
    """
    value = f"url_encode(replace(replace({record_id}, '!', '!!'), chr(39), '!' || chr(39)))"
    href = (
        "/superset/dashboard/record/?native_filters=(NATIVE_FILTER-record:(extraFormData:(filters:!((col:record_id,op:IN,"
        "val:!('@')))),filterState:(label:'@',value:!('@')),id:NATIVE_FILTER-record,ownState:()))"
    )
    link = f'<a class="trace" href="{href}">溯源</a>'
    pieces = [f"""'{piece.replace("'", "''")}'""" for piece in link.split("@")]
    return f"case when {record_id} is not null then " + f" || {value} || ".join(pieces) + " else '' end"


def charts(assets: Path = ASSETS) -> dict[str, Chart]:
    """assets/charts/<dashboard>/<name>.yaml over the defaults of its kind in charts/defaults.yaml."""
    defaults = read(assets / "charts" / "defaults.yaml")
    found = {}
    for path in sorted((assets / "charts").glob("*/*.yaml")):
        content = read(path)
        take(content, path, ("title", "kind", "dataset", "params"), ("description",))
        kind = content["kind"]
        if kind not in defaults:
            raise AssetError(f"{path}: kind {kind} has no entry in charts/defaults.yaml")
        params = {**(defaults["all"] or {}), **(defaults[kind] or {}), **content["params"]}
        name = f"{path.parent.name}/{path.stem}"
        viz_type = params.pop("viz_type", kind)  # a kind of ours may be one of Superset's with settings of its own
        found[name] = Chart(
            name, content["title"], viz_type, content["dataset"], content.get("description") or "", params
        )
    for slug, dashboard in _dashboard_files(assets).items():
        if "sources" in dashboard:
            found[f"{slug}/sources"] = _sources(slug, dashboard["sources"], defaults)
    return found


def _sources(slug: str, sources: list[str], defaults: dict[str, Any]) -> Chart:
    """The table at the foot of a dashboard: its sources, and until when each of them tells."""
    wanted = {"expressionType": "SIMPLE", "clause": "WHERE", "subject": "source", "operator": "IN", "operatorId": "IN"}
    params = {
        **(defaults["all"] or {}),
        **defaults["table"],
        "all_columns": ["source_title", "domain_label", "as_of_text", "last_batch_text", "received", "state"],
        "order_by_cols": ['["source_title", true]'],
        "page_length": 0,
        "adhoc_filters": [{**wanted, "comparator": sources}],
    }
    text = "本页各来源的数据截止日期、最近入库时间与是否过期。"
    return Chart(f"{slug}/sources", "数据来自哪里，截至何时？", "table", "data_freshness", text, params)


def frame(assets: Path = ASSETS) -> dict[str, Any]:
    """What all dashboards share: their order, the standard filters, colours with a meaning."""
    content = read(assets / "frame.yaml")
    take(content, assets / "frame.yaml", ("dashboards", "filters", "colors"))
    return content


def _dashboard_files(assets: Path = ASSETS) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted((assets / "dashboards").glob("*.yaml")):
        content = read(path)
        optional = ("sources", "filters", "colors", "css")
        take(content, path, ("title", "question", "definition", "rows"), optional)
        found[path.stem] = content
    return found


def dashboards(assets: Path = ASSETS) -> dict[str, dict[str, Any]]:
    """assets/dashboards/<slug>.yaml with the head and the foot that every dashboard has."""
    files = _dashboard_files(assets)
    known, tables, common = charts(assets), datasets(assets), frame(assets)
    order = [slug for slug in common["dashboards"] if slug in files]
    if missing := set(files) - set(order):
        raise AssetError(f"{assets / 'frame.yaml'}: the dashboards {sorted(missing)} have no place in the order")
    bases: dict[str, str] = {}
    for slug, content in files.items():
        read_by = {
            tables[known[name].dataset].database for name in tiles_of(slug, content["rows"]) if name in known
        } | {"official" for _ in content.get("sources") or ()}
        if len(read_by) > 1:
            # Superset shows a dashboard to whoever may read one of its data sets
            raise AssetError(f"dashboards/{slug}.yaml: one dashboard reads one database, this one {sorted(read_by)}")
        bases[slug] = next(iter(read_by), "official")
    found = {}
    for slug in order:
        content, base = dict(files[slug]), bases[slug]
        shown = [other for other in order if base == "audit" or bases[other] == "official"]
        content["rows"] = [_head(slug, content, base, {s: files[s]["title"] for s in shown}), *content["rows"]]
        content["rows"].append({"height": 5, "tiles": [{"text": "## 口径与来源", "width": 12}]})
        text = {"text": content["definition"], "width": 5 if "sources" in content else 12}
        tiles = [text, {"chart": "sources", "width": 7}] if "sources" in content else [text]
        height = max(16, 13 + 4 * len(content.get("sources") or ()), 8 + len(content["definition"]) // 7)
        content["rows"].append({"height": height, "tiles": tiles})
        content["colors"] = {**common["colors"], **(content.get("colors") or {})}
        content["filters"] = [_standard(entry, common["filters"], slug) for entry in content.get("filters") or ()]
        found[slug] = content
    return found


def _head(slug: str, content: dict[str, Any], base: str, titles: dict[str, str]) -> dict[str, Any]:
    """First row of every dashboard: its question, the way to the others, and which release it shows."""
    links = " ".join(
        f"**{title}**" if other == slug else f"[{title}](/superset/dashboard/{other}/)"
        for other, title in titles.items()
    )
    mark = "shared/release" if base == "official" else "shared/audit_release"
    text = f"# {content['question']}\n\n{links}"
    return {"height": 12, "tiles": [{"text": text, "width": 8}, {"chart": mark, "width": 4}]}


def _standard(entry: dict[str, Any], standard: dict[str, Any], slug: str) -> dict[str, Any]:
    """A filter of the frame, `{year: <data set>}`, written out; its column has the filter's name in every data set."""
    names = [key for key in entry if key in standard]
    if "id" in entry or not names:
        return entry
    rest = {key: value for key, value in entry.items() if key != names[0]}
    return {"id": names[0], "column": names[0], "dataset": entry[names[0]], **standard[names[0]], **rest}


def tiles_of(slug: str, rows: list[dict[str, Any]]) -> list[str]:
    """Full names of the charts in some rows; a name with a folder is a chart that dashboards share."""
    names = [tile["chart"] for row in rows for tile in row["tiles"] if "chart" in tile]
    return [name if "/" in name else f"{slug}/{name}" for name in names]


def columns_of(chart: Chart) -> set[str]:
    """Names of the columns and saved metrics a chart's settings point at (ad-hoc SQL is judged by running it)."""
    names: set[str] = set()
    single = ("metric", "x_axis", "entity", "source", "target", "secondary_metric", "size", "x", "y", "series")
    several = ("metrics", "groupby", "all_columns", "columns", "groupbyRows", "groupbyColumns", "percent_metrics")
    values = [chart.params.get(key) for key in single]
    values += [value for key in several for value in _listed(chart.params.get(key))]
    values += [json.loads(text)[0] for text in chart.params.get("order_by_cols") or ()]
    values += [f.get("subject") for f in chart.params.get("adhoc_filters") or () if f.get("expressionType") == "SIMPLE"]
    for value in values:
        if isinstance(value, str):
            names.add(value)
        elif isinstance(value, dict) and value.get("expressionType") == "SIMPLE":
            names.add(value["column"]["column_name"])
    return names


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


# --- the bundle -----------------------------------------------------------------------------------------------------
def bundle(assets: Path = ASSETS) -> dict[str, str]:
    """Path inside the bundle → YAML text, for Superset's ImportAssetsCommand."""
    out: dict[str, Any] = {
        "metadata.yaml": {"version": VERSION, "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"}
    }
    for name, database in databases(assets).items():
        out[f"databases/{name}.yaml"] = _database(name, database)
    all_datasets = datasets(assets)
    for name, dataset in all_datasets.items():
        out[f"datasets/{dataset.database}/{name}.yaml"] = _dataset(dataset)
    all_charts = charts(assets)
    for name, chart in all_charts.items():
        if chart.dataset not in all_datasets:
            raise AssetError(f"charts/{name}.yaml: no data set {chart.dataset}")
        out[f"charts/{name.replace('/', '_')}.yaml"] = _chart(chart)
    css = (assets / "dashboard.css").read_text(encoding="utf-8")
    for slug, dashboard in dashboards(assets).items():
        out[f"dashboards/{slug}.yaml"] = _dashboard(slug, dashboard, all_charts, all_datasets, css)
    return {path: yaml.safe_dump(content, allow_unicode=True, sort_keys=False) for path, content in out.items()}


def _database(name: str, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "database_name": content["name"],
        # A name, not a place: DB_CONNECTION_MUTATOR puts the current release's file in its stead.
        "sqlalchemy_uri": f"duckdb:///{content['file']}",
        "expose_in_sqllab": content["sql_lab"],
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        "cache_timeout": 0,
        "extra": {"cost_estimate_enabled": False, "allows_virtual_table_explore": True},
        "uuid": uid("database", name),
        "version": VERSION,
    }


def _dataset(dataset: Dataset) -> dict[str, Any]:
    return {
        "table_name": dataset.name,
        "main_dttm_col": None,
        "description": f"{dataset.title}。{dataset.description}" if dataset.description else dataset.title,
        "default_endpoint": None,
        "offset": 0,
        "cache_timeout": None,
        "schema": "main",
        "catalog": dataset.database,
        "sql": dataset.sql,
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "fetch_values_predicate": None,
        "extra": None,
        "normalize_columns": False,
        "always_filter_main_dttm": False,
        "uuid": uid("dataset", dataset.name),
        "metrics": [
            {
                "metric_name": m["name"],
                "verbose_name": m["label"],
                "metric_type": None,
                "expression": m["sql"],
                "d3format": m.get("format", ",d"),
                "description": m.get("description"),
                "currency": None,
                "extra": {},
                "warning_text": None,
            }
            for m in dataset.metrics
        ],
        "columns": [
            {
                "column_name": c.name,
                "verbose_name": c.label,
                "is_dttm": c.type.startswith(TIME_TYPES),
                "is_active": True,
                "type": c.type,
                "advanced_data_type": None,
                "groupby": True,
                "filterable": True,
                "expression": c.expression,
                "description": None,  # dbt's are English; the label says it to officials
                "python_date_format": None,
                "extra": {},
            }
            for c in dataset.columns
        ],
        "version": VERSION,
        "database_uuid": uid("database", dataset.database),
    }


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "slice_name": chart.title,
        "description": chart.description or None,
        "certified_by": None,
        "certification_details": None,
        "viz_type": chart.viz_type,
        "params": {**chart.params, "viz_type": chart.viz_type},
        "query_context": None,
        "cache_timeout": None,
        "uuid": uid("chart", chart.name),
        "version": VERSION,
        "dataset_uuid": uid("dataset", chart.dataset),
    }


def _dashboard(
    slug: str, content: dict[str, Any], known: dict[str, Chart], tables: dict[str, Dataset], css: str
) -> dict[str, Any]:
    position, used = _grid(slug, content, known)
    colors = content.get("colors") or {}
    filters = [_filter(slug, entry, used, known, tables) for entry in content.get("filters") or ()]
    return {
        "dashboard_title": content["title"],
        "description": content["question"],
        "css": css + (content.get("css") or ""),
        "slug": slug,
        "certified_by": None,
        "certification_details": None,
        "published": True,
        "uuid": uid("dashboard", slug),
        "position": position,
        "metadata": {
            "timed_refresh_immune_slices": [],
            "expanded_slices": {},
            "refresh_frequency": 0,
            "default_filters": "{}",
            "color_scheme": "",  # each chart keeps its own; one for the whole page would override them
            "label_colors": colors,
            "map_label_colors": colors,
            "shared_label_colors": [],
            "color_scheme_domain": [],
            "cross_filters_enabled": True,
            "filter_bar_orientation": "HORIZONTAL",
            "native_filter_configuration": filters,
        },
        "version": VERSION,
    }


def _grid(slug: str, content: dict[str, Any], known: dict[str, Chart]) -> tuple[dict[str, Any], dict[str, int]]:
    """Rows of tiles → Superset's tree of components. Twelve columns wide; heights in units of 8 px."""
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": content["title"]}},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
    }
    used: dict[str, int] = {}
    for number, row in enumerate(content["rows"], start=1):
        row_id = f"ROW-{number}"
        position["GRID_ID"]["children"].append(row_id)
        tiles = row["tiles"]
        if sum(tile["width"] for tile in tiles) > 12:
            raise AssetError(f"dashboards/{slug}.yaml: row {number} is wider than twelve columns")
        children = []
        for index, tile in enumerate(tiles, start=1):
            parents = ["ROOT_ID", "GRID_ID", row_id]
            if "text" in tile:
                key = f"MARKDOWN-{number}-{index}"
                kind, meta = "MARKDOWN", {"code": tile["text"]}
            else:
                (name,) = tiles_of(slug, [{"tiles": [tile]}])
                if name not in known:
                    raise AssetError(f"dashboards/{slug}.yaml: no chart charts/{name}.yaml")
                key = f"CHART-{tile['chart'].replace('/', '-')}"
                kind = "CHART"
                used[name] = 9000 + len(used)  # replaced by the real id on import, but must be there
                meta = {"chartId": used[name], "uuid": uid("chart", name), "sliceName": known[name].title}
            position[key] = {
                "type": kind,
                "id": key,
                "children": [],
                "parents": parents,
                "meta": {**meta, "width": tile["width"], "height": tile.get("height", row["height"])},
            }
            children.append(key)
        position[row_id] = {
            "type": "ROW",
            "id": row_id,
            "children": children,
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
    return position, used


def _filter(
    slug: str, entry: dict[str, Any], used: dict[str, int], known: dict[str, Chart], tables: dict[str, Dataset]
) -> dict[str, Any]:
    """A filter of the bar. It acts on the charts whose data set has its column; the others are left out of its scope,
    so that no chart claims a filter it ignores."""
    optional = (
        "type",
        "hint",
        "search_only",
        "single",
        "placeholder",
        "first",
        "default",
        "only",
        "except",
        "sort_desc",
    )
    take(entry, Path(f"dashboards/{slug}.yaml"), ("id", "label", "dataset", "column"), (*optional, "sort_desc"))
    kind = entry.get("type", "filter_select")
    if kind not in FILTER_TYPES:
        raise AssetError(f"dashboards/{slug}.yaml: filter {entry['id']} has unknown type {kind}")
    names = {c.name for c in tables[entry["dataset"]].columns}
    if entry["column"] not in names:
        raise AssetError(f"dashboards/{slug}.yaml: filter {entry['id']}: {entry['dataset']} has no {entry['column']}")
    reached = {name for name in used if entry["column"] in {c.name for c in tables[known[name].dataset].columns}}
    if "only" in entry:
        reached &= {f"{slug}/{chart}" for chart in entry["only"]}
    reached -= {f"{slug}/{chart}" for chart in entry.get("except", ())}
    mask: dict[str, Any] = {"extraFormData": {}, "filterState": {}, "ownState": {}}
    if prompt := entry.get("placeholder") or entry.get("default"):
        # A page about one thing: until somebody chooses, the filter holds a prompt, which no row equals, or a default.
        mask["extraFormData"] = {"filters": [{"col": entry["column"], "op": "IN", "val": [prompt]}]}
        mask["filterState"] = {"label": prompt, "value": [prompt]}
    return {
        "id": f"NATIVE_FILTER-{entry['id']}",
        "name": entry["label"],
        "filterType": kind,
        "type": "NATIVE_FILTER",
        "description": entry.get("hint", ""),
        "cascadeParentIds": [],
        "scope": {
            "rootPath": ["ROOT_ID"],
            "excluded": [number for name, number in used.items() if name not in reached],
        },
        "targets": [{"column": {"name": entry["column"]}, "datasetUuid": uid("dataset", entry["dataset"])}],
        "defaultDataMask": mask,
        "controlValues": {
            "enableEmptyFilter": False,
            "defaultToFirstItem": False,
            "multiSelect": not entry.get("single", False),
            "searchAllOptions": entry.get("search_only", False),
            "inverseSelection": False,
            "sortAscending": not entry.get("sort_desc", False),
        },
    }


# --- what dbt should know of the dashboards --------------------------------------------------------------------------
EXPOSURES = MARTS.parent / "exposures.yml"


def marts_of(slug: str) -> set[str]:
    """The marts a dashboard reads, through its charts and its filters."""
    return _read_by_dashboards()[slug]


@cache
def _read_by_dashboards() -> dict[str, set[str]]:
    known, tables, drawn, found = marts(), datasets(), charts(), {}
    for slug, dashboard in dashboards().items():
        read_by = {drawn[name].dataset for name in tiles_of(slug, dashboard["rows"])}
        read_by |= {entry["dataset"] for entry in dashboard["filters"]}
        found[slug] = set()
        for dataset in (tables[name] for name in read_by):
            words = set(re.findall(r"\w+", dataset.sql)) if dataset.sql else {dataset.name}
            found[slug] |= words & set(known)
    return found


def exposures() -> str:
    """The dashboards as dbt exposures: so that who changes a mart sees which dashboards read it."""
    entries = [
        {
            "name": slug,
            "label": content["title"],
            "type": "dashboard",
            "maturity": "high",
            "url": f"http://127.0.0.1:8088/superset/dashboard/{slug}/",
            "description": content["question"],
            "depends_on": [f"ref('{name}')" for name in sorted(marts_of(slug))],
            "owner": {"name": "Science Brain", "email": "maintainers@example.org"},
        }
        for slug, content in dashboards().items()
    ]
    head = "# Generated whole by `python superset/assemble.py` from superset/assets: change those and run it again.\n"
    return head + yaml.safe_dump({"version": 2, "exposures": entries}, allow_unicode=True, sort_keys=False, width=120)


if __name__ == "__main__":
    EXPOSURES.write_text(exposures(), encoding="utf-8")
