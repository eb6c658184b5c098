"""What names mean in the registers of the world, for names that no register spells so: the dbt model
int_institution_references.

Two finders of other modules are asked, each for its kind of text: `chinese` for the units of Chinese records, former
names, translated ones and schools among them; `affiliations` for the texts that papers print. Both read ROR, whose
47,000 records take ten seconds, so neither is made where there is nothing to ask or no ROR to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

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
    records = [ror_record(row) for row in _raw(dbt.source("raw", "ror__organization"))]
    if not records:
        return SCHEMA.empty_table()
    china = [from_ror(record) for record in records]
    schools = [
        Institution(f"moe:{code}", ((name, DISPLAY),), (Place(city, None, "CN", "China"),), frozenset({"education"}))
        for code, name, city in dbt.ref("stg_moe__institution")
        .project("school_code, institution_name, city_name")
        .fetchall()
    ]
    rows = list(_units([u for u in units if is_chinese(u)], china, relatives(records, china), schools))
    if texts:
        abroad = (from_ror(ror_record(row)) for row in _raw(dbt.source("raw", "ror__organization_reference")))
        everybody = {i.id: i for i in (*abroad, *china)}
        rows += _texts(texts, everybody.values())
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def _raw(relation: Any) -> Iterator[dict[str, Any]]:
    """The current rows of a relation in raw."""
    found = relation.filter("_is_current and not _is_withdrawn").project(ROR_COLUMNS).order("ror_id")
    columns = found.columns
    while some := found.fetchmany(5_000):
        for values in some:
            yield dict(zip(columns, values, strict=True))


def _units(
    names: list[str], ror: list[Institution], related: list[Institution], schools: Iterable[Institution]
) -> Iterator[tuple]:
    finder = ChineseUnits([*ror, *related], schools)
    entered = {i.id for i in ror}
    # a school that ROR only names in relations has its entry in the Ministry's list: that number is the one to join
    codes = {link.id: code for code, link in finder.same.items() if link.id not in entered}
    for code, link in sorted(finder.same.items()):
        if link.id in entered:
            yield code, False, 1, _number(link.id), link.score, SAME
    for name, link in zip(names, finder.link(names), strict=True):
        if link is not None:
            yield name, False, 1, codes.get(link.id) or _number(link.id), link.score, link.rule


def _texts(texts: list[str], institutions: Iterable[Institution]) -> Iterator[tuple]:
    for text, found in zip(texts, Matcher(institutions).match(texts), strict=True):
        for place, match in enumerate(found, 1):
            yield text, True, place, _number(match.id), round(match.score, 4), match.rule


def _number(institution: str) -> str:
    """Id of a finder as a number of a register: https://ror.org/017zhmm22 → ror:017zhmm22."""
    return f"ror:{institution.rpartition('/')[2]}" if institution.startswith("https://ror.org/") else institution
