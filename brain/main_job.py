"""The main job, run through Airflow and watched from the terminal: every source, then build, check, publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from brain.airflow_service import Airflow
from brain.errors import BrainError

DONE = ("success", "failed")
Echo = Callable[[str], None]


def run_sources(airflow: Airflow, sources: Sequence[str], say: Echo) -> list[str]:
    """Trigger these sources and follow them until each has ended; returns the names of those that failed."""
    triggered = {f"ingest_{s}": airflow.trigger(f"ingest_{s}") for s in sources}
    since = datetime.now(UTC) - timedelta(minutes=1)
    say(f"Airflow runs {len(sources)} sources: {', '.join(sources)}")
    follow = _Follower(airflow, say)
    while True:
        runs = {r["dag_id"]: r for r in airflow.runs(triggered, since) if triggered[r["dag_id"]] == r["dag_run_id"]}
        for run in runs.values():
            follow.ended_run(run)
        ended = [r for r in runs.values() if r["state"] in DONE]
        if len(ended) == len(triggered):
            return sorted(r["dag_id"].removeprefix("ingest_") for r in ended if r["state"] == "failed")
        follow.heartbeat(
            f"{len(ended)}/{len(triggered)} sources",
            [r for r in runs.values() if r["state"] == "running"],
        )
        time.sleep(2)


def run_transform(airflow: Airflow, since: datetime, say: Echo, *, trigger: bool) -> None:
    """Follow the transform runs due since then until none is at work and one has ended.

    `trigger`: start one, for there is no new batch whose event does. Raises BrainError if the last of them failed.
    """
    if trigger:
        airflow.trigger("transform", {"force": True})
    say("Airflow builds, checks and publishes")
    follow = _Follower(airflow, say)
    deadline = time.monotonic() + 180
    while True:
        runs = airflow.runs(["transform"], since)
        if not runs and time.monotonic() > deadline:
            raise BrainError(
                f"no transform run began: its scheduler may be down ({airflow.address})", "see `brain status`"
            )
        active = [r for r in runs if r["state"] not in DONE]
        for run in runs:
            follow.ended_tasks(run)
        if runs and not active:
            break
        follow.heartbeat("transform", [r for r in active if r["state"] == "running"])
        time.sleep(2)
    if all(r["state"] == "failed" for r in runs):
        raise BrainError("the transform run failed, so there is no new release", f"its page: {airflow.address}")


class _Follower:
    """Says once what has ended, and every ten seconds what is at work."""

    def __init__(self, airflow: Airflow, say: Echo):
        self.airflow, self.say = airflow, say
        self.told: set[tuple[str, str, str]] = set()
        self.quiet_since = time.monotonic()

    def heartbeat(self, done: str, running: Sequence[dict[str, Any]]) -> None:
        """After ten silent seconds: which tasks of these runs are at work, and which wait for another try."""
        if time.monotonic() - self.quiet_since < 10:
            return
        tasks = [t for r in running for t in self.airflow.tasks(r["dag_id"], r["dag_run_id"])]
        parts = []
        for task in tasks:
            name = task["task_id"] if task["dag_id"] == "transform" else task["dag_id"].removeprefix("ingest_")
            if task["state"] == "running":
                parts.append(f"{name} {_age(task)}")
            elif task["state"] == "up_for_retry":
                parts.append(f"{name} waits for another try")
                if not self._was_told(task["dag_id"], task["dag_run_id"], f"{task['task_id']} {task['try_number']}"):
                    tries = f"{task['try_number']} of {task['max_tries'] + 1}"
                    self.say(f"✗ {name}: try {tries} failed: {self.airflow.reason(task)}")
        self._tell(f"… {done}; at work: {', '.join(parts) or 'the scheduler'}")

    def ended_run(self, run: dict[str, Any]) -> None:
        """Of a source: its figures, or why it failed."""
        name = run["dag_id"].removeprefix("ingest_")
        if run["state"] not in DONE or self._was_told(run["dag_id"], run["dag_run_id"], ""):
            return
        if run["state"] == "failed":
            self._failed(run)
            return
        batches = (self.airflow.result(run["dag_id"], run["dag_run_id"], "ingest") or {}).get("batches", [])
        figures = "; ".join(
            f"{b['record']} {b['received']:,} received, {b['new']:,} new, {b['quarantined']:,} quarantined"
            for b in batches[:4]
        )
        more = f"; {len(batches) - 4} more batches" if len(batches) > 4 else ""
        self._tell(f"✓ {name} ({_age(run)}): {figures or 'nothing delivered'}{more}")

    def ended_tasks(self, run: dict[str, Any]) -> None:
        """Of a transform run: each task that has ended. Skipped tasks (their batches were built already) are silent."""
        tasks = self.airflow.tasks(run["dag_id"], run["dag_run_id"])
        for task in sorted(tasks, key=lambda t: t["end_date"] or ""):
            if task["state"] == "success" and not self._was_told(run["dag_id"], run["dag_run_id"], task["task_id"]):
                self._tell(f"✓ {task['task_id']} ({_age(task)}){self._note(run, task)}")
        if run["state"] == "failed" and not self._was_told(run["dag_id"], run["dag_run_id"], ""):
            self._failed(run)

    def _note(self, run: dict[str, Any], task: dict[str, Any]) -> str:
        value = self.airflow.result(run["dag_id"], run["dag_run_id"], task["task_id"])
        match task["task_id"], value:
            case "build", list():
                return f": {len(value)} models"
            case "check", dict():
                warned = f", {value['warnings']} of them warned" if value["warnings"] else ""
                return f": {value['checks']} checks{warned}"
            case "publish", dict():
                return f": release {value['release']}"
        return ""

    def _failed(self, run: dict[str, Any]) -> None:
        self._tell(f"✗ {run['dag_id']} failed ({_age(run)})")
        for task in self.airflow.tasks(run["dag_id"], run["dag_run_id"]):
            if task["state"] == "failed":
                self.say(f"  {task['task_id']}: {self.airflow.reason(task)}")

    def _was_told(self, *event: str) -> bool:
        known = event in self.told
        self.told.add(event)  # type: ignore[arg-type]
        return known

    def _tell(self, text: str) -> None:
        self.quiet_since = time.monotonic()
        self.say(text)


def _age(thing: dict[str, Any]) -> str:
    """How long a run or task took, or has taken so far."""
    if not thing.get("start_date"):
        return "0 s"
    begun = datetime.fromisoformat(thing["start_date"])
    ended = datetime.fromisoformat(thing["end_date"]) if thing.get("end_date") else datetime.now(UTC)
    return f"{(ended - begun).total_seconds():.0f} s"
