"""What holds today: the alert marts of the current release, sources that are late by the clock, reported incidents."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from brain import journal
from brain.errors import BrainError
from brain.settings import ALERT_SEVERITIES, ROOT, Settings

SEVERITY_LABELS = {"notice": "提示", "warning": "预警", "serious": "严重", "critical": "紧急"}
MARTS = {"fct_alerts": "official", "data_alerts": "official", "audit_alerts": "audit"}
RULES = ROOT / "dbt_project/seeds/rules/alert_rules.csv"
RUNBOOK = "docs/runbook-alerts.zh-CN.md"
BY_CLOCK = "source_stale"
"""The one rule of the marts that is judged by the clock here: a scheduler that stands still builds nothing, and a mart
measures at the newest batch. Both make the same alert, with the same id."""


@dataclass(frozen=True)
class Alert:
    """One condition that holds. `since_date`: ISO day. `audience`: official, or audit where only auditors may know."""

    alert_id: str
    rule_code: str
    kind: str
    kind_label: str
    severity: str
    owner_kind: str
    owner_name: str
    subject: str
    since_date: str
    title: str
    alert_text: str
    runbook: str
    next_command: str
    rule_version: str
    record_ids: tuple[str, ...]
    audience: str = "official"

    def __post_init__(self) -> None:
        if self.severity not in ALERT_SEVERITIES or self.audience not in ("official", "audit"):
            raise BrainError(f"alert {self.alert_id} has an unknown severity or audience", "mend the rule or its mart")
        if not (self.alert_id and self.title and self.owner_name):
            raise BrainError(f"an alert of {self.rule_code} has no id, title or owner", "mend its mart")

    @property
    def severity_order(self) -> int:
        """1 (notice) to 4 (critical)."""
        return ALERT_SEVERITIES.index(self.severity) + 1

    @classmethod
    def from_json(cls, text: str) -> Alert:
        """The alert that the journal keeps."""
        data = json.loads(text)
        return cls(**{**data, "record_ids": tuple(data["record_ids"])})

    def json(self) -> dict[str, Any]:
        return {**asdict(self), "record_ids": list(self.record_ids), "severity_label": SEVERITY_LABELS[self.severity]}

    def kept(self) -> str:
        """As the journal keeps it."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True)
class Holding:
    """All that holds now. `release_at`: when the release was published, ISO; empty where there is none."""

    alerts: tuple[Alert, ...]
    release: str
    release_at: str


def holding(settings: Settings, now: datetime | None = None) -> Holding:
    """Everything that holds now; the clock counts for sources and incidents, the release for everything else."""
    from warehouse.publish import current

    now = now or datetime.now(UTC)
    release = current(settings)
    found = {a.alert_id: a for a in _of_marts(settings)} if release else {}
    for alert in (*late_sources(settings, now), *low_disk(settings, now), *incidents(settings)):
        found[alert.alert_id] = alert
    alerts = sorted(found.values(), key=lambda a: (-a.severity_order, a.since_date, a.alert_id))
    return Holding(tuple(alerts), release.path.name if release else "", release.created_at if release else "")


def _of_marts(settings: Settings) -> Iterable[Alert]:
    """The rows of the alert marts, without the rule that the clock judges."""
    from warehouse import connect

    columns = [f for f in Alert.__dataclass_fields__ if f not in ("record_ids", "audience")]
    for mart, audience in MARTS.items():
        con = connect.read_only(settings.current / f"{audience}.duckdb")
        try:
            # a release from before there were alerts has none
            if not con.execute("select 1 from duckdb_tables() where table_name = ?", [mart]).fetchone():
                continue
            chosen = ", ".join(f"cast({c} as varchar)" for c in columns)
            rows = con.execute(
                f"select {chosen}, record_ids from {mart} where rule_code <> ?", [BY_CLOCK]
            ).fetchall()  # fmt: skip
        finally:
            con.close()
        for *values, record_ids in rows:
            given = dict(zip(columns, values, strict=True))
            yield Alert(**given, record_ids=tuple(json.loads(record_ids)), audience=audience)


