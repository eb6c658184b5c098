"""All results of both gates as one page that needs no network: `home/reports/checks.html`.

Data Docs of Great Expectations link public CDNs, so the page is our own: plain HTML, its style inside, no script.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from brain import journal
from brain.settings import Settings
from expectations import Check
from ingest.contract import Source, load_sources
from warehouse import content, state
from warehouse.build import SHANGHAI

# What a check is called in the report.
LABELS = {
    "volume": "批量波动",
    "withdrawal": "撤回比例",
    "quarantine": "隔离比例",
    "columns": "字段齐全",
    "key_unique": "主键唯一",
    "key_filled": "主键非空",
    "required_filled": "必填字段非空",
    "completeness": "完整率变化",
    "field_lost": "字段消失",
    "distribution": "数值分布变化",
    "codes": "代码表变化",
    "row_count": "行数变化",
    "marts_kept": "数据集未减少",
    "newest_batches": "已含最新批次",
    "records_proved": "来源记录可追溯",
    "personal_names": "无个人字段名",
    "personal_classified": "无个人分类字段",
    "served_types": "字段类型可发布",
    "no_personal_value": "无个人字段取值",
    "no_personal_shape": "无证件号、手机号、邮箱",
    "value_range": "取值合理",
    "fresh": "数据未过期",
    "balanced": "账目相符",
    "suppressed": "小于 5 的数已隐去",
    "filled_share": "填充率",
    "consistent": "前后一致",
    "not_empty": "不为空",
}
SEVERITIES = {"hold": "拦截", "warn": "提醒"}
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.6 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", sans-serif;
  margin: 0 auto; max-width: 1100px; padding: 24px; color: #1c2430; background: #fff; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 32px 0 8px; }
p.note { color: #5b6675; margin: 0 0 16px; }
.cards { display: flex; gap: 12px; flex-wrap: wrap; }
.card { border: 1px solid #d9dfe7; border-radius: 8px; padding: 10px 16px; min-width: 130px; }
.card b { display: block; font-size: 22px; }
.pass { color: #17703a; } .warn { color: #8a5a00; } .fail { color: #b3261e; }
details { border: 1px solid #d9dfe7; border-radius: 8px; margin: 8px 0; padding: 6px 14px; }
summary { cursor: pointer; } summary span { color: #5b6675; }
table { border-collapse: collapse; width: 100%; margin: 8px 0; font-size: 14px; }
th, td { text-align: left; padding: 4px 10px; border-bottom: 1px solid #edf0f4; vertical-align: top; }
td.figure { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
code { font-size: 13px; color: #5b6675; }
"""


def write_report(settings: Settings, release_checks: Sequence[Check]) -> Path:
    """Render the release checks given and, for each record type, the checks of its newest batch; returns the page."""
    build = state.read_build(settings)
    sources = load_sources(settings, all_profiles=True)
    marts = {m.full_name: m for m in content.marts(content.read_manifest(state.manifest_path(settings)))}
    page = render(build, release_checks, newest_arrivals(journal.read(settings, "checks")), sources, marts)
    path = settings.home / "reports" / "checks.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(page, encoding="utf-8")
    fresh.replace(path)
    return path


def newest_arrivals(rows: Iterable[dict[str, Any]]) -> list[Check]:
    """The arrival checks of each record type's newest batch, from the journal."""
    newest: dict[tuple[str, str], tuple[int, list[Check]]] = {}
    for row in rows:
        if row["gate"] != "arrival":
            continue
        key, batch = (row["source"], row["record"]), row["batch"] or 0
        if key not in newest or batch > newest[key][0]:
            newest[key] = (batch, [])
        if batch == newest[key][0]:
            newest[key][1].append(
                Check(
                    "arrival", row["suite"], row["source"], row["record"], batch, row["check_name"], row["column_name"],
                    row["success"], row.get("severity") or "hold", row["observed"] or "", row["expected"] or "",
                )
            )  # fmt: skip
    return [check for _, (_, checks) in sorted(newest.items()) for check in checks]


