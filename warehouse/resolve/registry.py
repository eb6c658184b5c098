"""What is known of an institution: names, places, kinds and relations, from ROR's records or our own registers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# How a name speaks for an institution, strongest first.
DISPLAY, LABEL, ALIAS, VARIANT, ACRONYM, SHORT, PARENT, PREFIX = range(8)
KINDS = ("education", "healthcare", "company", "facility", "government", "nonprofit")


@dataclass(frozen=True)
class Place:
    """Where an institution is; `country` is its code (ISO 3166-1 alpha-2)."""

    city: str | None
    region: str | None
    country: str | None
    country_name: str | None


@dataclass(frozen=True)
class Institution:
    """One institution of a registry.

    `names`: text and how it speaks (DISPLAY, LABEL, ALIAS, ACRONYM). `relations`: parent, child, successor, predecessor
    or related, and the other's id. `identifiers`: how many other registers know it.
    """

    id: str
    names: tuple[tuple[str, int], ...]
    places: tuple[Place, ...] = ()
    kinds: frozenset[str] = frozenset()
    relations: tuple[tuple[str, str], ...] = ()
    is_active: bool = True
    identifiers: int = 0


def from_ror(record: dict[str, Any]) -> Institution:
    """An institution from a ROR record of schema 1 or 2."""
    return (_schema_2 if "names" in record else _schema_1)(record)


def _schema_2(record: dict[str, Any]) -> Institution:
    names = []
    for name in record["names"]:
        types = name["types"]
        kind = (
            ACRONYM
            if "acronym" in types
            else DISPLAY
            if "ror_display" in types
            else LABEL
            if "label" in types
            else ALIAS
        )
        names.append((name["value"], kind))
    places = [
        Place(p.get("name"), p.get("country_subdivision_name"), p.get("country_code"), p.get("country_name"))
        for p in (location["geonames_details"] for location in record["locations"])
    ]
    return Institution(
        record["id"],
        tuple(names),
        tuple(places),
        frozenset(record["types"]),
        _relations(record["relationships"]),
        record["status"] == "active",
        len(record.get("external_ids") or ()),
    )


def _schema_1(record: dict[str, Any]) -> Institution:
    names = [
        (record["name"], DISPLAY),
        *((alias, ALIAS) for alias in record["aliases"]),
        *((label["label"], LABEL) for label in record["labels"]),
        *((acronym, ACRONYM) for acronym in record["acronyms"]),
    ]
    country = record.get("country") or {}
    places = []
    for address in record["addresses"]:
        admin = (address.get("geonames_city") or {}).get("geonames_admin1") or {}
        code = country.get("country_code") or (admin.get("code") or "").partition(".")[0] or None
        region = admin.get("name") or address.get("state")
        places.append(Place(address.get("city"), region, code, country.get("country_name")))
    return Institution(
        record["id"],
        tuple(names),
        tuple(places),
        frozenset(kind.lower() for kind in record["types"]),
        _relations(record["relationships"]),
        record["status"] == "active",
        len(record.get("external_ids") or ()),
    )


def _relations(found: Iterable[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((r["type"].lower(), r["id"]) for r in found)
