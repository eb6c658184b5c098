"""`make docs`: the project's documentation as files that open without a network, in build/docs/.

`index.html` leads on; `models.html` is dbt's own site with everything inside it; `columns.html` says of every column of
every mart what it means and where it comes from; `relations.svg` is the picture of docs/relations.md. Nothing is read
but the project: no database, no data, no state.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Any

from brain.errors import BrainError
from brain.settings import ROOT
from warehouse import content, relations
from warehouse.lineage import PROJECT, Lineage
from warehouse.origins import KINDS, described, served

FOLDER = ROOT / "build" / "docs"
# a page that wants anything from elsewhere does not get it
CLOSED = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; font-src data:\">"
)
STYLE = """<style>
body { font: 14px/1.6 "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #1d2530; max-width: 1280px;
  margin: 24px auto; padding: 0 16px }
h1 { font-size: 22px }
summary { cursor: pointer; padding: 4px 0 }
summary b { margin-right: 8px }
code { color: #3c5a80 }
table { border-collapse: collapse; width: 100%; margin: 4px 0 16px }
td, th { border: 1px solid #d5dbe3; padding: 4px 8px; text-align: left; vertical-align: top }
th { background: #f1f4f8 }
small { color: #5b6572 }
a { color: #1f5fa8 }
</style>"""


def make(folder: Path = FOLDER) -> Path:
    """Write the pages into `folder`, which is made anew; returns it. Raises BrainError where dbt cannot read the
    project."""
    with tempfile.TemporaryDirectory(prefix="docs-") as work:
        manifest, catalog, page = _generate(Path(work))
    lineage = Lineage(manifest)
    rows = {name: [described(lineage, name, c) for c in lineage.columns(name)] for name in served(lineage)}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "columns.html").write_text(_columns_page(lineage, rows), encoding="utf-8")
    shutil.copyfile(relations.PICTURE, folder / "relations.svg")
    _tell_origins(lineage, rows)
    catalog["nodes"] = {n["unique_id"]: _types(n) for n in lineage.nodes.values() if n["resource_type"] == "model"}
    for key in ("env", "user_id", "invocation_id", "project_id"):
        manifest["metadata"].pop(key, None)
    for node in manifest["nodes"].values():
        node.pop("root_path", None)  # where this was made is nobody's business
    inside = {'"MANIFEST.JSON INLINE DATA"': manifest, '"CATALOG.JSON INLINE DATA"': catalog}
    for mark, document in inside.items():
        if mark not in page:
            raise BrainError(f"dbt's page has no place for {mark}", "its version changed: look at warehouse/site.py")
        # no text of ours may end the script that it stands in
        page = page.replace(mark, json.dumps(document, ensure_ascii=False).replace("</", "<\\/"))
    (folder / "models.html").write_text(page.replace("<head>", f"<head>{CLOSED}", 1), encoding="utf-8")
    (folder / "index.html").write_text(_front(rows), encoding="utf-8")
    return folder


def _generate(work: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """dbt's manifest with compiled SQL, its (empty) catalog and its page, over databases without any table."""
    target = work / "target"
    command = [
        *(sys.executable, "-m", "dbt.cli.main", "docs", "generate", "--empty-catalog"),
        *("--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", target),
        *("--vars", "{as_of: '1970-01-01'}"),
        *("--log-level-file", "none", "--no-version-check", "--no-send-anonymous-usage-stats", "--no-use-colors"),
    ]
    environment = {**os.environ, "BRAIN_WAREHOUSE": str(work), "BRAIN_DBT_TARGET": str(target)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise BrainError(f"dbt cannot read the project: {done.stdout.strip()[-600:]}", "`brain build` names the model")
    manifest, catalog = (
        json.loads((target / f"{n}.json").read_text(encoding="utf-8")) for n in ("manifest", "catalog")
    )
    return manifest, catalog, (target / "index.html").read_text(encoding="utf-8")


def _tell_origins(lineage: Lineage, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Give each column of a mart in dbt's site its Chinese label and its origins."""
    for name, described_columns in rows.items():
        declared = lineage.nodes[name]["columns"]
        for row in described_columns:
            column = declared[row["column"]]
            column["description"] = f"{row['label']}。{column['description']} 来自：{_origins_text(row)}"


def _types(node: dict[str, Any]) -> dict[str, Any]:
    """A model as dbt's catalog has it, with the types that the project declares: no database was asked."""
    named = {"type": node["config"]["materialized"], "schema": node["schema"], "name": node["name"], "comment": None}
    columns = {
        name: {"type": c.get("data_type") or "", "index": n, "name": name, "comment": None}
        for n, (name, c) in enumerate(node["columns"].items(), start=1)
    }
    metadata = {**named, "database": node["database"], "owner": None}
    return {"unique_id": node["unique_id"], "metadata": metadata, "columns": columns, "stats": {}}


def _origins_text(row: dict[str, Any]) -> str:
    if row["reads"]:
        return f"本模型自行给定或按行计数（读取 {', '.join(row['reads'])}）"
    return "、".join(f"{o['relation']}.{o['column']}" for o in row["origins"])


def _columns_page(lineage: Lineage, rows: dict[str, list[dict[str, Any]]]) -> str:
    parts = [
        "<h1>字段字典：每个字段是什么、从哪里来</h1>",
        "<p>“来自”由构建所用的 SQL 逐列解析得出：写出数值的最终出处，即来源契约的字段、配置表的列，或由程序推断的列；"
        "只决定取哪些行的连接与筛选不在其中。</p>",
    ]
    for name, columns in rows.items():
        node = lineage.nodes[name]
        where = "审计库" if node["database"] == "audit" else "业务库"
        parts.append(
            f'<details id="{name}"><summary><b>{escape(content.meta_of(node)["label"])}</b><code>{name}</code> '
            f"<small>{where}，{len(columns)} 个字段</small></summary><p>{escape(node['description'])}</p><table>"
            "<tr><th>字段</th><th>名称</th><th>类型</th><th>说明</th><th>来自</th></tr>"
        )
        parts += [_row(c) for c in columns]
        parts.append("</table></details>")
    return _page("字段字典", "\n".join(parts))


def _row(row: dict[str, Any]) -> str:
    told = [
        f"<code>{o['relation']}.{o['column']}</code> {escape(o['label'] or '')} <small>{KINDS[o['kind']]}</small>"
        for o in row["origins"]
    ] or [escape(_origins_text(row))]
    cells = [f"<code>{row['column']}</code>", escape(row["label"] or ""), f"<small>{row['type'] or ''}</small>"]
    cells += [escape(row["description"] or ""), "<br>".join(told)]
    return f"<tr>{''.join(f'<td>{c}</td>' for c in cells)}</tr>"


def _front(rows: dict[str, list[dict[str, Any]]]) -> str:
    body = (
        "<h1>科技大脑：模型与字段说明</h1>"
        f"<p>{len(rows)} 张数据表，{sum(map(len, rows.values()))} 个字段。本页及所链各页不需要网络。</p><ul>"
        '<li><a href="columns.html">字段字典</a>：每个字段是什么、从哪里来</li>'
        '<li><a href="models.html">模型文档</a>：全部模型、测试、SQL 与血缘图（dbt）</li>'
        '<li><a href="relations.svg">数据表关系图</a>：主键与引用</li></ul>'
    )
    return _page("模型与字段说明", body)


def _page(title: str, body: str) -> str:
    head = f'<meta charset="utf-8">{CLOSED}<title>{title}</title>{STYLE}'
    return f'<!doctype html><html lang="zh-CN"><head>{head}</head><body>{body}</body></html>\n'


if __name__ == "__main__":
    sys.stdout.write(f"{make()}/index.html\n")
