"""The journal: what the checks saw and what the models did, run by run, as append-only JSON lines.

One file per kind and UTC month, `home/journal/<kind>/<yyyy-mm>.jsonl`. An append is one write under a file lock,
followed by fsync; a line torn by a crash is closed by the next append and skipped by readers. Rows hold figures and
names of fields, never a value of a personal field: they are shown in reports and on dashboards.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from brain.settings import Settings

# Columns and their DuckDB types; the views raw.journal__checks and raw.journal__models have exactly these.
COLUMNS: dict[str, dict[str, str]] = {
    "checks": {
        "run_id": "VARCHAR",
        "gate": "VARCHAR",
        "suite": "VARCHAR",
        "source": "VARCHAR",
        "record": "VARCHAR",
        "batch": "BIGINT",
        "check_name": "VARCHAR",
        "column_name": "VARCHAR",
        "success": "BOOLEAN",
        "observed": "VARCHAR",
        "expected": "VARCHAR",
        "checked_at": "TIMESTAMP",
        "severity": "VARCHAR",
    },
    "models": {
        "run_id": "VARCHAR",
        "model": "VARCHAR",
        "status": "VARCHAR",
        "row_count": "BIGINT",
        "seconds": "DOUBLE",
        "built_at": "TIMESTAMP",
    },
    "access": {
        "run_id": "VARCHAR",
        "who": "VARCHAR",
        "action": "VARCHAR",
        "ref": "VARCHAR",
        "accessed_at": "TIMESTAMP",
    },
    # What happened to an alert (opened, raised, ended), once for everybody; brain.alerts reads it back.
    "alerts": {
        "run_id": "VARCHAR",
        "event_id": "VARCHAR",
        "event": "VARCHAR",
        "alert_id": "VARCHAR",
        "audience": "VARCHAR",
        "alert": "VARCHAR",
        "release": "VARCHAR",
        "release_at": "VARCHAR",
        "noted_at": "TIMESTAMP",
    },
    # What each channel was told: joined, begun, posted, failed.
    "posts": {
        "run_id": "VARCHAR",
        "channel": "VARCHAR",
        "message_id": "VARCHAR",
        "event_ids": "VARCHAR",
        "outcome": "VARCHAR",
        "reason": "VARCHAR",
        "posted_at": "TIMESTAMP",
    },
    # What the scheduler reports: a task that failed or a run past its deadline (open), and its end (over).
    "incidents": {
        "run_id": "VARCHAR",
        "rule_code": "VARCHAR",
        "subject": "VARCHAR",
        "state": "VARCHAR",
        "reason": "VARCHAR",
        "reported_at": "TIMESTAMP",
    },
}
_TIME = {
    "checks": "checked_at",
    "models": "built_at",
    "access": "accessed_at",
    "alerts": "noted_at",
    "posts": "posted_at",
    "incidents": "reported_at",
}


@cache
def _own_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}"


def run_id() -> str:
    """Id of this run: `BRAIN_RUN_ID`, else Airflow's run id, else one made up once per process."""
    return os.environ.get("BRAIN_RUN_ID") or os.environ.get("AIRFLOW_CTX_DAG_RUN_ID") or _own_run_id()


def append(settings: Settings, kind: str, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Append rows; `run_id` and the time column are filled in where a row has none. Returns the file written to.

    Raises ValueError where a row has a column the kind does not know: a silently dropped figure is a lost one.
    """
    columns = COLUMNS[kind]
    now = datetime.now(UTC)
    lines = []
    for row in rows:
        unknown = set(row) - set(columns)
        if unknown:
            raise ValueError(f"journal {kind} has no column {', '.join(sorted(unknown))}")
        full = {name: row.get(name) for name in columns}
        full["run_id"] = full["run_id"] or run_id()
        full[_TIME[kind]] = _utc(full[_TIME[kind]] or now)
        lines.append(json.dumps(full, ensure_ascii=False))
    path = ensure(settings, kind)
    if lines:
        with path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            torn = False
            if end:
                file.seek(end - 1)
                torn = file.read(1) != b"\n"
            file.write((b"\n" if torn else b"") + "\n".join(lines).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    return path


def ensure(settings: Settings, kind: str) -> Path:
    """Make sure that this month's file exists (an empty one reads as no rows), and return it."""
    path = settings.journal / kind / f"{datetime.now(UTC):%Y-%m}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return path


def read(settings: Settings, kind: str) -> Iterator[dict[str, Any]]:
    """Every row, oldest first; torn lines are skipped."""
    for path in sorted((settings.journal / kind).glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    continue
                yield row


def _utc(value: datetime | str) -> str:
    """ISO text without offset: DuckDB reads it as a TIMESTAMP, by our rule in UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(timespec="microseconds")
