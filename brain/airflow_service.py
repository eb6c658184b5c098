"""Airflow on this machine: SQLite metadata, LocalExecutor, SimpleAuthManager on loopback; and a client of its REST API.

Production looks different (PostgreSQL, FAB auth): see docker-compose.yml.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from brain.errors import BrainError
from brain.keys import write_secret
from brain.settings import ROOT, Settings
from brain.tasks import failed_prefix

USER = "admin"
COMPONENTS: dict[str, tuple[str, ...]] = {
    "airflow-api-server": ("api-server",),
    # logs are files on this machine, so nobody has to serve them (two more ports otherwise)
    "airflow-scheduler": ("scheduler", "--skip-serve-logs"),
    "airflow-dag-processor": ("dag-processor",),
    "airflow-triggerer": ("triggerer", "--skip-serve-logs"),
}
KEYS = ("airflow_fernet_key", "airflow_jwt_key", "airflow_api_key")
PASSWORDS = "airflow_passwords.json"


def home(settings: Settings) -> Path:
    """Airflow's own state."""
    return settings.home / "airflow"


def database(settings: Settings) -> Path:
    """The file of Airflow's metadata."""
    return home(settings) / "airflow.db"


def address(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.airflow_port}"


def environment(settings: Settings) -> dict[str, str]:
    """The environment of every Airflow process. Keys are named by the command that reads them, never by their value."""
    # not `cat`: Airflow would take the line's end for a part of the key
    keys = {name: rf"sed -z 's/\n//g' {shlex.quote(str(settings.secrets / name))}" for name in KEYS}
    airflow = {
        "CORE__DAGS_FOLDER": ROOT / "dags",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 4,  # SQLite has one writer
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__EXECUTION_API_SERVER_URL": f"{address(settings)}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": settings.secrets / PASSWORDS,
        "CORE__FERNET_KEY_CMD": keys["airflow_fernet_key"],
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database(settings)}",
        "API__HOST": "127.0.0.1",
        "API__PORT": settings.airflow_port,
        "API__BASE_URL": address(settings),
        "API__WORKERS": 1,
        "API__SECRET_KEY_CMD": keys["airflow_api_key"],
        "API_AUTH__JWT_SECRET_CMD": keys["airflow_jwt_key"],
        "LOGGING__BASE_LOG_FOLDER": settings.logs / "airflow",
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": settings.logs / "airflow" / "dag_processor",
        "DAG_PROCESSOR__PARSING_PROCESSES": 1,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 120,
    }
    loopback = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1,localhost")))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    return {
        **inherited,
        **settings.environ(),
        **{f"AIRFLOW__{name}": str(value) for name, value in airflow.items()},
        "AIRFLOW_HOME": str(home(settings)),
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "PYTHONUNBUFFERED": "1",
    }


def prepare(settings: Settings) -> None:
    """Make keys, the password and the metadata database, each once.

    Raises BrainError where Airflow has state and a key is missing: what it encrypted could not be read any more.
    """
    missing = [name for name in (*KEYS, PASSWORDS) if not (settings.secrets / name).exists()]
    if missing and database(settings).exists():
        raise BrainError(
            f"Airflow has state in {home(settings)}, but {', '.join(missing)} is missing in {settings.secrets}",
            "put it back from your backup, or remove that folder: schedules and run history begin anew, the data stays",
        )
    for name in missing:
        if name == PASSWORDS:
            value = json.dumps({USER: secrets.token_urlsafe(18)})
        elif name == "airflow_fernet_key":
            from cryptography.fernet import Fernet

            value = Fernet.generate_key().decode()
        else:
            value = secrets.token_urlsafe(48)
        write_secret(settings.secrets / name, value)
    migrate(settings)


def migrate(settings: Settings) -> None:
    """Bring the metadata database to this release of Airflow; nothing to do when it is there already."""
    release = version("apache-airflow")
    mark = home(settings) / "migrated"
    if database(settings).exists() and mark.exists() and mark.read_text() == release:
        return
    home(settings).mkdir(parents=True, exist_ok=True)
    settings.logs.mkdir(parents=True, exist_ok=True)
    log = settings.logs / "airflow-migrate.log"
    with log.open("ab") as out:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=environment(settings),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    if done.returncode:
        raise BrainError("Airflow's metadata database could not be made", f"see {log}")
    mark.write_text(release)


