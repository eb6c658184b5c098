"""One DAG per source file: fetch → land → read → check → commit, on the schedule that its contract states.

A new source needs no edit here. A source file that breaks the standard gets a DAG too, whose page and only task say
what is wrong, so that one bad file takes no other source along.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param, get_parsing_context, task

from brain.errors import BrainError, ContractError, HeldError
from brain.settings import Settings
from brain.tasks import DEFAULT_ARGS, TIMEZONE, committed_and_failed, deadline, final_errors, profile_sources
from ingest.contract import Source


def raw_asset(source: str) -> Asset:
    """The asset that stands for the committed batches of a source."""
    return Asset(name=f"raw_{source}", uri=f"x-brain://raw/{source}", group="raw")


def page(source: Source) -> str:
    """What Airflow shows about a source: its contract in short."""
    rows = "\n".join(
        f"| `{r.name}` | {r.label} | {r.class_} | {r.delivery} | {', '.join(r.key) or 'its hash'} | {len(r.fields)} |"
        for r in source.records
    )
    return (
        f"### {source.title}\n\n{source.purpose}\n\n"
        f"| record | label | class | delivered as | key | fields |\n|---|---|---|---|---|---|\n{rows}\n\n"
        f"Stale after {source.freshness_hours or '-'} h without a delivery attempt. Contract {source.version}, "
        f"`{source.path.name}`.\n\n{source.limitations}"
    )


def ingest_dag(source: Source) -> DAG:
    """The DAG of one source."""
    with DAG(
        dag_id=f"ingest_{source.name}",
        dag_display_name=f"ingest_{source.name} · {source.title}",
        description=source.title,
        doc_md=page(source),
        # at the next time of the schedule, never at once for one that went by
        schedule=CronTriggerTimetable(source.schedule, timezone=TIMEZONE, run_immediately=timedelta(0))
        if source.schedule
        else None,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        deadline=deadline(f"ingest_{source.name}", 6),
        tags=["ingest", *sorted({r.class_ for r in source.records})],
        params={
            "full": Param(False, type="boolean", description="Fetch everything again, not only what changed."),
            "since": Param(
                None,
                type=["null", "string"],
                format="date",
                description="Fetch what changed since this date (yyyy-mm-dd).",
            ),
        },
    ) as dag:

        @task(pool="ingest", outlets=[raw_asset(source.name)], multiple_outputs=False)
        def ingest(params: dict[str, Any], ti: Any = None) -> dict[str, list[Any]]:
            """Returns one row of figures per batch, and what failed beside them."""
            since = date.fromisoformat(params["since"]) if params["since"] else None
            with final_errors():
                return committed_and_failed(
                    Settings.from_env(), source.name, params["full"], since, is_last_try=ti.try_number > ti.max_tries
                )

        @task
        def arrival_gate(found: dict[str, list[Any]]) -> None:
            """Fails when a batch is held or a delivery failed. A task of its own: the rest goes on to the marts."""
            held = [
                f"batch {b['seq']} ({b['record']}: {', '.join(b['reasons'])})" for b in found["batches"] if b["held"]
            ]
            with final_errors():
                if found["errors"]:
                    raise BrainError("; ".join(found["errors"]), "what else came is committed and goes on to the marts")
                if held:
                    raise HeldError(
                        f"{source.name}: the arrival gate holds {'; '.join(held)}",
                        "the failed checks stand on the audit dashboard; the last good state keeps serving",
                    )

        arrival_gate(ingest())
    return dag


def broken_dag(name: str, error: ContractError) -> DAG:
    """Stands in for a source whose file cannot be read."""
    message = str(error)
    with DAG(
        dag_id=f"ingest_{name}",
        description="broken source file",
        doc_md=f"### The source file of {name} is broken\n\n```\n{message}\n```",
        schedule=None,
        default_args=DEFAULT_ARGS,
        tags=["ingest", "broken"],
    ) as dag:

        @task(pool="ingest")
        def ingest() -> None:
            with final_errors():
                raise ContractError(message)

        ingest()
    return dag


# a task needs its own DAG only, and Airflow says which
_wanted = get_parsing_context().dag_id
_sources, _broken = profile_sources(Settings.from_env(), _wanted.removeprefix("ingest_") if _wanted else None)
for _dag in [*map(ingest_dag, _sources), *(broken_dag(name, error) for name, error in _broken.items())]:
    globals()[_dag.dag_id] = _dag
