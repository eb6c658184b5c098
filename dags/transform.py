"""Raw → marts → release, whenever a source has committed something: build → check → publish.

Sources finish one by one, and each event queues a run. So the first task waits until no source is at work, then skips
when a build has already seen every batch: many events make one build.
"""

from __future__ import annotations

import time
from typing import Any

from airflow.sdk import DAG, Asset, AssetAlias, AssetAny, Param, get_current_context, task

from brain.settings import Settings
from brain.tasks import DEFAULT_ARGS, deadline, final_errors, profile_sources

MODELS = AssetAlias("dbt_models", group="warehouse")
QUIET_SECONDS = 600
"""A source at work is waited for this long; after that its batch goes into the next build."""


SOURCES = [source.name for source in profile_sources(Settings.from_env())[0]]

with DAG(
    dag_id="transform",
    description="build the marts, check them, publish them as a release",
    doc_md=__doc__,
    schedule=AssetAny(*(Asset(name=f"raw_{s}", uri=f"x-brain://raw/{s}", group="raw") for s in SOURCES)),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    deadline=deadline("transform", 6),
    tags=["transform", "dbt"],
    params={
        "force": Param(False, type="boolean", description="Build even when no batch is newer than the last build.")
    },
) as dag:

    @task
    def new_batches(params: dict[str, Any]) -> int:
        """Wait for sources at work; skip when the last build has seen every batch. Returns the ledger's size."""
        from airflow.sdk.exceptions import AirflowSkipException

        from ingest.ledger import Ledger
        from warehouse.state import read_build

        instance = get_current_context()["ti"]
        deadline = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < deadline:
            busy = [s for s in SOURCES if instance.get_dr_count(f"ingest_{s}", states=["queued", "running"])]
            if not busy:
                break
            print(f"waiting for {', '.join(busy)}")
            time.sleep(5)
        settings = Settings.from_env()
        head = Ledger(settings).head()
        size = head.size if head else 0
        built = read_build(settings)
        seen = built.ledger_size if built else -1
        if size <= seen and not params["force"]:
            raise AirflowSkipException(f"the last build has seen all {size} ledger entries")
        print(f"{size} ledger entries, the last build saw {max(seen, 0)}")
        return size

    @task(pool="warehouse", outlets=[MODELS])
    def build(*, outlet_events: Any) -> list[dict[str, Any]]:
        """dbt over the committed batches. Every model becomes an asset event with status, rows and seconds."""
        from warehouse.build import build as build_warehouse

        with final_errors():
            models = build_warehouse(Settings.from_env(), progress=print)
        runs = [{"name": m.name, "status": m.status, "rows": m.rows, "seconds": round(m.seconds, 3)} for m in models]
        for run in runs:
            model = Asset(name=run["name"], uri=f"x-brain://warehouse/{run['name']}", group="warehouse")
            outlet_events[MODELS].add(model, extra={k: run[k] for k in ("status", "rows", "seconds")})
        return runs

    @task(pool="warehouse")
    def check() -> dict[str, int]:
        """The release gate: a failed check holds the release, the last one keeps serving."""
        from brain.errors import HeldError
        from expectations.release import check_release

        with final_errors():
            checks = check_release(Settings.from_env(), progress=print)
            closed = [f"{c.suite} {c.name} {c.column or ''}".rstrip() for c in checks if c.holds]
            if closed:
                more = f" and {len(closed) - 5} more" if len(closed) > 5 else ""
                raise HeldError(
                    f"the release gate holds this build: {'; '.join(closed[:5])}{more}",
                    "the report is reports/checks.html below BRAIN_HOME; the last release keeps serving",
                )
        return {"checks": len(checks), "warnings": sum(not c.success for c in checks)}

    @task(pool="warehouse")
    def publish() -> dict[str, str]:
        """Make the checked build the current release."""
        from warehouse.publish import publish as publish_release

        with final_errors():
            release = publish_release(Settings.from_env(), progress=print)
        return {"release": release.id, "content_hash": release.content_hash}

    new_batches() >> build() >> check() >> publish()