def late_sources(settings: Settings, now: datetime) -> list[Alert]:
    """Sources that no delivery was even tried from for longer than their contract allows, by the clock."""
    from ingest.contract import load_sources
    from ingest.ledger import Ledger

    if not settings.ledger_path.exists():
        return []
    last = {e.source: e.committed_at for e in Ledger(settings).entries() if e.kind in ("committed", "held")}
    found = []
    for source in load_sources(settings).values():
        at = last.get(source.name)
        if at is None or not source.freshness_hours:
            continue
        due = datetime.fromisoformat(at) + timedelta(hours=source.freshness_hours)
        if now > due:
            text = f"最近一次送达 {at[:16]}（UTC），契约时效 {source.freshness_hours:g} 小时"
            alert = of_rule(BY_CLOCK, source.name, source.title, text, due.date(), ref=source.name)
            raised = rule(BY_CLOCK, now.date())
            if raised["raised_days"] and (now - due).days >= int(raised["raised_days"]):
                alert = replace(alert, severity=raised["raised_severity"])
            found.append(alert)
    return found


def low_disk(settings: Settings, now: datetime) -> list[Alert]:
    """Whether the disk of the state is nearly full: told before it is, for a full one lets nothing be entered."""
    share = free_share(settings)
    if share >= float(rule("disk_low", now.date())["threshold_ratio"]):
        return []
    return [of_rule("disk_low", "BRAIN_HOME", "BRAIN_HOME", f"剩余 {100 * share:.0f}%", now.date())]


def free_share(settings: Settings) -> float:
    """Free space of the disk that holds the state, 0 to 1."""
    usage = shutil.disk_usage(settings.home if settings.home.exists() else settings.home.anchor)
    return usage.free / usage.total


def incidents(settings: Settings) -> list[Alert]:
    """What the scheduler reported and has not reported as over."""
    open_: dict[tuple[str, str], dict[str, Any]] = {}
    for row in journal.read(settings, "incidents"):
        key = (row["rule_code"], row["subject"])
        if row["state"] == "over":
            open_.pop(key, None)
        else:
            open_.setdefault(key, row)  # since the first report, with its reason
    return [
        of_rule(code, subject, subject, row["reason"] or "", datetime.fromisoformat(row["reported_at"]).date())
        for (code, subject), row in open_.items()
    ]


def of_rule(rule_code: str, subject: str, label: str, text: str, since: date, ref: str = "") -> Alert:
    """An alert by the rule in force on its first day."""
    r = rule(rule_code, since)
    return Alert(
        alert_id=alert_id(rule_code, subject),
        rule_code=rule_code,
        kind=r["kind"],
        kind_label=r["kind_label"],
        severity=r["severity"],
        owner_kind=r["default_owner_kind"],
        owner_name=r["default_owner"],
        subject=subject,
        since_date=since.isoformat(),
        title=f"{r['rule_label']}：{label}",
        alert_text=text,
        runbook=f"{RUNBOOK}#{rule_code}",
        next_command=r["next_command"].replace("{ref}", ref),
        rule_version=r["rule_version"],
        record_ids=(),
    )


def alert_id(rule_code: str, subject: str) -> str:
    """As the macro `entity_id` makes it in the marts."""
    return "alert_" + hashlib.sha256(f"{rule_code}|{subject}".encode()).hexdigest()[:16]


@cache
def rules() -> tuple[Mapping[str, str], ...]:
    """The dated rows of the alert rules; the marts read the same file as a seed."""
    with RULES.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def rule(rule_code: str, day: date) -> Mapping[str, str]:
    """The version of a rule in force on a day; raises BrainError where there is none."""
    for row in rules():
        if row["rule_code"] == rule_code and row["valid_from"] <= day.isoformat() < (row["valid_to"] or "9999"):
            return row
    raise BrainError(f"no version of alert rule {rule_code} holds on {day}", f"add one to {RULES.name}")
