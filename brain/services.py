"""The services of this machine: the stand-in city (profile demo), Airflow and Superset, started, watched and ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from brain import airflow_service, processes
from brain.airflow_service import Airflow
from brain.errors import BrainError, LockedError
from brain.settings import ROOT, Settings

Echo = Callable[[str], None]
SUPERSET_PYTHON = ROOT / ".venv-superset" / "bin" / "python"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Service:
    """One process of ours. `port` with `setting`, the variable that moves it; None where it listens nowhere."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    port: int | None = None
    setting: str | None = None


def demo_service(settings: Settings) -> Service | None:
    """The stand-in city, where the profile asks for one and no other address is named."""
    if settings.profile != "demo" or settings.demo_url != f"http://{LOOPBACK}:{settings.demo_port}":
        return None
    command = [sys.executable, "-m", "brain.cli", "demo", "serve"]
    return Service("demo", command, {**os.environ, **settings.environ()}, settings.demo_port, "BRAIN_DEMO_PORT")


def airflow_services(settings: Settings) -> list[Service]:
    """The four components of Airflow."""
    env = airflow_service.environment(settings)
    return [
        Service(
            name,
            [sys.executable, "-m", "airflow", *arguments],
            env,
            *((settings.airflow_port, "BRAIN_AIRFLOW_PORT") if "api-server" in arguments else ()),
        )
        for name, arguments in airflow_service.COMPONENTS.items()
    ]


def superset_service(settings: Settings) -> Service:
    """Superset under gunicorn, from its own environment."""
    command = [
        str(SUPERSET_PYTHON.with_name("gunicorn")),
        "-c",
        str(ROOT / "superset/gunicorn.conf.py"),
        "superset.app:create_app()",
    ]
    return Service("superset", command, superset_environment(settings), settings.superset_port, "BRAIN_SUPERSET_PORT")


