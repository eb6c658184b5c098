"""Tell every channel each event once.

What a channel is told is entered in the journal before (`begun`) and after (`posted` or `failed`). A message that was
begun and not posted goes out again whole, under the same id, before anything new: a receiver that knows the id drops
the second copy. A channel that is new starts with the alerts that are open at that moment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from brain import journal
from brain.alerts import channels as ways
from brain.alerts.channels import Channel, Message, PostError
from brain.alerts.current import Holding, holding
from brain.alerts.record import Event, enter, known, lock
from brain.settings import Settings

MOST_MESSAGES = 15
"""Messages of one channel in one run: 企业微信 and 钉钉 take 20 in a minute. The next run takes the rest."""


@dataclass(frozen=True)
class Delivery:
    """What a run told one channel. `failed`: messages that were not taken, with the reason of the last."""

    channel: str
    posted: int
    failed: int
    pending: int
    reason: str | None


@dataclass
class _Told:
    """The fold of what one channel was told."""

    joined_at: str | None = None
    posted: set[str] = field(default_factory=set)
    begun: dict[str, list[str]] = field(default_factory=dict)


def tell(
    settings: Settings,
    now: datetime | None = None,
    pause: Callable[[float], None] = time.sleep,
    wait_seconds: float = 0,
) -> tuple[Holding, list[Event], list[Delivery]]:
    """Compare, enter what is new, tell every channel. Returns what holds, the new events, and what became of the posts.

    Raises LockedError while another run tells, BrainError where a channel is not set rightly; a receiver that is down
    is no error here but a `failed` delivery, which the next run takes up again.
    """
    with lock(settings, wait_seconds):
        found = holding(settings, now or datetime.now(UTC))
        events = enter(settings, found)
        return found, events, [_tell(settings, c, pause) for c in ways.channels(settings)]


def _tell(settings: Settings, channel: Channel, pause: Callable[[float], None]) -> Delivery:
    told = _told(settings, channel.name)
    record = known(settings)
    if told.joined_at is None:
        _note(settings, channel.name, "", [], "joined")
        told = _told(settings, channel.name)
    due = _due(record.events, set(record.open), channel, told)
    again = [m for m in (_again(settings, channel, told, i, due) for i in told.begun) if m]
    in_those = {e.event_id for m in again for e in m.events}
    worst: dict[str, int] = {}
    for e in due:
        worst[e.alert.alert_id] = max(worst.get(e.alert.alert_id, 0), e.alert.severity_order)
    # the worst first; what happened to one alert stays in its order
    fresh = sorted((e for e in due if e.event_id not in in_those), key=lambda e: -worst[e.alert.alert_id])
    messages = [*again, *ways.pack(channel.name, fresh, settings.profile_label)]
    posted = failed = 0
    reason = None
    for message in messages[:MOST_MESSAGES]:
        ids = [e.event_id for e in message.events]
        _note(settings, channel.name, message.message_id, ids, "begun")
        try:
            _post(channel, message, pause)
        except PostError as e:
            reason = str(e)
            failed += 1
            _note(settings, channel.name, message.message_id, ids, "failed", reason)
            if e.is_passing or e.is_unknown:  # it is down: the others would only wait for the same
                break
        else:
            posted += 1
            _note(settings, channel.name, message.message_id, ids, "posted")
    return Delivery(channel.name, posted, failed, len(messages) - posted, reason)


def _due(events: Sequence[Event], open_now: set[str], channel: Channel, told: _Told) -> list[Event]:
    """Events that the channel has to be told, oldest first; of the time before it joined only what was open then."""
    last: dict[str, str] = {}
    for e in events:
        if e.noted_at <= (told.joined_at or ""):
            last[e.alert.alert_id] = e.event_id if e.event != "ended" else ""
    return [
        e
        for e in events
        if e.alert.severity_order >= channel.least.get(e.alert.audience, 9)
        and e.event_id not in told.posted
        and (e.noted_at > (told.joined_at or "") or last[e.alert.alert_id] == e.event_id)
    ]


def _again(settings: Settings, channel: Channel, told: _Told, message_id: str, due: Sequence[Event]) -> Message | None:
    """A message that was begun and not posted, whole."""
    by_id = {e.event_id: e for e in due}
    events = [by_id[i] for i in told.begun[message_id] if i in by_id]
    return Message(message_id, tuple(events), settings.profile_label) if events else None


def _post(channel: Channel, message: Message, pause: Callable[[float], None]) -> None:
    """With a few tries where the trouble may pass. What may have arrived is left to the next run."""
    for attempt in range(1, ways.TRIES + 1):
        try:
            return channel.post(message)
        except PostError as e:
            if not e.is_passing or attempt == ways.TRIES:
                raise
            pause(2.0**attempt)


def _told(settings: Settings, channel: str) -> _Told:
    found = _Told()
    for row in journal.read(settings, "posts"):
        if row["channel"] != channel:
            continue
        ids = json.loads(row["event_ids"])
        if row["outcome"] == "joined":
            found.joined_at = found.joined_at or row["posted_at"]
        elif row["outcome"] == "posted":
            found.posted.update(ids)
            found.begun.pop(row["message_id"], None)
        else:
            found.begun[row["message_id"]] = ids
    return found


def _note(
    settings: Settings, channel: str, message_id: str, ids: list[str], outcome: str, reason: str | None = None
) -> None:
    row: dict[str, Any] = {
        "channel": channel,
        "message_id": message_id,
        "event_ids": json.dumps(ids),
        "outcome": outcome,
        "reason": reason,
    }
    journal.append(settings, "posts", [row])
