"""Every quarter of an hour: what began, grew worse or ended since the last time is told to every channel, once.

Also tells by the clock which sources are late: a scheduler that missed a schedule tells so as soon as it runs again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task

from brain.settings import Settings
from brain.tasks import DEFAULT_ARGS, TIMEZONE, final_errors

with DAG(
    dag_id="alerts",
    description="tell what began and what ended",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("*/15 * * * *", timezone=TIMEZONE, run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["alerts"],
) as dag:

    @task(execution_timeout=timedelta(minutes=10))
    def tell() -> dict[str, Any]:
        """Returns how many alerts hold, how many events are new, and what became of the messages."""
        from dataclasses import asdict

        from brain.alerts.deliver import tell as tell_alerts

        with final_errors():
            found, events, deliveries = tell_alerts(Settings.from_env())
        for delivery in deliveries:
            print(delivery)
        return {"alerts": len(found.alerts), "events": len(events), "channels": [asdict(d) for d in deliveries]}

    tell()
