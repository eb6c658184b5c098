"""The two commands: `brain up` runs the main job through Airflow's scheduler to a release, `brain down` ends all.

One stand-in city, one home, free ports, for the whole file; a minute or two, most of it starting things.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brain import journal, processes
from brain.airflow_service import Airflow
from brain.settings import ROOT, Settings
from demo.state import read_state
from ingest.contract import load_sources
from ingest.ledger import Ledger, batches
from ingest.privacy import mask
from tests import stored

BRAIN = str(Path(sys.executable).with_name("brain"))


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@dataclass(frozen=True)
class Platform:
    settings: Settings
    env: dict[str, str]
    said: str

    def brain(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BRAIN, *arguments], env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=900)

    def state(self) -> tuple[object, ...]:
        """What a second `up` must leave as it was: release, ledger head, rows of every batch."""
        ledger = Ledger(self.settings)
        head = ledger.head()
        return (self.settings.current.readlink(), head and head.root, [e.leaf for e in ledger.entries()])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("platform")
    airflow, superset, demo = free_ports(3)
    chosen = {
        "BRAIN_HOME": f"{root}/var",
        "BRAIN_SECRETS": f"{root}/secrets",
        "BRAIN_PROFILE": "demo",
        "BRAIN_AIRFLOW_PORT": str(airflow),
        "BRAIN_SUPERSET_PORT": str(superset),
        "BRAIN_DEMO_PORT": str(demo),
    }
    settings = Settings.from_env(chosen)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("BRAIN_", "AIRFLOW"))}
    found = Platform(settings, inherited | chosen, "")
    try:
        up = found.brain("up")
        assert up.returncode == 0, f"{up.stdout[-6000:]}\n{up.stderr[-3000:]}"
        yield Platform(settings, found.env, up.stdout)
    finally:
        processes.stop(settings.run_dir, processes.known(settings.run_dir))


@pytest.fixture(scope="module")
def airflow(platform: Platform) -> Airflow:
    return Airflow(platform.settings)


def runs_of(airflow: Airflow, dag_id: str) -> list[dict[str, Any]]:
    return airflow.call("GET", f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]


def test_the_scheduler_ran_every_source_to_a_release(platform: Platform, airflow: Airflow) -> None:
    sources = load_sources(platform.settings)
    for name in sources:
        # a cron time may pass meanwhile: a scheduled run that is still under way is no fault
        states = [r["state"] for r in runs_of(airflow, f"ingest_{name}")]
        assert "success" in states, name
        assert set(states) <= {"success", "queued", "running"}, name
    assert {e.source for e in batches(Ledger(platform.settings).entries())} == set(sources)
    release = json.loads((platform.settings.current / "release.json").read_text())
    assert release["ledger_size"] == len(Ledger(platform.settings).entries())


def test_many_sources_made_two_builds_at_most(platform: Platform, airflow: Airflow) -> None:
    runs = runs_of(airflow, "transform")
    assert {r["state"] for r in runs} <= {"success", "queued", "running"}
    tasks = [t for r in runs for t in airflow.tasks("transform", r["dag_run_id"])]
    builds = [t for t in tasks if t["task_id"] == "build" and t["state"] == "success"]
    assert 1 <= len(builds) <= 2
    assert {t["pool"] for t in builds} == {"warehouse"}


def test_models_are_assets_with_status_and_seconds(platform: Platform, airflow: Airflow) -> None:
    events: list[dict[str, Any]] = []
    while some := airflow.call("GET", f"/assets/events?limit=100&offset={len(events)}")["asset_events"]:
        events += some  # the server hands out a hundred at a time
    models = {e["uri"].removeprefix("x-brain://warehouse/"): e["extra"] for e in events if "/warehouse/" in e["uri"]}
    built = json.loads((platform.settings.warehouse_dir / "build.json").read_text())["models"]
    assert set(models) == {m["name"] for m in built}
    assert {m["status"] for m in models.values()} == {"success"}
    assert all(m["seconds"] >= 0 for m in models.values())


def test_every_source_was_named_with_its_figures_while_it_ran(platform: Platform) -> None:
    for name in load_sources(platform.settings):
        assert f"✓ {name} (" in platform.said
    assert f"http://127.0.0.1:{platform.settings.superset_port}" in platform.said
    assert str(platform.settings.secrets / "superset_users") in platform.said
    passwords = json.loads((platform.settings.secrets / "airflow_passwords.json").read_text())
    assert not [p for p in passwords.values() if p in platform.said]


def test_nobody_comes_in_without_the_password(platform: Platform, airflow: Airflow) -> None:
    import requests

    with requests.Session() as http:
        http.trust_env = False
        assert http.get(f"{airflow.address}/api/v2/dags", timeout=30).status_code == 401
        body = {"username": "admin", "password": "admin"}
        assert http.post(f"{airflow.address}/auth/token", json=body, timeout=30).status_code == 401


def test_all_services_say_that_they_run(platform: Platform) -> None:
    status = json.loads(platform.brain("status", "--json").stdout)
    assert {s["name"]: s["running"] for s in status["services"]} == {
        "demo": True,
        "airflow-api-server": True,
        "airflow-scheduler": True,
        "airflow-dag-processor": True,
        "airflow-triggerer": True,
        "superset": True,
    }


def test_a_second_up_changes_nothing(platform: Platform) -> None:
    before = platform.state()
    up = platform.brain("up")
    assert up.returncode == 0, up.stdout[-3000:]
    assert platform.state() == before


@pytest.fixture(scope="module")
def planted(platform: Platform) -> dict[str, set[str]]:
    """Every number, phone, mail and home address that the city's systems have sent, by kind."""
    state = read_state(platform.settings.home)
    assert state
    return stored.personal_values(state.city(), load_sources(platform.settings))


