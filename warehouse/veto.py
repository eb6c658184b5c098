"""Rule 2 of the plan, the veto: who of a list is barred on a day, and the list that is shared with other departments.

Both read the current release only, so an answer names the release it follows from and can be asked for again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from brain.errors import BrainError
from brain.keys import load_keys
from brain.settings import Settings
from ingest import codes
from ingest.privacy import Pseudonymiser, mask
from warehouse import connect
from warehouse.lists import texts
from warehouse.publish import Release, current
from warehouse.resolve.names import plain
from warehouse.resolve.person_names import person_name

_ID_NUMBER = re.compile(r"\d{17}[\dX]|\d{15}")
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{18}")
_ORCID = re.compile(r"(?:HTTPS?://ORCID\.ORG/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
CASE = (
    "case_no", "decision_no", "decision_date", "authority", "behaviour_code", "behaviour_label", "severity",
    "barred_from_date", "free_date", "lifted_date", "lifted_reason", "rule_version", "rule_source", "record_ids",
)  # fmt: skip
SHARED = (
    "subject_type_label", "subject_name", "subject_credit_code", "subject_id_number_masked", "behaviour_label",
    "severity_label", "decision_no", "decision_date", "authority", "barred_from_date", "free_date",
    "decision_rule_version", "case_no",
)  # fmt: skip
LABELS = (
    "主体类型", "主体名称", "统一社会信用代码", "证件号码（脱敏）", "失信行为", "严重程度", "决定文号", "决定日期",
    "决定机关", "限制起始日", "限制截止日", "依据规则", "案件编号",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One line of a list. `scheme`: id_number, credit_code, orcid or name; `shown`: the line, an ID number masked."""

    scheme: str
    value: str
    shown: str


def veto_file(settings: Settings, path: Path, column: str | None = None, as_of: date | None = None) -> dict[str, Any]:
    """Judge every line of a list, or the column of a CSV file: names, credit codes, ID numbers or ORCIDs.

    Returns `rows`, one per line and entity that goes by it ({input, scheme, blocked, entity_id, cases}; `entity_id` is
    null for somebody unknown here), and the `certificate`: as of which day, by which release. `as_of` defaults to the
    day of the release. A line that only namesakes share has a row for each of them. Raises BrainError where nothing is
    released or the file cannot be read.
    """
    questions = [question(text) for text in texts(path, column)]
    release = _release(settings)
    day = as_of or date.fromisoformat(release.as_of)
    hidden = Pseudonymiser(load_keys(settings))
    with connect.read_only(release.path / "audit.duckdb") as con:
        found = _entities(con, questions, hidden)
        cases = _cases(con, day)
    rows = []
    for asked in questions:
        entities = sorted(found.get((asked.scheme, _key(asked, hidden)), ()))
        for entity in entities or [None]:
            held = cases.get(entity, []) if entity else []
            rows.append(
                {
                    "input": asked.shown,
                    "scheme": asked.scheme,
                    "blocked": bool(held),
                    "entity_id": entity,
                    "cases": held,
                }
            )
    certificate = {"as_of": day.isoformat(), "release": release.id, "content_hash": release.content_hash}
    return {"rows": rows, "certificate": certificate}


def _release(settings: Settings) -> Release:
    release = current(settings)
    if release is None:
        raise BrainError("nothing is released yet", "run `brain run` first")
    return release


def question(text: str) -> Question:
    """What a line asks for, by its shape; eighteen digits may be an ID number or a credit code: the check digit says.

    >>> question("91350200MA2YJ1XR9G").scheme, question("0000-0002-1825-0097").scheme, question("某某大学").scheme
    ('credit_code', 'orcid', 'name')
    """
    text = text.strip()
    bare = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()
    if _ID_NUMBER.fullmatch(bare) and (codes.id_number(bare) or not codes.uscc(bare)):
        return Question("id_number", bare, mask("id_number", bare))
    if _CREDIT_CODE.fullmatch(bare):
        return Question("credit_code", bare, text)
    orcid = _ORCID.fullmatch(bare)
    return Question("orcid", orcid[1], text) if orcid else Question("name", text, text)


