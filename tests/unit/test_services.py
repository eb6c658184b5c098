"""What `brain up` refuses, and what it hands to the services it starts."""

from __future__ import annotations

import fcntl
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from brain import airflow_service, services
from brain.errors import BrainError, LockedError
from brain.settings import ROOT, Settings


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else holds."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def settings_with(tmp_path: Path, **env: object) -> Settings:
    given = {"BRAIN_HOME": tmp_path / "var", "BRAIN_SECRETS": tmp_path / "secrets", **env}
    return Settings.from_env({k: str(v) for k, v in given.items()})


@pytest.mark.parametrize("setting", ["BRAIN_AIRFLOW_PORT", "BRAIN_SUPERSET_PORT", "BRAIN_DEMO_PORT"])
def test_a_taken_port_is_named_with_its_setting_before_anything_starts(
    tmp_path: Path, taken: int, setting: str
) -> None:
    free = {"BRAIN_AIRFLOW_PORT": 0, "BRAIN_SUPERSET_PORT": 0, "BRAIN_DEMO_PORT": 0}
    with socket.socket() as a, socket.socket() as b, socket.socket() as c:
        for probe, name in zip((a, b, c), free, strict=True):
            probe.bind(("127.0.0.1", 0))
            free[name] = probe.getsockname()[1]
    settings = settings_with(tmp_path, **(free | {setting: taken}))
    with pytest.raises(BrainError) as raised:
        services.up(settings, lambda text: None)
    assert str(taken) in raised.value.message
    assert setting in (raised.value.hint or "")
    assert not list(settings.run_dir.glob("*.json"))


def test_a_second_up_beside_the_first_is_refused(tmp_path: Path) -> None:
    settings = settings_with(tmp_path)
    settings.run_dir.mkdir(parents=True)
    with (settings.run_dir / "up.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(LockedError):
            services.up(settings, lambda text: None)


def test_provisioning_ends_with_an_up_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[subprocess.Popen[bytes]] = []

    def begin(settings: Settings) -> subprocess.Popen[bytes]:
        began.append(subprocess.Popen(["sleep", "600"]))
        return began[0]

    def fail(*_: object) -> None:
        raise BrainError("Airflow is not ready")

    monkeypatch.setattr(services, "begin_provisioning", begin)
    monkeypatch.setattr(services, "_check_ports", lambda *_: None)
    monkeypatch.setattr(services, "start_airflow", fail)
    try:
        with pytest.raises(BrainError, match="not ready"):
            services.up(settings_with(tmp_path, BRAIN_PROFILE="open"), lambda text: None)
        assert began[0].poll() is not None
    finally:
        began[0].kill()


@pytest.mark.parametrize("lost", [*airflow_service.KEYS, airflow_service.PASSWORDS])
def test_airflow_with_state_but_without_a_key_does_not_start(tmp_path: Path, lost: str) -> None:
    settings = settings_with(tmp_path)
    settings.secrets.mkdir()
    for name in (*airflow_service.KEYS, airflow_service.PASSWORDS):
        (settings.secrets / name).write_text("x")
    (settings.secrets / lost).unlink()
    airflow_service.home(settings).mkdir(parents=True)
    airflow_service.database(settings).touch()
    with pytest.raises(BrainError, match=lost):
        airflow_service.prepare(settings)
    assert not (settings.secrets / lost).exists()


def test_no_process_gets_a_key_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_service, "migrate", lambda settings: None)
    settings = settings_with(tmp_path)
    airflow_service.prepare(settings)
    values = {p.name: p.read_text().strip() for p in settings.secrets.iterdir()}
    assert set(values) == {*airflow_service.KEYS, airflow_service.PASSWORDS}
    for environment in (airflow_service.environment(settings), services.superset_environment(settings)):
        text = "\n".join(environment.values())
        assert not [name for name, value in values.items() if value in text]


def test_the_keys_are_made_once_and_only_their_owner_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_service, "migrate", lambda settings: None)
    settings = settings_with(tmp_path)
    airflow_service.prepare(settings)
    first = {p.name: p.read_text() for p in settings.secrets.iterdir()}
    airflow_service.prepare(settings)
    assert {p.name: p.read_text() for p in settings.secrets.iterdir()} == first
    assert {p.stat().st_mode & 0o777 for p in settings.secrets.iterdir()} == {0o600}


def test_airflow_listens_on_loopback_at_the_chosen_port(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, BRAIN_AIRFLOW_PORT=18123)
    environment = airflow_service.environment(settings)
    assert (environment["AIRFLOW__API__HOST"], environment["AIRFLOW__API__PORT"]) == ("127.0.0.1", "18123")
    assert environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == str(ROOT / "dags")


def test_the_stand_in_city_runs_only_where_it_is_asked_for(tmp_path: Path) -> None:
    assert services.demo_service(settings_with(tmp_path)) is not None
    assert services.demo_service(settings_with(tmp_path, BRAIN_PROFILE="open")) is None
    assert services.demo_service(settings_with(tmp_path, BRAIN_DEMO_URL="http://10.0.0.5:8790")) is None


def test_status_of_a_house_where_nothing_runs(tmp_path: Path) -> None:
    rows = services.status(settings_with(tmp_path))
    names = ["demo", *airflow_service.COMPONENTS, "superset"]
    assert [(r["name"], r["running"]) for r in rows] == [(name, False) for name in names]