def superset_environment(settings: Settings) -> dict[str, str]:
    """The environment of every Superset process; nothing of the platform's own Python reaches it."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "PYTHONPATH", "VIRTUAL_ENV"))}
    config = ROOT / "superset/superset_config.py"
    return {**inherited, **settings.environ(), "SUPERSET_CONFIG_PATH": str(config), "PYTHONUNBUFFERED": "1"}


def up(settings: Settings, echo: Echo) -> None:
    """Start everything, run the main job if there is no release yet, and say where to look.

    The main job ingests the sources that the ledger does not know and waits for their release; with a release and no
    such source nothing is run. Raises BrainError naming what to do; what was started stays up for a look at it.
    """
    from brain.keys import load_keys
    from ingest.contract import load_sources

    began = time.monotonic()

    def say(text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        echo(f"[{minutes}:{seconds:02d}] {text}")

    with _lock(settings):
        sources = load_sources(settings)
        load_keys(settings)  # made here, before tasks that run side by side ask for them
        say(f"profile {settings.profile} ({settings.profile_label}), {len(sources)} sources, state in {settings.home}")
        demo = demo_service(settings)
        superset = superset_service(settings)
        _check_ports(settings, [*([demo] if demo else []), *airflow_services(settings), superset])
        provisioning = begin_provisioning(settings)  # needs no release, so it works beside Airflow
        try:
            if demo:
                start_demo(settings, demo, say)
            start_airflow(settings, [f"ingest_{s}" for s in sources], say)
            failed = run_main_job(settings, list(sources), say)
            finish_provisioning(settings, provisioning, say)
        finally:
            end_provisioning(provisioning)  # no service: nobody would end it after us
        start_superset(settings, superset, say)
        say("ready")
    echo("")
    for line in addresses(settings):
        echo(line)
    if failed:
        raise BrainError(
            f"{len(failed)} of {len(sources)} sources could not be ingested: {', '.join(failed)}",
            "the reasons stand above and in Airflow; the release holds the others. `make up` tries them again",
        )


def down(settings: Settings, echo: Echo) -> None:
    """End every process that `up` started and all that they started."""
    running = [p for p in processes.known(settings.run_dir) if p.session()]
    if running:
        echo(f"stopping {', '.join(p.name for p in running)}")
    killed = processes.stop(settings.run_dir, processes.known(settings.run_dir))
    if killed:
        echo(f"had to be killed: {', '.join(killed)} (a task that was at work runs again after the next `brain up`)")
    echo("nothing of this state is running" if not running else "stopped")


def status(settings: Settings) -> list[dict[str, Any]]:
    """The services: name, whether running, pid, seconds since start, address where it has one."""
    places = {
        "demo": settings.demo_url,
        "airflow-api-server": airflow_service.address(settings),
        "superset": f"http://{LOOPBACK}:{settings.superset_port}",
    }
    found = {p.name: p for p in processes.known(settings.run_dir)}
    names = [*(["demo"] if demo_service(settings) else []), *airflow_service.COMPONENTS, "superset"]
    rows = []
    for name in names:
        process = found.get(name)
        alive = process is not None and process.is_alive
        rows.append(
            {
                "name": name,
                "running": alive,
                "pid": process.pid if process and alive else None,
                "seconds": round(process.seconds) if process and alive else None,
                "address": places.get(name),
            }
        )
    return rows


def addresses(settings: Settings) -> list[str]:
    """Where to look, and where the generated passwords lie."""
    superset = f"http://{LOOPBACK}:{settings.superset_port}"
    return [
        f"dashboards  {superset}/superset/dashboard/plan/",
        f"            users and passwords: {settings.secrets / 'superset_users'}",
        f"pipelines   {airflow_service.address(settings)}",
        f"            user {airflow_service.USER}, password: {settings.secrets / airflow_service.PASSWORDS}",
        f"logs        {settings.logs}",
    ]


def run_main_job(settings: Settings, sources: Sequence[str], say: Echo) -> list[str]:
    """Ingest what the ledger has never seen, wait for the release; returns the sources that failed."""
    from brain.main_job import run_sources, run_transform
    from ingest.ledger import Ledger

    seen = {e.source for e in Ledger(settings).entries() if e.kind != "held"}
    todo = [s for s in sources if s not in seen]
    if not todo and settings.current.exists():
        say(f"release {settings.current.resolve().name} is there, nothing to run")
        return []
    airflow = Airflow(settings)
    since = datetime.now(UTC) - timedelta(seconds=5)
    failed = run_sources(airflow, todo, say) if todo else []
    if len(failed) < len(todo) or not settings.current.exists():
        if todo and len(failed) == len(todo):
            raise BrainError("no source could be ingested, so there is nothing to publish", "the reasons stand above")
        run_transform(airflow, since, say, trigger=not todo)
    if not settings.current.exists():
        raise BrainError(
            "no release was published", f"see the runs of transform in {airflow_service.address(settings)}"
        )
    say(f"release {settings.current.resolve().name} is current")
    return failed


def start_demo(settings: Settings, demo: Service, say: Echo) -> None:
    """Start the stand-in city and wait until it answers: it writes its files first, minutes at scale 10."""
    _start(settings, demo)
    _wait(settings, ["demo"], lambda: _answers(f"{settings.demo_url}/health"), "the stand-in city", say, seconds=600)


def start_airflow(settings: Settings, dag_ids: Sequence[str], say: Echo) -> None:
    """Start what is missing of Airflow; wait until all of it is healthy and has read the DAGs."""
    from brain.tasks import POOLS

    if not airflow_service.database(settings).exists():
        say("making Airflow's metadata database")
    airflow_service.prepare(settings)
    services = airflow_services(settings)
    for service in services:
        _start(settings, service)
    airflow = Airflow(settings)
    wanted = {*dag_ids, "alerts", "transform", "verify"}

    def ready() -> bool:
        health = airflow.healthy()
        return all(health.get(p) for p in ("metadatabase", "scheduler", "dag_processor", "triggerer"))

    _wait(settings, [s.name for s in services], ready, "Airflow", say, seconds=240)
    airflow.set_pools(POOLS)
    _wait(settings, [s.name for s in services], lambda: wanted <= set(airflow.dags()), "its DAGs", say, seconds=120,
          why=lambda: airflow.import_errors())  # fmt: skip


def start_superset(settings: Settings, superset: Service, say: Echo) -> None:
    """Start Superset, which must be provisioned, and wait until it answers."""
    _start(settings, superset)
    health = f"http://{LOOPBACK}:{settings.superset_port}/health"
    _wait(settings, [superset.name], lambda: _answers(health), "Superset", say, seconds=180)


def begin_provisioning(settings: Settings) -> subprocess.Popen[bytes]:
    """Start making roles, users, datasets, charts and dashboards from the files in superset/; what is current stays."""
    if not SUPERSET_PYTHON.exists():
        raise BrainError(f"{SUPERSET_PYTHON.parent.parent} is missing", "run `make setup`")
    log = _provision_log(settings)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        return subprocess.Popen(
            [str(SUPERSET_PYTHON), "superset/provision.py"],
            env=superset_environment(settings),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


def finish_provisioning(settings: Settings, provisioning: subprocess.Popen[bytes], say: Echo) -> None:
    """Wait until the dashboards stand; raises BrainError with the end of the log if they do not."""
    while True:
        try:
            code = provisioning.wait(timeout=10)
            break
        except subprocess.TimeoutExpired:
            say("… waiting for the dashboards to be provisioned")
    if code:
        raise BrainError("Superset could not be provisioned", _log_end(_provision_log(settings)))
    say("✓ dashboards provisioned")


def end_provisioning(provisioning: subprocess.Popen[bytes]) -> None:
    """End the provisioning if it still runs."""
    if provisioning.poll() is None:
        provisioning.terminate()
        try:
            provisioning.wait(timeout=10)
        except subprocess.TimeoutExpired:
            provisioning.kill()
            provisioning.wait()


def _provision_log(settings: Settings) -> Path:
    return settings.logs / "superset-provision.log"


def _start(settings: Settings, service: Service) -> None:
    if processes.find(settings.run_dir, service.name) is None:
        log = settings.logs / f"{service.name}.log"
        processes.start(settings.run_dir, service.name, service.command, env=service.env, cwd=ROOT, log=log)


def _check_ports(settings: Settings, services: Sequence[Service]) -> None:
    """Every port is free or held by our own running service; raises BrainError naming port and setting."""
    for service in services:
        if service.port is None or processes.find(settings.run_dir, service.name):
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, service.port))
            except OSError:
                raise BrainError(
                    f"port {service.port} is taken, {service.name} needs it",
                    f"end what holds it, or choose another: {service.setting}=<port> make up",
                ) from None


def _wait(
    settings: Settings,
    names: Sequence[str],
    ready: Callable[[], bool],
    what: str,
    say: Echo,
    *,
    seconds: float,
    why: Callable[[], list[str]] = list,
) -> None:
    """Wait until `ready`; raises BrainError with the end of the log as soon as one of the processes has died."""
    began = told = time.monotonic()
    while not ready():
        for name in names:
            if processes.find(settings.run_dir, name) is None:
                raise BrainError(f"{name} has ended while starting", _log_end(settings.logs / f"{name}.log"))
        now = time.monotonic()
        if now - began > seconds:
            reasons = "; ".join(why()) or f"see {settings.logs}"
            raise BrainError(f"{what} is not ready after {seconds:.0f} s", reasons)
        if now - told >= 10:
            told = now
            say(f"… waiting for {what}")
        time.sleep(0.5)
    say(f"✓ {what} ready ({time.monotonic() - began:.0f} s)")


def _answers(url: str) -> bool:
    import requests

    with requests.Session() as http:
        http.trust_env = False
        try:
            return http.get(url, timeout=5).ok
        except requests.RequestException:
            return False


def _log_end(path: Path, lines: int = 8) -> str:
    """Where a log lies and how it ends."""
    text = path.read_text(errors="replace").splitlines() if path.exists() else []
    return "\n".join([f"the end of {path}:", *(f"  {line}" for line in text[-lines:])])


@contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """One `up` at a time."""
    import fcntl

    settings.run_dir.mkdir(parents=True, exist_ok=True)
    with (settings.run_dir / "up.lock").open("w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError("another `brain up` is at work", "wait for it") from None
        yield