def _key(asked: Question, hidden: Pseudonymiser) -> str:
    if asked.scheme == "id_number":
        return hidden("id_number", asked.value)
    return _name_key(asked.value) if asked.scheme == "name" else asked.value


def _name_key(name: str) -> str:
    """Names of people by their characters or letters, of institutions as the resolution reads them."""
    person = person_name(name) if len(name) <= 40 else None
    return person.characters if person and person.characters else plain(name)


def _entities(con: Any, questions: Iterable[Question], hidden: Pseudonymiser) -> dict[tuple[str, str], set[str]]:
    """(scheme, key) → the entities that go by it, of the questions asked."""
    wanted = {(q.scheme, _key(q, hidden)) for q in questions}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows = con.execute(
        "SELECT entity_id, scheme, identifier FROM map_entity_identifiers WHERE list_contains(?, scheme)",
        [sorted({scheme for scheme, _ in wanted})],
    )
    while some := rows.fetchmany(10_000):
        for entity, scheme, identifier in some:
            key = (scheme, _name_key(identifier) if scheme == "name" else identifier)
            if key in wanted:
                found[key].add(entity)
    return found


def _cases(con: Any, day: date) -> dict[str, list[dict[str, Any]]]:
    """Entity → the severe bars in force on a day, each with the version of the rule that makes it a veto."""
    rows = con.execute(
        "SELECT b.entity_id, b.case_no, b.decision_no, b.decision_date, b.authority, b.behaviour_code, "
        "b.behaviour_label, b.severity, b.barred_from_date, b.free_date, b.lifted_date, b.lifted_reason, "
        "r.rule_version, r.source_document AS rule_source, b.record_ids "
        "FROM audit_bars AS b INNER JOIN audit_veto_rules AS r ON b.severity = r.severity "
        "AND r.valid_from <= $day AND (r.valid_to IS NULL OR $day < r.valid_to) "
        "WHERE b.entity_id IS NOT NULL AND b.barred_from_date <= $day AND (b.free_date IS NULL OR $day < b.free_date) "
        "ORDER BY b.entity_id, b.decision_date, b.case_no",
        {"day": day},
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entity, *values in rows.fetchall():
        case = {name: _plain(value) for name, value in zip(CASE, values, strict=True)}
        found[entity].append({**case, "record_ids": json.loads(case["record_ids"])})
    return found


def share(settings: Settings, folder: Path) -> dict[str, Any]:
    """Write the list for joint sanctions (联合惩戒): published severe decisions in force, as CSV and JSON.

    Each file stands beside its SHA-256 in `SHA256SUMS`, in the form that `sha256sum -c` reads. Returns the names, the
    number of rows and the certificate. Raises BrainError where nothing is released.
    """
    release = _release(settings)
    with connect.read_only(release.path / "audit.duckdb") as con:
        names = ", ".join(SHARED)
        rows = con.execute(
            f"SELECT {names} FROM audit_bars WHERE is_in_force AND is_published AND severity = 'severe' "
            "ORDER BY decision_date, case_no, bar_id"
        ).fetchall()
    certificate = {"as_of": release.as_of, "release": release.id, "content_hash": release.content_hash}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(LABELS)
    writer.writerows([_cell(value) for value in row] for row in rows)
    items = [{name: _plain(v) for name, v in zip(SHARED, row, strict=True)} for row in rows]
    document = json.dumps({"certificate": certificate, "items": items}, ensure_ascii=False, indent=1)
    files = {"sanctions.csv": text.getvalue().encode("utf-8-sig"), "sanctions.json": document.encode()}
    folder.mkdir(parents=True, exist_ok=True)
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    for name, content in {**files, "SHA256SUMS": sums.encode()}.items():
        (folder / name).write_bytes(content)
    return {"files": sorted([*files, "SHA256SUMS"]), "rows": len(rows), "certificate": certificate}


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r＝＋－＠" and text else text


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
