"""The source systems of the city, one module each; a module says REGISTERS, and ENDPOINTS, `write(city, drop)`
for files or `fill(city, database)`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from demo.city import City
from demo.endpoint import Endpoint
from demo.faults import Faults
from demo.register import Register
from demo.spoil import spoil_file

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


def write(city: City, drop: Path, faults: Faults | None = None) -> list[Path]:
    """Let the systems that drop files drop those that are missing up to today; returns the new ones, oldest first."""
    paths = [path for m in modules() if hasattr(m, "write") for path in m.write(city, drop)]
    for path in paths if faults else ():
        spoil_file(path, faults.strike(f"/{path.relative_to(drop).as_posix()}"))
    return paths


def fill(city: City, database: str) -> None:
    """Let the systems that are a database hold there what is true today. `database`: an address of SQLAlchemy."""
    for m in modules():
        if hasattr(m, "fill"):
            m.fill(city, database)