def render(
    build: state.Build | None,
    release: Sequence[Check],
    arrival: Sequence[Check],
    sources: dict[str, Source],
    marts: dict[str, content.Mart],
) -> str:
    """The page. Every text from outside is escaped."""
    held = [c for c in release if c.holds]
    verdict = '<b class="fail">拦截</b>' if held else '<b class="pass">通过</b>'
    warned = sum(1 for c in (*release, *arrival) if not c.success and not c.holds)
    about = ""
    if build:
        built = datetime.fromisoformat(build.built_at).astimezone(SHANGHAI)
        about = (
            f"数据截至 {build.as_of}，构建于 {built:%Y-%m-%d %H:%M}（北京时间），"
            f"台账 {build.ledger_size} 条，构建编号 {build.build_id}"
        )
    columns = {
        ("", name, column): str(meta["label"])
        for name, mart in marts.items()
        for column, meta in mart.column_meta.items()
        if meta.get("label")
    }
    sections = [
        _section(f"发布关口：{len(release)} 项检查", _groups(release), lambda s: _mart_title(s, marts), columns)
    ]
    labels = {(s.name, r.name, f.name): f.label for s in sources.values() for r in s.records for f in r.fields}
    sections.append(
        _section(
            f"到货关口：每类记录的最新一批，{len(arrival)} 项检查",
            _groups(arrival),
            lambda s: _record_title(s, sources),
            labels,
        )
    )
    return f"""<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>科技大脑 数据质量检查</title>
<style>{STYLE}</style>
</head>
<body>
<h1>数据质量检查</h1>
<p class="note">{html.escape(about)}。观测值“m / n”表示 n 行中有 m 行不符。</p>
<div class="cards">
<div class="card">发布关口{verdict}</div>
<div class="card">检查总数<b>{len(release) + len(arrival)}</b></div>
<div class="card">未通过（拦截）<b class="{"fail" if held else "pass"}">{len(held)}</b></div>
<div class="card">未通过（提醒）<b class="{"warn" if warned else "pass"}">{warned}</b></div>
</div>
{"".join(sections)}
</body>
</html>
"""


def _groups(checks: Sequence[Check]) -> dict[str, list[Check]]:
    groups: dict[str, list[Check]] = {}
    for check in checks:
        groups.setdefault(check.suite, []).append(check)
    return groups


def _section(title: str, groups: dict[str, list[Check]], name: Any, labels: dict[tuple[str, str, str], str]) -> str:
    parts = [f"<h2>{html.escape(title)}</h2>"]
    # What failed comes first, and is open.
    for suite, checks in sorted(groups.items(), key=lambda g: (not any(not c.success for c in g[1]), g[0])):
        failed = [c for c in checks if not c.success]
        state_ = f'<b class="{"fail" if any(c.holds for c in failed) else "warn"}">{len(failed)} 项未通过</b>'
        mark = state_ if failed else '<b class="pass">全部通过</b>'
        batch = f"，批次 {checks[0].batch}" if checks[0].batch else ""
        parts.append(
            f"<details{' open' if failed else ''}>"
            f"<summary>{html.escape(name(suite))} <code>{html.escape(suite)}</code> "
            f"<span>{len(checks)} 项{batch}</span> {mark}</summary>{_table(checks, labels)}</details>"
        )
    return "\n".join(parts)


def _table(checks: Sequence[Check], labels: dict[tuple[str, str, str], str]) -> str:
    rows = []
    for c in sorted(checks, key=lambda c: c.success):
        css, word = ("pass", "通过") if c.success else ("fail", "未通过") if c.holds else ("warn", "提醒")
        label = labels.get((c.source or "", c.record or "", c.column or ""), "")
        column = f"{html.escape(label)} <code>{html.escape(c.column)}</code>" if c.column else ""
        rows.append(
            f'<tr><td class="{css}">{word}</td><td>{html.escape(LABELS.get(c.name, c.name))}</td><td>{column}</td>'
            f'<td class="figure">{html.escape(c.observed)}</td><td class="figure">{html.escape(c.expected)}</td>'
            f"<td>{SEVERITIES[c.severity]}</td></tr>"
        )
    head = "<tr><th>结果</th><th>检查</th><th>字段</th><th>观测值</th><th>期望值</th><th>未通过时</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _mart_title(suite: str, marts: dict[str, content.Mart]) -> str:
    if suite == "release":
        return "整个发布"
    return str(marts[suite].meta.get("label", suite)) if suite in marts else suite


def _record_title(suite: str, sources: dict[str, Source]) -> str:
    source, _, record = suite.partition("__")
    if source not in sources:
        return suite
    found = [r.label for r in sources[source].records if r.name == record]
    return f"{sources[source].title}：{found[0]}" if found else suite
