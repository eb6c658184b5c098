"""Airflow's way in: a notifier for what happens to tasks, and a callback for runs that pass their deadline.

What the scheduler reports is entered as an incident first, so a receiver that is down loses nothing: the DAG `alerts`
takes it up again. Importable by every component of Airflow, for a deadline is told by the triggerer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseNotifier

from brain import journal
from brain.errors import BrainError
from brain.settings import Settings

log = logging.getLogger(__name__)
WAIT_SECONDS = 30
"""How long a callback waits while another run tells."""


class AlertNotifier(BaseNotifier):
    """Reports an incident (`state` open) or its end (over) and tells it at once.

    `rule_code`: task_failed or deadline_missed. The subject is `<dag>.<task>`, or the DAG for a deadline.
    """

    template_fields = ()

    def __init__(self, rule_code: str = "task_failed", state: str = "open"):
        super().__init__()
        self.rule_code = rule_code
        self.state = state

    def notify(self, context: Mapping[str, Any]) -> None:
        """A task ended: enter what that means."""
        from brain.tasks import report_try

        instance = context["ti"]
        subject = f"{instance.dag_id}.{instance.task_id}"
        if self.state == "open":
            report(Settings.from_env(), self.rule_code, subject, "open", f"{report_try(context)}（{instance.run_id}）")
        else:
            report(Settings.from_env(), self.rule_code, subject, "over")
            report(Settings.from_env(), "deadline_missed", instance.dag_id, "over")


async def deadline_missed(dag_id: str, hours: float, context: Mapping[str, Any] | None = None) -> None:
    """A run of the DAG is still at work `hours` after it was queued. Runs in the triggerer, so it must not block."""
    run_id = ((context or {}).get("dag_run") or {}).get("dag_run_id", "")
    text = f"运行自排队起已超过 {hours:g} 小时" + (f"（{run_id}）" if run_id else "")
    await asyncio.to_thread(report, Settings.from_env(), "deadline_missed", dag_id, "open", text)


def report(settings: Settings, rule_code: str, subject: str, state: str, reason: str | None = None) -> None:
    """Enter an incident or its end, and tell it. `reason` holds no personal value.

    The end of what was never open is not entered: every task that succeeds reports one. Trouble with a receiver is
    logged and left to the next run.
    """
    from brain.alerts import deliver
    from brain.alerts.current import incidents

    rule_open = {(a.rule_code, a.subject) for a in incidents(settings)}
    if state == "over" and (rule_code, subject) not in rule_open:
        return
    row = {"rule_code": rule_code, "subject": subject, "state": state, "reason": reason}
    journal.append(settings, "incidents", [row])
    try:
        for delivery in deliver.tell(settings, wait_seconds=WAIT_SECONDS)[2]:
            if delivery.failed:
                log.error("channel %s could not be told: %s", delivery.channel, delivery.reason)
    except BrainError as e:
        log.error("the alert is entered and will be told by the next run: %s", e)
