"""The files in dags/: they load, they are cheap to read, and they say what the contracts say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from brain.errors import BrainError, ContractError, FetchError, HeldError, LockedError, PayloadError
from brain.settings import ROOT, Settings
from brain.tasks import POOLS, committed_and_failed, final_errors, report_failure
from ingest.contract import load_sources

# Airflow reads its configuration when it is imported, so DAGs are read in a process of their own, as Airflow does
READ = """
import json, sys
sys.path.append(sys.argv[1])  # as the processor does
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
heavy = [m for m in ("dbt", "great_expectations", "pandas", "pyarrow", "requests") if m in sys.modules]
def asset_uris(dag):
    return sorted(a.uri for a in dag.timetable.asset_condition.objects) if dag.dag_id == "transform" else []
dags = {
    d.dag_id: {
        "doc": d.doc_md or "", "tags": sorted(d.tags), "max_active_runs": d.max_active_runs, "catchup": d.catchup,
        "params": sorted(d.params), "schedule": getattr(d.timetable, "expression", None),
        "timezone": str(getattr(d.timetable, "timezone", "")),
        "assets": asset_uris(d),
        "tasks": {
            t.task_id: {
                "pool": t.pool, "retries": t.retries, "timeout": t.execution_timeout.total_seconds(),
                "backoff": bool(t.retry_exponential_backoff), "outlets": [getattr(o, "uri", o.name) for o in t.outlets],
                "downstream": sorted(t.downstream_task_ids), "callbacks": len(t.on_failure_callback),
            } for t in d.tasks
        },
    } for d in bag.dags.values()
}
sys.stdout.write(json.dumps({"errors": bag.import_errors, "heavy": heavy, "dags": dags}))
"""


def read_dags(root: Path, settings: Settings) -> dict[str, Any]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")} | settings.environ()
    env |= {"AIRFLOW_HOME": str(root / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    env |= {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    command = [sys.executable, "-c", READ, str(ROOT / "dags")]
    # from another folder, as `airflow` runs: dags/ingest.py must not hide the package of that name
    done = subprocess.run(command, env=env, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def settings_of(root: Path, profile: str, sources: Path = ROOT / "ingest/sources") -> Settings:
    env = {"BRAIN_HOME": f"{root}/var", "BRAIN_SECRETS": f"{root}/secrets", "BRAIN_PROFILE": profile}
    return Settings.from_env(env | {"BRAIN_SOURCES": str(sources)})


@pytest.fixture(scope="module", params=["open", "demo"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, dict[str, Any]]:
    root = tmp_path_factory.mktemp("dags")
    settings = settings_of(root, request.param)
    return settings, read_dags(root, settings)


def test_every_file_loads_without_anything_heavy(loaded: tuple[Settings, dict[str, Any]]) -> None:
    _, read = loaded
    assert read["errors"] == {}
    assert read["heavy"] == []


def test_one_dag_per_source_of_the_profile(loaded: tuple[Settings, dict[str, Any]]) -> None:
    settings, read = loaded
    sources = load_sources(settings)
    assert sources
    assert set(read["dags"]) == {"transform", "verify", *(f"ingest_{name}" for name in sources)}


def test_an_ingest_dag_says_what_its_contract_says(loaded: tuple[Settings, dict[str, Any]]) -> None:
    settings, read = loaded
    for name, source in load_sources(settings).items():
        dag = read["dags"][f"ingest_{name}"]
        assert source.title in dag["doc"]
        assert all(r.label in dag["doc"] for r in source.records)
        assert {"ingest", *(r.class_ for r in source.records)} == set(dag["tags"])
        assert dag["schedule"] == source.schedule
        assert dag["timezone"] == ("Asia/Shanghai" if source.schedule else "")
        assert not dag["catchup"]
        assert dag["max_active_runs"] == 1
        assert dag["params"] == ["full", "since"]
        assert dag["tasks"]["ingest"]["pool"] == "ingest"
        assert dag["tasks"]["ingest"]["outlets"] == [f"x-brain://raw/{name}"]


def test_transform_follows_every_source_and_takes_turns_at_the_warehouse(
    loaded: tuple[Settings, dict[str, Any]],
) -> None:
    settings, read = loaded
    dag = read["dags"]["transform"]
    assert dag["assets"] == sorted(f"x-brain://raw/{name}" for name in load_sources(settings))
    assert dag["max_active_runs"] == 1
    order = {t: d["downstream"] for t, d in dag["tasks"].items()}
    assert order == {"new_batches": ["build"], "build": ["check"], "check": ["publish"], "publish": []}
    assert {dag["tasks"][t]["pool"] for t in ("build", "check", "publish")} == {"warehouse"}
    assert POOLS["warehouse"][0] == 1
    assert dag["tasks"]["build"]["outlets"] == ["dbt_models"]


def test_every_task_has_retries_timeout_and_failure_callback(loaded: tuple[Settings, dict[str, Any]]) -> None:
    _, read = loaded
    for dag in read["dags"].values():
        for task in dag["tasks"].values():
            assert task["retries"] == 2
            assert task["backoff"]
            assert timedelta(0) < timedelta(seconds=task["timeout"]) <= timedelta(hours=8)
            assert task["callbacks"] == 1
            assert task["pool"] in {"default_pool", *POOLS}


def test_a_broken_source_file_takes_no_other_along(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    good = ROOT / "ingest/sources/ror_laboratories.odcs.yaml"
    (sources / good.name).write_bytes(good.read_bytes())
    (sources / "typo.odcs.yaml").write_text(good.read_text().replace("id: ror_laboratories", "id: typo\nserverz: []"))
    read = read_dags(tmp_path, settings_of(tmp_path, "open", sources))
    assert read["errors"] == {}
    assert set(read["dags"]) == {"ingest_ror_laboratories", "ingest_typo", "transform", "verify"}
    assert "serverz" in read["dags"]["ingest_typo"]["doc"]
    assert read["dags"]["ingest_typo"]["tags"] == ["broken", "ingest"]
    assert read["dags"]["transform"]["assets"] == ["x-brain://raw/ror_laboratories"]


@pytest.mark.parametrize("error", [ContractError("typo"), HeldError("held"), BrainError("a model failed")])
def test_an_error_that_no_retry_mends_fails_at_once(error: BrainError) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=str(error)), final_errors():
        raise error


@pytest.mark.parametrize("error", [FetchError("down"), LockedError("locked"), OSError("disk")])
def test_an_error_that_may_pass_is_left_to_the_retries(error: Exception) -> None:
    with pytest.raises(type(error)), final_errors():
        raise error


@pytest.mark.usefixtures("open_gate")
def test_what_was_committed_beside_a_failure_is_told_when_no_try_is_left(house) -> None:
    record = [house.record(n, [house.field("id", key=1)]) for n in ("a", "b")]
    servers = [house.server(f"{n}_*.csv", name=n, records=[n]) for n in ("a", "b")]
    house.contract(servers=servers, records=record)
    house.deliver("a_2026-01-01.csv", b"id\n\xff\n")
    with pytest.raises(PayloadError):  # nothing was committed: the task fails also at its last try
        committed_and_failed(house.settings, "toy", False, None, is_last_try=True)
    house.deliver("b_2026-01-01.csv", "id\n1\n")
    with pytest.raises(PayloadError):
        committed_and_failed(house.settings, "toy", False, None, is_last_try=False)
    found = committed_and_failed(house.settings, "toy", False, None, is_last_try=True)
    assert [b["record"] for b in found["batches"]] == ["b"]
    assert len(found["errors"]) == 1 and "line 2" in found["errors"][0]


class Instance:
    dag_id, task_id, run_id = "ingest_x", "ingest", "manual__1"


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], dict[str, str]]:
    """Reports a failure to a webhook over real HTTP and returns what arrived there."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    bodies: list[dict[str, str]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    def report(error: Exception) -> dict[str, str]:
        with HTTPServer(("127.0.0.1", 0), Webhook) as server:
            threading.Thread(target=server.handle_request).start()
            monkeypatch.setenv("BRAIN_WEBHOOK", f"http://127.0.0.1:{server.server_port}/hook")
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            report_failure({"ti": Instance(), "exception": error})
        return bodies[0]

    return report


def test_the_webhook_is_told_what_to_do(posted: Callable[[Exception], dict[str, str]]) -> None:
    body = posted(FetchError("source x does not answer", "look at its server"))
    assert body["text"] == "ingest_x.ingest failed: source x does not answer (look at its server)"
    assert (body["dag_id"], body["task_id"], body["run_id"]) == ("ingest_x", "ingest", "manual__1")


def test_the_webhook_learns_no_value_of_an_unexpected_error(posted: Callable[[Exception], dict[str, str]]) -> None:
    assert "610103199001011234" not in json.dumps(posted(ValueError("bad id 610103199001011234")))
