"""What every DAG task has in common: retries, which errors are worth one, and the message when all are used up.

Imported by the files in `dags/`, which Airflow reads again and again: nothing heavy at the top.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from brain.errors import BrainError, ContractError, FetchError, LockedError, PayloadError
from brain.settings import Settings
from ingest.contract import SUFFIX, Source, load_source, source_files

log = logging.getLogger(__name__)

TIMEZONE = "Asia/Shanghai"
POOLS = {
    "ingest": (2, "sources fetched at the same time"),
    "warehouse": (1, "DuckDB has one writer: build, check and publish take turns"),
}
PASSING = (FetchError, PayloadError, LockedError)
"""Errors that may be gone at the next try. Of every other BrainError somebody has to take notice."""


def profile_sources(settings: Settings, only: str | None = None) -> tuple[list[Source], dict[str, ContractError]]:
    """The sources of the profile, and by name those whose file cannot be read. `only`: read no other file than its."""
    sources, broken = [], {}
    for path in source_files(settings):
        name = path.name.removesuffix(SUFFIX)
        if only not in (None, name):
            continue
        try:
            source = load_source(path)
        except ContractError as e:
            broken[name] = e
        else:
            if settings.profile in source.profiles:
                sources.append(source)
    return sources, broken


@contextmanager
def final_errors() -> Iterator[None]:
    """Turn an error that no retry mends into a failure at once; Airflow tries again after the others."""
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield
    except PASSING:
        raise
    except BrainError as e:
        raise AirflowFailException(str(e)) from e


def committed_and_failed(
    settings: Settings, name: str, full: bool, since: date | None, *, is_last_try: bool
) -> dict[str, list[Any]]:
    """Ingest a source; its batches as figures, and why some of its deliveries failed where others were committed.

    A task that fails tells nobody what it committed, so when no further try can help it must not fail: the gate after
    it does. Raises BrainError where nothing was committed or another try may help.
    """
    from ingest.run import ingest_source

    try:
        batches, errors = ingest_source(settings, name, full=full, since=since, progress=print), []
    except BrainError as e:
        if not e.batches or (isinstance(e, PASSING) and not is_last_try):
            raise
        batches, errors = list(e.batches), [str(e)]
    return {"batches": [b.json() for b in batches], "errors": errors}


def failed_prefix(dag_id: str, task_id: str) -> str:
    """How the line begins with which a task that failed tells why, in its log and in the message."""
    return f"{dag_id}.{task_id} failed: "


def report_try(context: Mapping[str, Any]) -> str:
    """Say in the log why a try failed, in one line; returns the reason.

    Only our own messages are told, which never hold personal values; of any other error its type.
    """
    instance, error = context["ti"], context.get("exception")
    ours = error if isinstance(error, BrainError) else getattr(error, "__cause__", None)
    reason = str(ours) if isinstance(ours, BrainError) else type(error).__name__
    log.error("%s%s", failed_prefix(instance.dag_id, instance.task_id), reason)
    return reason


def report_failure(context: Mapping[str, Any]) -> None:
    """A task has failed for good: an alert, told at once to the channels that are set."""
    from brain.alerts.notifier import AlertNotifier

    AlertNotifier("task_failed", "open").notify(context)


def report_success(context: Mapping[str, Any]) -> None:
    """A task has done its work: the end of what was told about it."""
    from brain.alerts.notifier import AlertNotifier

    AlertNotifier("task_failed", "over").notify(context)


def deadline(dag_id: str, hours: float) -> Any:
    """An alert about a run that is still at work this long after it was queued."""
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference

    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=AsyncCallback("brain.alerts.notifier.deadline_missed", {"dag_id": dag_id, "hours": hours}),
    )


DEFAULT_ARGS: dict[str, Any] = {
    "owner": "science-brain",
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "execution_timeout": timedelta(hours=2),
    "on_retry_callback": report_try,
    "on_failure_callback": report_failure,
    "on_success_callback": report_success,
}
