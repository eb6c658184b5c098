"""The source systems of the city, one module each; a module says REGISTERS, and ENDPOINTS or `write(city, drop)`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from demo.city import City
from demo.endpoint import Endpoint
from demo.register import Register

NAMES = ("pds", "market", "integrity", "reports", "carriers", "enterprises", "finance", "statistics", "steward")


@cache
def modules() -> tuple[ModuleType, ...]:
    """The systems' modules, loaded when first asked for."""
    return tuple(import_module(f"demo.systems.{n}") for n in NAMES if find_spec(f"demo.systems.{n}"))


def endpoints() -> dict[str, Endpoint]:
    """Path → endpoint of every system that speaks HTTP."""
    return {e.path: e for m in modules() for e in getattr(m, "ENDPOINTS", ())}


def register_types() -> tuple[type[Register], ...]:
    """Every record type of every system."""
    return tuple(r for m in modules() for r in m.REGISTERS)


def registers(city: City) -> dict[tuple[str, str], Register]:
    """(source, record) → register of this city."""
    return {(r.source, r.record): city.slice(r) for r in register_types()}


def write(city: City, drop: Path) -> list[Path]:
    """Let the systems that deliver files deliver those that are missing up to today; returns the new ones."""
    return [path for m in modules() if hasattr(m, "write") for path in m.write(city, drop)]
