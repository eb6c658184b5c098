"""`brain match`: the institutions that a file of affiliations names, by the current release and ROR's records."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from brain.errors import BrainError
from brain.settings import Settings
from ingest.contract import load_sources
from ingest.ledger import Ledger
from ingest.raw import relation_sql
from warehouse import connect
from warehouse.lists import texts
from warehouse.resolve.affiliations import Matcher
from warehouse.resolve.registry import ALIAS, DISPLAY, Institution, Place, from_ror
from warehouse.views import committed_files

ROR_RECORDS = ("organization", "organization_reference")
KINDS = {
    "university": "education",
    "research": "facility",
    "company": "company",
    "government": "government",
    "healthcare": "healthcare",
    "nonprofit": "nonprofit",
}


def match_file(settings: Settings, path: Path, column: str | None = None) -> list[dict[str, Any]]:
    """One row {input, entity_id, ror_id, score, rule} per institution found in each line, or in `column` of a CSV file.

    A text that names several institutions gives several rows; one that names none gives one row of nulls. `entity_id`
    is null for an institution abroad that only ROR's reference records know.
    """
    asked = texts(path, column)
    entities, institutions = registry(settings)
    matcher = Matcher(institutions)
    rows = []
    for text, found in zip(asked, matcher.match(asked), strict=True):
        for match in found:
            is_ror = match.id.startswith("https://ror.org/")
            rows.append(
                {
                    "input": text,
                    "entity_id": entities.get(match.id) if is_ror else match.id,
                    "ror_id": match.id if is_ror else None,
                    "score": match.score,
                    "rule": match.rule,
                }
            )
        if not found:
            rows.append({"input": text, "entity_id": None, "ror_id": None, "score": None, "rule": None})
    return rows


def registry(settings: Settings) -> tuple[dict[str, str], list[Institution]]:
    """Entity id by ROR id, and every institution that a text may mean: what some register holds, not mere mentions.

    Companies that only the exchanges' lists hold are left out: those know short names only (太阳能, 机器人).

    Raises BrainError where nothing is released yet.
    """
    official = settings.current / "official.duckdb"
    if not official.exists():
        raise BrainError("nothing is released yet", "run `brain run` first")
    with connect.read_only(official) as con:
        columns = "institution_id, institution_name, all_names, institution_type, province_name, city_name, ror_id"
        held = "origin = 'registry' and (status <> 'listed' or moe_code is not null)"
        rows = con.execute(f"select {columns} from dim_institutions where {held} order by 1").fetchall()
    entities = {_ror_url(row[6]): row[0] for row in rows if row[6]}
    found = {i.id: i for i in _ror_institutions(settings)}
    for entity, name, names, kind, province, city, ror in rows:
        if not ror or _ror_url(ror) not in found:
            others = [(n, ALIAS) for n in json.loads(names or "[]") if n != name]
            found[entity] = Institution(
                entity,
                ((name, DISPLAY), *others),
                (Place(city, province, "CN", "China"),) if city or province else (),
                frozenset([KINDS[kind]]) if kind in KINDS else frozenset(),
            )
    return entities, list(found.values())


def _ror_url(code: str) -> str:
    return code if code.startswith("https://") else f"https://ror.org/{code}"


def _ror_institutions(settings: Settings) -> Iterable[Institution]:
    """The current, not withdrawn ROR records of the committed batches; the reference ones first."""
    source = load_sources(settings, all_profiles=True).get("ror")
    if source is None:
        return
    files = committed_files(settings, Ledger(settings).entries("ror"))
    for name in reversed(ROR_RECORDS):
        record = source.record(name)
        with connect.memory() as con:
            relation = relation_sql(record, files.get(("ror", name), []))
            rows = con.execute(f"select * from ({relation}) where _is_current and not _is_withdrawn")
            columns = [d[0] for d in rows.description]
            while some := rows.fetchmany(5_000):
                for values in some:
                    yield from_ror(ror_record(dict(zip(columns, values, strict=True))))


def ror_record(row: dict[str, Any]) -> dict[str, Any]:
    """A ROR record of schema 1 or 2 from its columns in raw; lists stand there as JSON text."""

    def listed(column: str) -> Any:
        return json.loads(row[column]) if row[column] else []

    record: dict[str, Any] = {
        "id": row["ror_id"],
        "types": listed("types"),
        "status": row["status"],
        "relationships": listed("relationships"),
        "external_ids": listed("external_ids"),
    }
    if row["names"]:
        return record | {"names": listed("names"), "locations": listed("locations")}
    return record | {
        "name": row["name_v1"],
        "labels": listed("labels_v1"),
        "aliases": listed("aliases_v1"),
        "acronyms": listed("acronyms_v1"),
        "addresses": listed("addresses_v1"),
    }
