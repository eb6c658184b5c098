"""Who is meant in every record of every system: what entity resolution should find, and whom it should keep apart."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from demo.city import City
from demo.register import Register

# The same thing twice in one register: its own entries, not what others say about it.
SELF = "self"


class Entities:
    """Slice of the city: its institutions and people as all registers of all systems mention them."""

    def __init__(self, city: City):
        self.city = city

    @cached_property
    def mentions(self) -> dict[str, list[dict[str, str]]]:
        """`person:12`, `institution:7` → the accepted records that mention it, each with the role."""
        from demo import systems  # the systems know the slices, so they are loaded last

        found: dict[str, list[dict[str, str]]] = {}
        for register in systems.registers(self.city).values():
            for record_id, slot in accepted(register):
                for role, entity in register.links(slot).items():
                    found.setdefault(entity, []).append({"record_id": record_id, "role": role})
        return found

    def truth(self) -> dict[str, Any]:
        entities = [
            {"entity": entity, "kind": self._kind(entity), "names": self.names(entity), "records": records}
            for entity, records in sorted(self.mentions.items())
        ]
        return {
            "entities": entities,
            "duplicates": list(self._duplicates()),
            "near_misses": {"person_entity": list(self._namesakes()), "institution_entity": list(self._groups())},
        }

    def names(self, entity: str) -> list[str]:
        """Names the thing has or had up to today, and those it goes by besides."""
        kind, number = split(entity)
        if kind == "person":
            person = self.city.person(number)
            return list(dict.fromkeys((person.name, person.traditional, person.romanised)))
        institution = self.city.institution(number)
        borne = [name for since, name in institution.names if since <= self.city.today] or [institution.names[0][1]]
        return list(dict.fromkeys((*reversed(borne), institution.short_name, institution.english_name)))

    def _kind(self, entity: str) -> str:
        kind, number = split(entity)
        return "person" if kind == "person" else self.city.kind_of(number)

    def _duplicates(self) -> Iterator[dict[str, Any]]:
        """The same thing entered more than once in one register."""
        for entity, records in sorted(self.mentions.items()):
            own: dict[str, list[str]] = {}
            for record in records:
                if record["role"] == SELF or record["role"].startswith(f"{SELF}."):
                    own.setdefault(record["record_id"].rsplit(":", 1)[0], []).append(record["record_id"])
            for register, ids in own.items():
                if len(set(ids)) > 1:
                    yield {"entity": entity, "register": register, "record_ids": sorted(set(ids))}

    def _namesakes(self) -> Iterator[dict[str, Any]]:
        """Two people of one name."""
        by_name: dict[str, list[str]] = {}
        for entity in sorted(e for e in self.mentions if e.startswith("person:")):
            by_name.setdefault(self.city.person(split(entity)[1]).name, []).append(entity)
        for name, people in by_name.items():
            if len(people) > 1:
                yield {"name": name, "entities": people}

    def _groups(self) -> Iterator[dict[str, Any]]:
        """An institution and its parent, whose names share what tells others apart."""
        for entity in sorted(e for e in self.mentions if e.startswith("institution:")):
            parent = self.city.institution(split(entity)[1]).parent
            if parent is not None and f"institution:{parent}" in self.mentions:
                yield {"entities": [f"institution:{parent}", entity]}


def accepted(register: Register) -> Iterator[tuple[str, int]]:
    """Record id and slot of every delivery that its contract accepts."""
    for slot in range(register.size()):
        for row, reason in register.deliveries(slot)[:1]:
            if reason is None:
                yield register.record_id(row), slot


def split(entity: str) -> tuple[str, int]:
    """`person:12` → person, 12."""
    kind, number = entity.split(":")
    return kind, int(number)


SLICE = Entities
