"""Which alerts began, grew worse and ended: an append-only record, folded from the journal.

An event is entered before anybody is told, once for all channels. What the marts say is compared with what was entered
last, so a run that finds nothing new enters nothing. Where the release that is served is older than one that was
already compared (a rollback), the marts say nothing new: what the newer one told stays told until a newer one comes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from brain import journal
from brain.alerts.current import Alert, Holding
from brain.errors import LockedError
from brain.settings import Settings

NOT_OF_MARTS = ("source_stale", "disk_low", "task_failed", "deadline_missed")


@dataclass(frozen=True)
class Event:
    """`event`: opened, raised (a worse severity) or ended. `event_id` is the same however often it is told."""

    event_id: str
    event: str
    alert: Alert
    noted_at: str


@dataclass
class Known:
    """The fold of the record. `episodes`: how often each alert has begun."""

    open: dict[str, Alert] = field(default_factory=dict)
    episodes: dict[str, int] = field(default_factory=dict)
    newest_release_at: str = ""
    events: list[Event] = field(default_factory=list)


@contextmanager
def lock(settings: Settings, wait_seconds: float = 0) -> Iterator[None]:
    """One teller at a time; raises LockedError while another is at work. The kernel frees it when the process ends."""
    import fcntl

    settings.journal.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    with (settings.journal / "alerts.lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LockedError("another run tells the alerts", "wait for it") from None
                time.sleep(0.2)
        yield


def known(settings: Settings) -> Known:
    """What was entered so far."""
    found = Known()
    seen: set[str] = set()
    for row in journal.read(settings, "alerts"):
        if row["event_id"] in seen:  # a crash between two runs may enter an event again: the first counts
            continue
        seen.add(row["event_id"])
        alert = Alert.from_json(row["alert"])
        if row["event"] == "ended":
            found.open.pop(alert.alert_id, None)
        else:
            if row["event"] == "opened":
                found.episodes[alert.alert_id] = found.episodes.get(alert.alert_id, 0) + 1
            found.open[alert.alert_id] = alert
        found.newest_release_at = max(found.newest_release_at, row["release_at"] or "")
        found.events.append(Event(row["event_id"], row["event"], alert, row["noted_at"]))
    return found


def enter(settings: Settings, now: Holding) -> list[Event]:
    """Compare what holds with what was entered, and enter the difference. The caller holds `lock`."""
    before = known(settings)
    holds = {a.alert_id: a for a in now.alerts}
    of_release = {a.alert_id for a in now.alerts if _is_of_release(a)}
    # no release at all (never built, or its link is gone) is no news about the world either
    is_older = now.release_at < before.newest_release_at or not now.release_at
    rows: list[dict[str, Any]] = []
    for key, alert in holds.items():
        if is_older and key in of_release:
            continue
        told = before.open.get(key)
        if told is None:
            rows.append(_row("opened", alert, before.episodes.get(key, 0) + 1, now))
        elif alert.severity_order > told.severity_order:
            rows.append(_row("raised", alert, before.episodes[key], now))
    for key, alert in before.open.items():
        if key not in holds and not (is_older and _is_of_release(alert)):
            rows.append(_row("ended", alert, before.episodes[key], now))
    journal.append(settings, "alerts", rows)
    entered = {row["event_id"] for row in rows}
    return [e for e in known(settings).events if e.event_id in entered]


def _is_of_release(alert: Alert) -> bool:
    """Whether a mart tells it; the others are told by the clock, the disk and the scheduler."""
    return alert.rule_code not in NOT_OF_MARTS


def _row(event: str, alert: Alert, episode: int, now: Holding) -> dict[str, Any]:
    told = f"{alert.alert_id}|{episode}|{event}" + (f"|{alert.severity}" if event == "raised" else "")
    return {
        "event_id": "event_" + hashlib.sha256(told.encode()).hexdigest()[:24],
        "event": event,
        "alert_id": alert.alert_id,
        "audience": alert.audience,
        "alert": alert.kept(),
        "release": now.release,
        "release_at": now.release_at,
    }
