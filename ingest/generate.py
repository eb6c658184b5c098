"""Files that derive from the contracts: `python -m ingest.generate` writes them, `--check` compares (CI).

dbt_project/models/staging/_sources.yml: one table per record type of every source, and the house's own relations.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from brain.settings import ROOT, Settings
from ingest.contract import Record, Source, load_sources

TARGET = ROOT / "dbt_project/models/staging/_sources.yml"
HEADER = (
    "# Generated from ingest/sources/ by `python -m ingest.generate`: do not edit, change the contract and run it.\n"
)
HOUSE = {
    "ledger__batches": "One row per entry of the ledger: what was received and what became of it.",
    "ledger__payloads": "One row per landed payload: address, time, place in landing, hashes.",
    "quarantine__records": "One row per refused record, with every reason and its locator.",
    "journal__checks": "Results of the arrival and release gates.",
    "journal__models": "Runs of the dbt models: status, rows, seconds.",
    "sources": "The sources of the profile, as their contracts describe them.",
}
META = {
    "_record_id": ("记录编号", "<source>:<record>:<key>, stable over all versions"),
    "_content_hash": ("内容哈希", "SHA-256 of the canonical form, hex; NULL for a withdrawal by omission"),
    "_batch": ("批次", "Number of the ledger entry that committed this version"),
    "_payload": ("报文序号", "Payload within the batch's fetch"),
    "_pointer": ("定位", "Locator within the payload: JSON pointer, line or sheet row"),
    "_change": ("变更类型", "upsert, delete or withdrawn"),
    "_received_at": ("接收时间", "When the payload came in, UTC"),
    "_as_of": ("数据日期", "As-of date of the delivery, if it has one"),
    "_warnings": ("存疑", "Doubts that are no reason for quarantine"),
    "_version": ("版本", "1..n per record"),
    "_is_current": ("是否最新", "Whether this is the record's newest version"),
    "_is_withdrawn": ("是否撤回", "Whether this version withdraws the record"),
}


def sources_yaml(sources: dict[str, Source]) -> str:
    """The dbt source file as text, in the order of the names."""
    tables: list[dict[str, Any]] = []
    for source in sorted(sources.values(), key=lambda s: s.name):
        tables += [_table(source, r) for r in source.records]
    tables += [{"name": name, "description": text} for name, text in HOUSE.items()]
    document = {
        "version": 2,
        "sources": [
            {
                "name": "raw",
                "schema": "raw",
                "description": "Typed versions of what the sources sent, one relation per record type.",
                "tables": tables,
            }
        ],
    }
    return HEADER + yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=140)


def _table(source: Source, record: Record) -> dict[str, Any]:
    columns = []
    for name, f in record.columns:
        if f is None:
            base = record.field(name.removesuffix("_pseudonym"))
            text, label, level = f"Keyed pseudonym of {base.name}, for joining", f"{base.label}假名", "internal"
        else:
            text, label, level = f.description, f.label, f.classification
        meta = {"label": label, "classification": level} | ({"unit": f.unit} if f and f.unit else {})
        columns.append({"name": name, "description": text, "config": {"meta": meta}})
    for name, (label, text) in META.items():
        columns.append({"name": name, "description": text, "config": {"meta": {"label": label}}})
    return {
        "name": record.table,
        "description": f"{source.title}: {record.label}. {record.description}".strip(),
        "config": {"meta": {"class": record.class_, "delivery": record.delivery, "contract_version": source.version}},
        "columns": columns,
    }


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` say whether it is what would be written (exit 1 if not)."""
    own = Settings.from_env({"BRAIN_SOURCES": str(ROOT / "ingest/sources")})
    text = sources_yaml(load_sources(own, all_profiles=True))
    if "--check" in arguments:
        if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write(f"{Path(TARGET).relative_to(ROOT)} is not what the contracts say: python -m ingest.generate\n")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
