"""A service is ended with all that it started, and nobody else's process is ever touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from brain import processes
from brain.processes import Process

# starts a child in a process group of its own, as an Airflow task is, then waits; the child deafens itself to TERM
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}], process_group=0)
print(child.pid, flush=True)
time.sleep(600)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
WILLING = "import time; print('willing', flush=True); time.sleep(600)"


def wait_for(path: Path, lines: int) -> list[str]:
    for _ in range(200):
        text = path.read_text().splitlines() if path.exists() else []
        if len(text) >= lines:
            return text
        time.sleep(0.05)
    raise AssertionError(f"{path} never had {lines} lines")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    started: list[Process] = []

    def begin(child: str) -> tuple[Process, int]:
        log = tmp_path / f"{len(started)}.log"
        command = [sys.executable, "-c", PARENT.format(child=child)]
        process = processes.start(tmp_path, f"s{len(started)}", command, env=os.environ, cwd=tmp_path, log=log)
        started.append(process)
        lines = wait_for(log, 2)
        return process, next(int(line) for line in lines if line.isdigit())

    yield begin
    for process in started:
        for pid in process.session():
            os.kill(pid, signal.SIGKILL)


def runs(pid: int) -> bool:
    stat = processes._stat(pid)
    return stat is not None and stat.state != "Z"


def test_a_running_service_is_found_by_name(tmp_path: Path, start) -> None:
    process, _ = start(WILLING)
    assert processes.find(tmp_path, "s0") == process
    assert processes.find(tmp_path, "another") is None
    assert 0 <= process.seconds < 60


def test_a_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MAX_LOG_BYTES", 3)
    log = tmp_path / "s.log"
    for text in ("one", "four", "five"):
        process = processes.start(tmp_path, "s", ["/bin/echo", text], env={}, cwd=tmp_path, log=log)
        wait_for(log, 1)
        processes.stop(tmp_path, [process], grace=1)
    assert (log.read_text(), (tmp_path / "s.log.1").read_text()) == ("five\n", "four\n")


def test_stop_reaches_a_child_that_left_the_process_group(tmp_path: Path, start) -> None:
    process, child = start(WILLING)
    assert os.getpgid(child) != os.getpgid(process.pid)
    assert processes.stop(tmp_path, [process], grace=2) == []
    assert not runs(process.pid)
    assert not runs(child)
    assert processes.known(tmp_path) == []


def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path, start) -> None:
    process, child = start(DEAF)
    assert processes.stop(tmp_path, [process], grace=0.5) == ["s0"]
    assert not runs(child)


def test_children_are_ended_though_their_leader_died(tmp_path: Path, start) -> None:
    process, child = start(WILLING)
    os.kill(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)
    assert processes.find(tmp_path, "s0") is None
    assert runs(child)
    processes.stop(tmp_path, [process], grace=0.2)
    assert not runs(child)


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "another boot"}])
def test_somebody_elses_process_under_a_known_pid_is_left_alone(tmp_path: Path, change: dict[str, object]) -> None:
    with subprocess.Popen([sys.executable, "-c", WILLING], start_new_session=True, stdout=subprocess.DEVNULL) as other:
        stat = processes._stat(other.pid)
        assert stat is not None
        ours = Process("s", other.pid, stat.started, processes._boot())
        assert ours.is_alive  # so what follows is due to the changed mark alone
        stale = replace(ours, **change)
        (tmp_path / "s.json").write_text(json.dumps(asdict(stale)))
        assert not stale.is_alive
        processes.stop(tmp_path, processes.known(tmp_path), grace=0.2)
        assert other.poll() is None
        other.kill()
