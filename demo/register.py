"""What one system delivers of one record type: a slot per record, planted rubbish at fixed slots, pages counted."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar

from demo.city import City

Row = dict[str, Any]
Change = Callable[[Row], None]
Delivery = tuple[Row, str | None]

# The same few places in every city: a break at 3 + 48k once in 797 rows. So a register of twenty rows and more is
# refused for a twentieth of them at the most, which is what the arrival gate lets pass.
BREAK_EVERY, BREAK_FIRST, BREAK_STEP = 797, 3, 48
CONFLICT_EVERY, CONFLICT_AT = 997, 97  # a number given away twice, with different contents
REPEAT_EVERY, REPEAT_AT = 401, 7  # sent twice, byte for byte
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001


class Register:
    """One record type as its system delivers it. Subclasses say `source`, `record`, `key`, `size`, `row`, `changed`.

    A slot never changes its number and never goes away; what it shows may become a tombstone. No list of all rows is
    held: how many deliveries come before a slot is known without making a row.
    """

    source: ClassVar[str]
    record: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    """Names of the key fields in the system's own form; `a/b` is field b inside a."""
    version: ClassVar[tuple[str, ...]] = ()
    """Fields that tell versions of one key apart, where the system delivers its history."""
    breaks: ClassVar[tuple[tuple[str, Change], ...]] = ()
    """Contract-level rubbish: (reason as the quarantine names it, change of the row)."""
    conflicting: ClassVar[Row] = {}
    """What differs in the other record under a key that was given away twice; empty: none is."""

    def __init__(self, city: City):
        self.city = city
        self._extras: array[int] | None = None
        self._stamps: array[int] | None = None  # last change of every slot in seconds since 1970: eight bytes a slot
        self._hits: tuple[int | None, array[int]] = (None, array("q"))

    # -- what a subclass says -------------------------------------------------------------------------------------

    def size(self) -> int:
        """Slots that exist today."""
        raise NotImplementedError

    def row(self, slot: int) -> Row:
        """The slot as the system shows it today, with ordinary dirt; a tombstone where it shows deletions."""
        raise NotImplementedError

    def changed(self, slot: int) -> datetime:
        """Last change as the system stamps it: naive UTC, not after `city.now`."""
        raise NotImplementedError

    def links(self, slot: int) -> dict[str, str]:
        """Truth: role → `person:12` or `institution:7` of everybody the row mentions, by name or by a number.

        Roles: `self` for a register's own entry, else the place in the row (`host`, `leader`, `adviser`, …); in a list
        its singular and the place counted from 1 (`member 1`, `author 2`). A tombstone mentions nobody, and a stranger
        is nobody of the city.
        """
        return {}

    def tombstone(self, slot: int) -> bool:
        """Whether the row is a tombstone today; nothing is broken in those."""
        return False

    def shows(self, slot: int) -> bool:
        """Whether the system delivers the slot today; else nobody asks for its row.

        Only registers without pages may omit: pages count slots without making rows.
        """
        return True

    # -- what follows ---------------------------------------------------------------------------------------------

    def fault(self, slot: int) -> int | None:
        """Number of the break planted at a slot."""
        number, rest = divmod(slot % BREAK_EVERY - BREAK_FIRST, BREAK_STEP)
        return number if rest == 0 and 0 <= number < len(self.breaks) else None

    def copies(self, slot: int) -> int:
        """How often the slot is delivered: 2 where its number was given away twice or it is repeated."""
        return 1 + (self.twin(slot) or slot % REPEAT_EVERY == REPEAT_AT)

    def twin(self, slot: int) -> bool:
        """Whether the slot's number is given away twice."""
        return slot % CONFLICT_EVERY == CONFLICT_AT and self.fault(slot) is None and bool(self.conflicting)

    def sound(self, slot: int) -> bool:
        """Whether no contract refuses what the slot delivers: what hangs on other slots nobody can know."""
        return self.fault(slot) is None and not self.twin(slot)

    def deliveries(self, slot: int) -> list[Delivery]:
        """The rows of a slot, each with the reason for which its contract must refuse it, or None."""
        if not self.shows(slot):
            return []
        row, reason = self.row(slot), None
        dead = self.tombstone(slot)
        number = self.fault(slot)
        if number is not None and not dead:
            reason, change = self.breaks[number]
            change(row)
        if self.copies(slot) == 1:
            return [(row, reason)]
        if self.twin(slot) and not dead:
            return [(row, "duplicate_key"), ({**row, **self.conflicting}, "duplicate_key")]
        return [(row, reason), (row, reason)]

    def walk(self, since: datetime | None = None, start: int = 0) -> Iterator[Delivery]:
        """Deliveries in the order of slots from the `start`-th on, changed at or after `since`."""
        if since is None:
            slot, skip = self._place(start)
            slots: Iterable[int] = range(slot, self.size())
        else:
            hits = self._since(_seconds(since))
            skip = 1 if 0 < start < len(hits) and hits[start - 1] == hits[start] else 0
            slots = (
                slot for at, slot in enumerate(hits[start - skip :]) if not at or hits[start - skip + at - 1] != slot
            )
        for slot in slots:
            yield from self.deliveries(slot)[skip:]
            skip = 0

    def rows(self) -> Iterator[Row]:
        """All rows in the order of delivery."""
        return (row for row, _ in self.walk())

    def planted(self) -> Iterator[tuple[Any, str]]:
        """Key (a tuple where it has several fields) and reason of every delivered row that its contract must refuse."""
        return ((self.key_of(row), reason) for row, reason in self.walk() if reason)

    def key_of(self, row: Row) -> Any:
        """The key of a row: a value, or a tuple of values."""
        values = self._values(row, self.key)
        return values[0] if len(values) == 1 else tuple(values)

    def version_of(self, row: Row) -> tuple[Any, ...]:
        """What tells the row apart from every other: its key and, in a history, its version."""
        return tuple(self._values(row, self.key + self.version))

    @staticmethod
    def _values(row: Row, names: tuple[str, ...]) -> list[Any]:
        values = []
        for name in names:
            value: Any = row
            for part in name.split("/"):
                value = value.get(part) if isinstance(value, dict) else None
            values.append(value)
        return values

    def record_id(self, row: Row) -> str:
        """The name under which the platform knows the row: `<source>:<record>:<key>`, parts of a key joined by `|`."""
        key = self.key_of(row)
        return f"{self.source}:{self.record}:{'|'.join(map(str, key)) if isinstance(key, tuple) else key}"

    def total(self, since: datetime | None = None) -> int:
        """Number of deliveries; without `since` by arithmetic."""
        if since is None:
            return self.size() + len(self._extra())
        return len(self._since(_seconds(since)))

    def page(self, start: int, size: int, since: datetime | None = None) -> list[Row]:
        """Deliveries `start` to `start + size`."""
        return [row for row, _ in islice(self.walk(since, start), size)]

    def _since(self, least: int) -> array[int]:
        """Slots changed at or after a second since 1970, those delivered twice standing there twice."""
        if self._hits[0] != least:
            if self._stamps is None:
                self._stamps = array("q", (_seconds(self.changed(slot)) for slot in range(self.size())))
            found = (slot for slot, at in enumerate(self._stamps) if at >= least)
            self._hits = least, array("q", (slot for slot in found for _ in range(self.copies(slot))))
        return self._hits[1]

    def _place(self, start: int) -> tuple[int, int]:
        """Slot of the `start`-th delivery, and how many of the slot's own deliveries come before it."""
        extras = self._extra()
        low, high = 0, self.size()
        while low < high:  # first slot whose deliveries end after `start`
            middle = (low + high) // 2
            if middle + 1 + bisect_left(extras, middle + 1) > start:
                high = middle
            else:
                low = middle + 1
        return low, start - low - bisect_left(extras, low)

    def _extra(self) -> array[int]:
        """Slots that are delivered twice, in order."""
        if self._extras is None:
            size = self.size()
            doubtful = {*range(CONFLICT_AT, size, CONFLICT_EVERY), *range(REPEAT_AT, size, REPEAT_EVERY)}
            self._extras = array("q", (slot for slot in sorted(doubtful) if self.copies(slot) == 2))
        return self._extras


def _seconds(at: datetime) -> int:
    """Seconds since 1970, rounded up: a stamp shows whole seconds."""
    return -int(-(at - EPOCH).total_seconds() // 1)


def listed(role: str, kind: str, numbers: Iterable[int]) -> dict[str, str]:
    """Links of a list: `member 1` → `person:12`, …"""
    return {f"{role} {place}": f"{kind}:{number}" for place, number in enumerate(numbers, 1)}


def setting(*path: str, value: Any) -> Change:
    """A break: put `value` at this place of the row. Objects on the way are copied, so nothing shared is changed."""

    def change(row: Row) -> None:
        for name in path[:-1]:
            row[name] = dict(row[name])
            row = row[name]
        row[path[-1]] = value

    return change


def stamp_text(at: datetime) -> str:
    """ISO 8601, UTC, whole seconds."""
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
