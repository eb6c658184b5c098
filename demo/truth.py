"""Everything planted in the city: what the platform should find, and what it must not.

Each slice says its own part in `truth()`: lists under the names of LISTS, and under `near_misses` a list per rule of
things that almost meet it. Here they are put together, and the rows that a contract must refuse are added: what hangs
on one of those nobody has to find, and nobody must not find, so it is set aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    "services",
    "outreach",
    "deliveries",
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
    refused = _Refused(dirty(city))
    found["dirty"] += refused.rows
    aside: list[dict[str, Any]] = []
    for lists in (found, near):
        for name, things in lists.items():
            hidden = [] if name == "dirty" else [(thing, ids) for thing in things if (ids := refused.named(thing))]
            aside += [{"list": name, "near_miss": lists is near, "refused": i, "thing": t} for t, i in hidden]
            if hidden:
                lists[name] = [thing for thing in things if not refused.named(thing)]
    return {**found, "set_aside": aside, "near_misses": near}


class _Refused:
    """Rows that are refused, under the names by which things of the lists name them."""

    def __init__(self, rows: Iterable[dict[str, Any]]):
        self.rows = list(rows)
        self._ids: set[str] = set()
        self._keys: dict[str, list[tuple[str, str]]] = {}  # key → record type and record id
        for row in self.rows:
            key = "|".join(map(str, row["key"])) if isinstance(row["key"], list) else str(row["key"])
            record_id = f"{row['source']}:{row['record']}:{key}"
            self._ids.add(record_id)
            self._keys.setdefault(key, []).append((row["record"], record_id))

    def named(self, thing: Any) -> list[str]:
        """Ids of the refused rows that a thing names, by id or by its number: `obligation` is a report_obligation."""
        return sorted({i for field, text in _texts(thing) for i in self._of(field, text)})

    def _of(self, field: str, text: str) -> list[str]:
        numbers = [i for record, i in self._keys.get(text, ()) if field and record.endswith(field.removesuffix("s"))]
        return [*numbers, text] if text in self._ids else numbers


def _texts(thing: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a thing with the name of the field that holds it."""
    if isinstance(thing, str):
        yield field, thing
    elif isinstance(thing, dict):
        for name, value in thing.items():
            yield from _texts(value, name)
    elif isinstance(thing, list | tuple):
        for value in thing:
            yield from _texts(value, field)


def dirty(city: City) -> Iterable[dict[str, Any]]:
    """Every delivered row that its contract must refuse; `key` is a list where the key has several fields."""
    for (source, record), register in systems.registers(city).items():
        for key, reason in register.planted():
            key = list(key) if isinstance(key, tuple) else key
            yield {"source": source, "record": record, "key": key, "reason": reason}
