"""Every night: the whole ledger, every byte in landing, raw against landing. Any difference fails the run, loudly."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task

from brain.settings import Settings
from brain.tasks import DEFAULT_ARGS, TIMEZONE, deadline, final_errors

with DAG(
    dag_id="verify",
    description="prove that nothing stored has changed",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("30 1 * * *", timezone=TIMEZONE, run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    deadline=deadline("verify", 10),
    tags=["verify"],
) as dag:

    @task(execution_timeout=timedelta(hours=8))
    def verify() -> dict[str, Any]:
        from brain.errors import IntegrityError
        from warehouse.verify import verify as verify_all

        result = verify_all(Settings.from_env())
        problems = result["problems"]
        for problem in problems:
            print(f"PROBLEM {problem['kind']}: {problem['where']}")
        with final_errors():
            if problems:
                first = problems[0]
                raise IntegrityError(
                    f"{len(problems)} problems, the first: {first['kind']} at {first['where']}",
                    "the log of this task lists them all; run `brain verify` after mending",
                )
        return {k: result[k] for k in ("entries", "payloads", "records")}

    verify()
