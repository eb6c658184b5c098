"""What `brain demo …` does: serve the city, let its time pass, say what is planted in it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from brain.errors import BrainError
from brain.settings import Settings
from demo import systems
from demo.city import City
from demo.faults import Fault, Faults, read_faults
from demo.server import serve
from demo.state import State, chosen_state, write_state
from demo.truth import truth

Echo = Callable[[str], None]


def serve_city(settings: Settings, seed: int | None, scale: float | None, port: int, faults: str, echo: Echo) -> None:
    """Write what the city delivers as files and rows, and serve the rest until interrupted."""
    plan = _plan(faults)
    state = _chosen(settings, seed, scale)
    deliver(settings, state, plan)
    try:
        server = serve(port, home=settings.home, secrets_dir=settings.secrets, faults=plan)
    except OSError as e:
        raise BrainError(f"port {port} cannot be used: {e.strerror}", "choose another with --port") from e
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    which = f"seed {state.seed}, scale {state.scale:g}, {server.city.today}"
    echo(f"the city ({which}) answers at {server.url}; Ctrl-C ends it")
    if plan:
        echo(f"faults: {', '.join(map(str, plan))}")
    try:
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()


def advance(settings: Settings, days: int, seed: int | None, scale: float | None, faults: str) -> dict[str, Any]:
    """Let days pass: the files and rows of the days up to the new one are delivered, then the day is written."""
    state = _chosen(settings, seed, scale).later(days)
    try:
        state.city()
    except ValueError as e:
        raise BrainError(str(e)) from e
    paths = deliver(settings, state, _plan(faults))
    files = [path.relative_to(settings.demo_drop).as_posix() for path in paths]
    return {**vars(state), "today": state.city().today.isoformat(), "files": files}


def truth_of(settings: Settings, seed: int | None, scale: float | None, day: int | None) -> dict[str, Any]:
    """Everything planted in the city of this state folder, or in the one that is named."""
    if seed is None and scale is None:
        state = _chosen(settings, None, None)
    else:
        state = State(1 if seed is None else seed, 1.0 if scale is None else scale)
    try:
        return truth(City(state.seed, state.scale, state.day if day is None else day))
    except ValueError as e:
        raise BrainError(str(e)) from e


def deliver(settings: Settings, state: State, faults: Sequence[Fault] = ()) -> list[Path]:
    """Drop the files and fill the database of a city as of its day, then enter the day; returns the new files."""
    city = state.city()
    settings.demo_drop.mkdir(parents=True, exist_ok=True)
    paths = systems.write(city, settings.demo_drop, Faults(faults))
    systems.fill(city, settings.demo_database)
    write_state(settings.home, state)
    return paths


def _chosen(settings: Settings, seed: int | None, scale: float | None) -> State:
    try:
        return chosen_state(settings.home, seed, scale)
    except ValueError as e:
        raise BrainError(str(e)) from e


def _plan(faults: str) -> list[Fault]:
    prefixes = sorted({"/" + path.split("/")[1] for path in systems.endpoints()})
    try:
        return read_faults([f for f in faults.split(",") if f], prefixes)
    except ValueError as e:
        raise BrainError(str(e)) from e
