"""Everything planted in the city: what the platform should find, and what it must not.

Each slice says its own part in `truth()`: lists under the names of LISTS, and under `near_misses` a list per rule of
things that almost meet it. Here they are put together, and the rows that a contract must refuse are added.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from demo import systems
from demo.city import City

SLICES = (
    "entities",
    "projects",
    "people",
    "cases",
    "trade",
    "firms",
    "platforms",
    "money",
    "plan",
    "filings",
    "decisions",
)
LISTS = ("entities", "duplicates", "vetoes", "conflicts", "dirty")  # the contract of the command line; more may follow


@cache
def slice_types() -> tuple[type, ...]:
    """The slices that know a truth: every module of SLICES names its class SLICE."""
    modules = (import_module(f"demo.{name}") for name in SLICES if find_spec(f"demo.{name}"))
    return tuple(module.SLICE for module in modules if hasattr(module, "SLICE"))


def truth(city: City) -> dict[str, Any]:
    """List name → planted things; `near_misses`: rule → things that must not be found by it."""
    found: dict[str, Any] = {name: [] for name in LISTS}
    near: dict[str, list[Any]] = {}
    for cls in slice_types():
        part = dict(city.slice(cls).truth())
        for rule, things in part.pop("near_misses", {}).items():
            near.setdefault(rule, []).extend(things)
        for name, things in part.items():
            found.setdefault(name, []).extend(things)
    found["dirty"] += dirty(city)
    return {**found, "near_misses": near}


def dirty(city: City) -> Iterable[dict[str, Any]]:
    """Every delivered row that its contract must refuse; `key` is a list where the key has several fields."""
    for (source, record), register in systems.registers(city).items():
        for key, reason in register.planted():
            key = list(key) if isinstance(key, tuple) else key
            yield {"source": source, "record": record, "key": key, "reason": reason}
