"""Processes that outlive the command that started them: start one, find it again, end it and all it started.

Each runs in a session of its own (setsid). Its children may leave its process group (an Airflow task does) but not its
session, so ending means: every process of that session. A file below `BRAIN_HOME/run` names pid, start time and boot; a
process is ours only if all three fit, so a pid that the system gave to somebody else is never touched.

Reads /proc (Linux); start times are in clock ticks since boot, which no change of the clock moves.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PROC = Path("/proc")
MAX_LOG_BYTES = 20_000_000  # a longer log is put aside when its service starts again; one older log is kept


@dataclass(frozen=True)
class Process:
    """One service process. `started`: clock ticks between the boot of the machine and its start."""

    name: str
    pid: int
    started: int
    boot: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs (not another one under its pid, not a zombie)."""
        stat = _stat(self.pid)
        return stat is not None and stat.started == self.started and stat.state != "Z" and self.boot == _boot()

    @property
    def seconds(self) -> float:
        """Age in seconds."""
        since_boot = float((PROC / "uptime").read_text().split()[0])
        return since_boot - self.started / os.sysconf("SC_CLK_TCK")

    def session(self) -> list[int]:
        """Pids of the living processes of its session, its own included; they may outlive it."""
        leader = _stat(self.pid)
        if self.boot != _boot() or (leader is not None and leader.started != self.started):
            # somebody else's pid now: the system keeps a session's number while it has members, so none is left
            return []
        members = []
        for entry in PROC.iterdir():
            stat = _stat(int(entry.name)) if entry.name.isdigit() else None
            if stat and stat.session == self.pid and stat.started >= self.started and stat.state != "Z":
                members.append(int(entry.name))
        return members


def start(run_dir: Path, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Start a command in a session of its own, its output appended to `log`, and write down who it is."""
    run_dir.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as out:
        child = subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    child.returncode = 0  # nobody waits for it: it outlives this command
    stat = _stat(child.pid)
    assert stat is not None, "a child stays in the table until its parent has waited for it"
    process = Process(name, child.pid, stat.started, _boot())
    path = run_dir / f"{name}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(process)))
    partial.replace(path)
    return process


def known(run_dir: Path) -> list[Process]:
    """Every process that was started and not yet ended, alive or not."""
    return [Process(**json.loads(path.read_text())) for path in sorted(run_dir.glob("*.json"))]


def find(run_dir: Path, name: str) -> Process | None:
    """The running process of that name."""
    return next((p for p in known(run_dir) if p.name == name and p.is_alive), None)


def stop(run_dir: Path, processes: Sequence[Process], *, grace: float = 20.0) -> list[str]:
    """End these processes and all they started; returns the names of those that had to be killed.

    First each leader is asked (TERM) and given `grace` seconds to take its children along, then whatever is left of the
    sessions is asked for 5 seconds, then killed.
    """
    for process in processes:
        if process.is_alive:
            _signal(process.pid, signal.SIGTERM)
    _wait(processes, grace)
    _signal_all(processes, signal.SIGTERM)
    _wait(processes, 5.0)
    killed = _signal_all(processes, signal.SIGKILL)
    _wait(processes, 5.0)
    for process in processes:
        (run_dir / f"{process.name}.json").unlink(missing_ok=True)
    return killed


@dataclass(frozen=True)
class _Stat:
    state: str
    session: int
    started: int


def _stat(pid: int) -> _Stat | None:
    """State, session and start of a process: fields 3, 6 and 22 of /proc/<pid>/stat (proc(5))."""
    try:
        # the command's name, in brackets, may hold spaces and brackets itself
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Stat(fields[0], int(fields[3]), int(fields[19]))


def _boot() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def _wait(processes: Sequence[Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(p.session() for p in processes):
        time.sleep(0.2)


def _signal_all(processes: Sequence[Process], number: int) -> list[str]:
    reached = []
    for process in processes:
        members = process.session()
        for pid in members:
            _signal(pid, number)
        if members:
            reached.append(process.name)
    return reached


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
