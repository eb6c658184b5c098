"""What names mean in the registers of the world, for names that no register spells so: the dbt model
int_institution_references.

Two finders of other modules are asked, each for its kind of text: `chinese` for the units of Chinese records, former
names, translated ones and schools among them; `affiliations` for the texts that papers print. Both read ROR, whose
47,000 records take ten seconds, so neither is made where nothing new is asked or no ROR is there (see `kept`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse.resolve import kept
from warehouse.resolve.affiliations import Matcher
from warehouse.resolve.chinese import ChineseUnits, relatives
from warehouse.resolve.institutions import SAME
from warehouse.resolve.match import ror_record
from warehouse.resolve.names import is_chinese
from warehouse.resolve.registry import DISPLAY, Institution, Place, from_ror

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("is_free_text", pa.bool_()),
        ("place", pa.int32()),
        ("number", pa.string()),
        ("score", pa.float64()),
        ("rule", pa.string()),
    ]
)
ROR_COLUMNS = (
    "ror_id, types, status, relationships, external_ids, names, locations, "
    "name_v1, labels_v1, aliases_v1, acronyms_v1, addresses_v1"
)


def model(dbt: Any) -> pa.Table:
    """The table of the dbt model: SCHEMA.

    `number` is the institution's number with its scheme (ror:, moe:, or unit: for the committed table of units);
    `place` counts the institutions that one text names. A row of rule `same_institution` says that the school of the
    number in `name` is the institution of `number`.
    """
    units, texts = (
        [
            row[0]
            for row in dbt.ref("int_institution_mentions")
            .filter(f"name is not null and not is_registered and is_free_text = {free}")
            .project("name")
            .distinct()
            .order("name")
            .fetchall()
        ]
        for free in ("false", "true")
    )
    ror, abroad = dbt.source("raw", "ror__organization"), dbt.source("raw", "ror__organization_reference")
    moe = dbt.ref("stg_moe__institution").project("school_code, institution_name, city_name").order("school_code")
    if not ror.limit(1).fetchall():
        return SCHEMA.empty_table()
    schools = moe.fetchall()
    units_of = cache(lambda: _Units(ror, schools))

    def texts_of(some: list[str]) -> Iterator[tuple]:
        return _texts(some, {i.id: i for relation in (abroad, ror) for i in map(from_ror, _records(relation))}.values())

    registers = _digest(ror, abroad, moe)
    folder = Path(os.environ["BRAIN_WAREHOUSE"]).parents[1] / "cache"
    asked = (
        ("schools", [f"moe:{code}" for code, *_ in schools], lambda some: units_of().schools(some)),
        ("units", [name for name in units if is_chinese(name)], lambda some: units_of().units(some)),
        ("texts", texts, texts_of),
    )
    return pa.concat_tables(
        kept.answers(folder / f"{what}.parquet", registers, names, SCHEMA, find) for what, names, find in asked
    )


def _digest(*relations: Any) -> str:
    """SHA-256 over the rows of relations, in their order."""
    digest = hashlib.sha256()
    for relation in relations:
        columns = "_record_id, _content_hash, _is_current and not _is_withdrawn"
        rows = relation.project(columns).order("all") if "_content_hash" in relation.columns else relation
        while some := rows.fetchmany(10_000):
            digest.update(repr(some).encode())
    return digest.hexdigest()


def _records(relation: Any) -> Iterator[dict[str, Any]]:
    """The current records of a ROR relation in raw."""
    found = relation.filter("_is_current and not _is_withdrawn").project(ROR_COLUMNS).order("ror_id")
    columns = found.columns
    while some := found.fetchmany(5_000):
        for values in some:
            yield ror_record(dict(zip(columns, values, strict=True)))


class _Units:
    """The finder of Chinese units, and what its answers mean in the registers that are at hand."""

    def __init__(self, relation: Any, schools: Iterable[tuple[str, str, str]]):
        records = list(_records(relation))
        ror = [from_ror(record) for record in records]
        self._entered = {i.id for i in ror}
        listed = (
            Institution(
                f"moe:{code}", ((name, DISPLAY),), (Place(city, None, "CN", "China"),), frozenset({"education"})
            )
            for code, name, city in schools
        )
        self._finder = ChineseUnits([*ror, *relatives(records, ror)], listed)

    def schools(self, numbers: list[str]) -> Iterator[tuple]:
        """The institution of ROR that a school of the Ministry's list is."""
        for number in numbers:
            link = self._finder.same.get(number)
            if link is not None and link.id in self._entered:
                yield number, False, 1, _number(link.id), link.score, SAME

    def units(self, names: list[str]) -> Iterator[tuple]:
        # a school that ROR only names in relations has its entry in the Ministry's list: that number is the one to join
        codes = {link.id: code for code, link in self._finder.same.items() if link.id not in self._entered}
        for name, link in zip(names, self._finder.link(names), strict=True):
            if link is not None:
                yield name, False, 1, codes.get(link.id) or _number(link.id), link.score, link.rule


def _texts(texts: list[str], institutions: Iterable[Institution]) -> Iterator[tuple]:
    for text, found in zip(texts, Matcher(institutions).match(texts), strict=True):
        for place, match in enumerate(found, 1):
            yield text, True, place, _number(match.id), round(match.score, 4), match.rule


def _number(institution: str) -> str:
    """Id of a finder as a number of a register: https://ror.org/017zhmm22 → ror:017zhmm22."""
    return f"ror:{institution.rpartition('/')[2]}" if institution.startswith("https://ror.org/") else institution
