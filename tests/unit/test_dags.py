"""The files in dags/: they load, they are cheap to read, and they say what the contracts say."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from brain import journal
from brain.errors import BrainError, ContractError, FetchError, HeldError, LockedError, PayloadError
from brain.settings import ROOT, Settings
from brain.tasks import POOLS, committed_and_failed, final_errors, report_failure, report_success
from ingest.contract import load_sources
from tests.alerting import receiving

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
        "deadlines": [(a.callback.path, a.callback.kwargs) for a in d.deadline or ()],
        "tasks": {
            t.task_id: {
                "pool": t.pool, "retries": t.retries, "timeout": t.execution_timeout.total_seconds(),
                "backoff": bool(t.retry_exponential_backoff), "outlets": [getattr(o, "uri", o.name) for o in t.outlets],
                "downstream": sorted(t.downstream_task_ids),
                "callbacks": [len(t.on_failure_callback), len(t.on_success_callback)],
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
    assert set(read["dags"]) == {"alerts", "transform", "verify", *(f"ingest_{name}" for name in sources)}


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
            assert task["callbacks"] == [1, 1]
            assert task["pool"] in {"default_pool", *POOLS}


def test_every_run_that_may_hang_has_a_deadline(loaded: tuple[Settings, dict[str, Any]]) -> None:
    _, read = loaded
    for name, dag in read["dags"].items():
        if name == "alerts":  # it would tell of itself; its silence is told by the clock
            continue
        [(path, kwargs)] = dag["deadlines"]
        assert path == "brain.alerts.notifier.deadline_missed"
        assert kwargs["dag_id"] == name and kwargs["hours"] >= 6


def test_a_broken_source_file_takes_no_other_along(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    good = ROOT / "ingest/sources/ror_laboratories.odcs.yaml"
    (sources / good.name).write_bytes(good.read_bytes())
    (sources / "typo.odcs.yaml").write_text(good.read_text().replace("id: ror_laboratories", "id: typo\nserverz: []"))
    read = read_dags(tmp_path, settings_of(tmp_path, "open", sources))
    assert read["errors"] == {}
    assert set(read["dags"]) == {"alerts", "ingest_ror_laboratories", "ingest_typo", "transform", "verify"}
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
def told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Reports the end of a task (None: it did its work) and returns the events that came to the webhook."""
    monkeypatch.setattr("brain.alerts.current.free_share", lambda _: 0.5)
    with receiving() as receiver:
        for name, value in replace(settings, webhook=receiver.url).environ().items():
            monkeypatch.setenv(name, value)

        def report(error: Exception | None) -> list[dict[str, Any]]:
            receiver.posts.clear()
            context = {"ti": Instance(), "exception": error}
            report_failure(context) if error else report_success(context)
            return [e for p in receiver.posts for e in p["body"]["events"]]

        yield report


def test_a_failed_task_is_told_once_with_what_to_do_and_its_end_once(told: Callable[..., list[dict[str, Any]]]) -> None:
    [event] = told(FetchError("source x does not answer", "look at its server"))
    assert event["event"] == "opened"
    assert event["alert"]["title"] == "任务失败：ingest_x.ingest"
    assert event["alert"]["alert_text"] == "source x does not answer (look at its server)（manual__1）"
    assert event["alert"]["owner_kind"] == "engineer" and event["alert"]["next_command"] == "brain status"
    assert told(FetchError("source x does not answer")) == []
    assert [e["event"] for e in told(None)] == ["ended"]
    assert told(None) == []


def test_the_webhook_learns_no_value_of_an_unexpected_error(told: Callable[..., list[dict[str, Any]]]) -> None:
    [event] = told(ValueError("bad id 610103199001011234"))
    assert "ValueError" in event["alert"]["alert_text"]
    assert "610103199001011234" not in json.dumps(event)


def test_a_run_past_its_deadline_is_told_and_its_end_with_the_next_success(
    told: Callable[..., list[dict[str, Any]]], settings: Settings
) -> None:
    from brain.alerts.notifier import deadline_missed

    asyncio.run(deadline_missed("ingest_x", 6, context={"dag_run": {"dag_run_id": "scheduled__1"}}))
    [entered] = [json.loads(r["alert"]) for r in journal.read(settings, "alerts")]
    assert (entered["rule_code"], entered["subject"]) == ("deadline_missed", "ingest_x")
    assert "6 小时（scheduled__1）" in entered["alert_text"]
    [over] = told(None)
    assert (over["event"], over["alert"]["rule_code"]) == ("ended", "deadline_missed")


def test_a_receiver_that_is_down_does_not_fail_the_callback(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The incident is entered; the next run of the DAG `alerts` tells it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}/"
    for name, value in replace(settings, webhook=address).environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("brain.alerts.deliver._post", lambda channel, message, pause: channel.post(message))
    report_failure({"ti": Instance(), "exception": FetchError("down")})
    assert [r["outcome"] for r in journal.read(settings, "posts")] == ["joined", "begun", "failed"]