def test_no_personal_value_is_stored_in_the_clear(platform: Platform, planted: dict[str, set[str]]) -> None:
    """Searched: raw, quarantine, hashes, warehouse, releases, journals, logs, ledger, dbt's files, and the metadata and
    task logs of Airflow and Superset. Not searched: landing, which is encrypted, and the city itself."""
    home = platform.settings.home
    assert all(len(values) >= 100 for values in planted.values())
    assert sum(map(len, planted.values())) >= 1_000
    places = {path.relative_to(home).parts[0] for path in stored.files(home, ("landing", "demo"))}
    assert places >= {
        "raw",
        "quarantine",
        "hashes",
        "warehouse",
        "releases",
        "journal",
        "logs",
        "ledger",
        "airflow",
        "superset",
    }
    everything = {value for values in planted.values() for value in values}
    # only the places are told: the values are what must not be shown
    assert sorted({p for places in stored.search(home, everything, ("landing", "demo")).values() for p in places}) == []


def test_the_search_finds_what_is_stored(platform: Platform, planted: dict[str, set[str]]) -> None:
    """The masked forms of the same values, a name that every metadata database holds, and a line of a task's log."""
    known = {mask("id_number", value) for value in planted["id_number"]}
    controls = {*known, "ingest_pds", "dim_institutions"}
    found = stored.search(platform.settings.home, controls, ("landing", "demo"))
    holders = {file.partition("/")[0] for value in known for file in found.get(value, ())}
    assert "raw" in holders
    assert any(f.endswith("airflow.db") for f in found["ingest_pds"])
    assert any(f.startswith("logs/airflow/") for f in found["ingest_pds"])
    assert any(f.endswith("superset.db") for f in found["dim_institutions"])
    landed = b"".join(p.read_bytes() for p in sorted((platform.settings.landing / "pds").iterdir()))
    assert not [v for v in planted["id_number"] if v.encode() in landed]


def test_alerts_are_told_by_their_own_dag(platform: Platform, airflow: Airflow) -> None:
    run = airflow.trigger("alerts")
    assert ended(airflow, "alerts", run) == "success"
    found = airflow.result("alerts", run, "tell")
    assert found["alerts"] >= 20
    assert found["channels"] == []  # none is set here
    entered = [r["event"] for r in journal.read(platform.settings, "alerts")]
    assert entered.count("opened") >= found["alerts"]
    listed = json.loads(platform.brain("alerts", "--json", "--audit").stdout)
    assert len(listed["alerts"]) == found["alerts"]


def test_a_killed_scheduler_comes_back_with_up(platform: Platform, airflow: Airflow) -> None:
    """Killed with all it started, as by a machine that runs out of memory; nothing is removed by hand."""
    before = platform.state()
    scheduler = processes.find(platform.settings.run_dir, "airflow-scheduler")
    assert scheduler is not None
    for pid in scheduler.session():
        os.kill(pid, signal.SIGKILL)
    run = airflow.trigger("alerts")  # queued while nobody schedules
    down = {s["name"]: s["running"] for s in json.loads(platform.brain("status", "--json").stdout)["services"]}
    assert [name for name, running in down.items() if not running] == ["airflow-scheduler"]
    up = platform.brain("up")
    assert up.returncode == 0, up.stdout[-3000:]
    assert ended(airflow, "alerts", run) == "success"
    assert platform.state() == before


def ended(airflow: Airflow, dag_id: str, run_id: str) -> str:
    """The state in which a run ends."""
    for _ in range(240):
        state = airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
        if state in ("success", "failed"):
            return state
        time.sleep(0.5)
    raise AssertionError(f"{dag_id} did not end")


def test_down_leaves_no_process_behind_and_up_comes_back(platform: Platform, airflow: Airflow) -> None:
    before = platform.state()
    known = processes.known(platform.settings.run_dir)
    assert len(known) == 6
    assert all(p.session() for p in known)
    assert platform.brain("down").returncode == 0
    assert [p.name for p in known if p.session()] == []
    up = platform.brain("up")
    assert up.returncode == 0, up.stdout[-3000:]
    assert platform.state() == before
    assert len(runs_of(airflow, "transform")) >= 1  # its history is still there
    assert platform.brain("down").returncode == 0