class Airflow:
    """A client of the REST API, logged in with the generated password."""

    def __init__(self, settings: Settings):
        import requests

        self.address = address(settings)
        self.passwords = settings.secrets / PASSWORDS
        self.http = requests.Session()
        self.http.trust_env = False  # no proxy stands between this machine and itself

    def healthy(self) -> dict[str, bool]:
        """Which components answer or send heartbeats; empty while the API server does not answer."""
        import requests

        try:
            reply = self.http.get(f"{self.address}/api/v2/monitor/health", timeout=5)
            state = reply.json() if reply.ok else {}
        except (requests.RequestException, ValueError):
            return {}
        return {name: (part or {}).get("status") == "healthy" for name, part in state.items()}

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, missing_ok: bool = False) -> Any:
        """One call of the API; returns the JSON document. Raises BrainError naming path and answer."""
        import requests

        try:
            if "Authorization" not in self.http.headers:
                self._log_in()
            reply = self.http.request(method, f"{self.address}/api/v2{path}", json=body, timeout=60)
            if reply.status_code == 401:  # the token has run out
                self._log_in()
                reply = self.http.request(method, f"{self.address}/api/v2{path}", json=body, timeout=60)
        except requests.RequestException as e:
            raise BrainError(
                f"Airflow does not answer at {self.address} ({type(e).__name__})", "see `brain status`"
            ) from e
        if missing_ok and reply.status_code == 404:
            return None
        if not reply.ok:
            raise BrainError(f"Airflow answered {reply.status_code} to {method} {path}: {reply.text[:300]}")
        return reply.json() if reply.content else None

    def _log_in(self) -> None:
        password = json.loads(self.passwords.read_text())[USER]
        reply = self.http.post(f"{self.address}/auth/token", json={"username": USER, "password": password}, timeout=30)
        if not reply.ok:
            raise BrainError(f"Airflow refuses the password in {self.passwords}", "restart it: make down, make up")
        self.http.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"

    def dags(self) -> dict[str, str]:
        """DAG id → description of every DAG that was read."""
        return {d["dag_id"]: d["description"] or "" for d in self.call("GET", "/dags?limit=1000")["dags"]}

    def import_errors(self) -> list[str]:
        """Files that could not be read, each with the last line of its traceback."""
        errors = self.call("GET", "/importErrors")["import_errors"]
        return [f"{e['filename']}: {(e['stack_trace'] or '').strip().splitlines()[-1:]}" for e in errors]

    def set_pools(self, pools: Mapping[str, tuple[int, str]]) -> None:
        """Make the pools with their slots, or correct them."""
        known = {p["name"]: p for p in self.call("GET", "/pools?limit=100")["pools"]}
        for name, (slots, description) in pools.items():
            if name not in known:
                self.call("POST", "/pools", {"name": name, "slots": slots, "description": description})
            elif known[name]["slots"] != slots:
                self.call("PATCH", f"/pools/{name}?update_mask=slots", {"pool": name, "slots": slots})

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run now; returns its id."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        return self.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]

    def runs(self, dag_ids: Iterable[str], since: datetime) -> list[dict[str, Any]]:
        """Runs of these DAGs due at or after `since` (aware), oldest first."""
        body = {
            "dag_ids": list(dag_ids),
            "run_after_gte": since.isoformat(),
            "order_by": "run_after",
            "page_limit": 500,
        }
        return self.call("POST", "/dags/~/dagRuns/list", body)["dag_runs"]

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Task instances of a run."""
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned; None if nothing."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?deserialize=true"
        entry = self.call("GET", path, missing_ok=True)
        return entry["value"] if entry else None

    def reason(self, task: Mapping[str, Any]) -> str:
        """Why the newest try of a task instance failed, as it told its log (see `brain.tasks.report_try`)."""
        run = f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
        path = f"{run}/taskInstances/{task['task_id']}/logs/{task['try_number']}?full_content=true"
        content = (self.call("GET", path, missing_ok=True) or {}).get("content", [])
        events = [e["event"] if isinstance(e, dict) else str(e) for e in content]
        prefix = failed_prefix(task["dag_id"], task["task_id"])
        told = [e.removeprefix(prefix) for e in events if e.startswith(prefix)]
        return told[-1] if told else f"see its log in {self.address}/dags/{task['dag_id']}/runs/{task['dag_run_id']}"
