"""Which city a state folder holds and how far its time has come: <BRAIN_HOME>/demo/city.json.

The pipeline reads `today` there, and nothing else: the day from which its rules count."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from demo.city import City


@dataclass(frozen=True)
class State:
    seed: int = 1
    scale: float = 1.0
    day: int = 0

    def city(self) -> City:
        return City(self.seed, self.scale, self.day)

    def later(self, days: int) -> State:
        return replace(self, day=self.day + days)


def path_of(home: Path) -> Path:
    return home / "demo" / "city.json"


def read_state(home: Path) -> State | None:
    """The city of a state folder; None where there is none yet. Raises ValueError where the file is damaged."""
    try:
        content = json.loads(path_of(home).read_text(encoding="utf-8"))
        return State(int(content["seed"]), float(content["scale"]), int(content["day"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as e:
        raise ValueError(f"{path_of(home)} is damaged; delete the folder it lies in to begin again") from e


def chosen_state(home: Path, seed: int | None, scale: float | None) -> State:
    """The city that is meant: that of the folder, else a new one. Raises ValueError where the folder holds another."""
    found = read_state(home)
    if found is None:
        return State(1 if seed is None else seed, 1.0 if scale is None else scale)
    if seed not in (None, found.seed) or scale not in (None, found.scale):
        raise ValueError(
            f"{home} holds the city of seed {found.seed} and scale {found.scale:g}; "
            "choose another BRAIN_HOME for another city"
        )
    return found


def write_state(home: Path, state: State) -> None:
    """Replace the file whole, so that a reader never sees half of it."""
    path = path_of(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({**asdict(state), "today": state.city().today.isoformat()}) + "\n", encoding="utf-8")
    draft.replace(path)
