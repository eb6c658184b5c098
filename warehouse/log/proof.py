"""One record proven to somebody who has nothing but a public key: a zip of its paths, and of what may be shown.

The bundle holds the record's audit path in its batch, the entries of the batch and of its root with their paths in the
ledger, and a signed head. Of a source without personal fields it holds the payload too, so that the bytes themselves
can be read; of any other only hashes (docs/formats.md).
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from brain.errors import BrainError, IntegrityError
from brain.settings import Settings
from ingest import merkle
from ingest.contract import Record, Source
from ingest.landing import Segment
from ingest.ledger import Ledger, LedgerEntry, live_entries
from ingest.raw import relation_sql
from ingest.records import Reader, Shape, content_of
from ingest.run import source_of
from warehouse import connect
from warehouse.log import records

FORMAT = "science-brain/proof/1"


@dataclass(frozen=True)
class Version:
    """One version of a record: where raw and landing hold it. `row`: of its batch, over all files, from 0."""

    record_id: str
    number: int
    entry: LedgerEntry
    row: int
    change: str
    content_hash: str | None
    payload: int | None
    pointer: str | None


def prove(
    settings: Settings, record_id: str, out: Path, version: int | None = None, kept: str | None = None
) -> dict[str, Any]:
    """Write the proof of a record's newest version, or of the one numbered `version`, as a zip to `out`.

    `kept`: a head that the reader has kept from earlier; the bundle then shows that the ledger only grew since. Returns
    what the bundle says, without paths. Raises BrainError where there is no such version or its root is not entered
    yet, IntegrityError where what is stored is not what was entered.
    """
    ledger = Ledger(settings)
    entries, heads = ledger.entries_and_heads()
    found = find(settings, entries, record_id, version)
    said, told = records.entered_roots(entries).get(found.entry.seq, (None, None))
    if said is None or told is None:
        raise BrainError(f"batch {found.entry.seq} has no root yet", "the next `brain build` enters it")
    leaf, path, tree = records.path_of(settings, found.entry, found.row)
    if merkle.root_of_path(leaf, found.row, tree.records, path).hex() != told["root"]:
        raise IntegrityError(f"raw of batch {found.entry.seq} is not what was entered", "`brain verify` says more")
    size, head = heads[-1]
    hashes = [bytes.fromhex(e.leaf) for e in entries[:size]]
    if ledger.open(head).root != merkle.root(hashes).hex():
        raise IntegrityError("the ledger is not what its newest head says", "`brain verify` names what was changed")

    def place(entry: LedgerEntry) -> dict[str, Any]:
        return {"body": entry.body, "path": _hex(merkle.inclusion(hashes, entry.seq - 1))}

    stored = None if found.payload is None else records.stored_hashes(settings, found.entry.data)[found.payload]
    shown, withheld = _shown(settings, found)
    proof = {
        "format": FORMAT,
        "record": {
            "record_id": found.record_id,
            "change": found.change,
            "content_hash": found.content_hash,
            "stored_sha256": stored,
            "pointer": found.pointer,
        },
        "leaf": {"index": found.row, "size": tree.records, "path": _hex(path)},
        "batch": place(found.entry),
        "roots": place(said),
        "keys": [place(e) for e in entries if e.kind == "key"],
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in shown.items()},
        "withheld": withheld,
    }
    if kept is not None:
        old = ledger.open(kept)
        if not 0 < old.size <= size or merkle.root(hashes[: old.size]).hex() != old.root:
            raise IntegrityError(f"the head over {old.size} entries is not one of this ledger: it was forked")
        growth = _hex(merkle.consistency(hashes, old.size))
        proof["consistency"] = {"size": old.size, "root": old.root, "path": growth}
    files = {"proof.json": _json(proof), "checkpoint": head.encode(), **shown}
    fresh = out.with_name(out.name + ".tmp")
    fresh.write_bytes(packed(files))
    fresh.replace(out)
    return {
        "record": {**proof["record"], "version": found.number},
        "batch": found.entry.seq,
        "bundle": str(out),
        "bytes": out.stat().st_size,
        "files": list(files),
        "withheld": withheld,
        "checkpoint": head,
    }


def find(settings: Settings, entries: list[LedgerEntry], record_id: str, version: int | None = None) -> Version:
    """A version of a record in raw; the newest where no number is given. Raises BrainError where there is none."""
    source_name, _, rest = record_id.partition(":")
    source = source_of(settings, source_name, any_profile=True)  # one contract: validating all takes a second
    record = next((r for r in source.records if r.name == rest.partition(":")[0]), None)
    if record is None:
        raise BrainError(f"{record_id!r} is no record id", "as `brain trace` shows them: moe:institution:4161010698")
    live = [e for e in live_entries(entries) if (e.source, e.record) == (record.source, record.name)]
    with connect.memory() as con:
        files = [settings.home / f["path"] for e in live for f in e.data["raw"]]
        try:
            rows = con.execute(
                "SELECT _version, _batch, _change, _content_hash, _payload, _pointer "
                f"FROM ({relation_sql(record, files)}) WHERE _record_id = ? ORDER BY _version",
                [record_id],
            ).fetchall()
        except duckdb.Error as e:
            raise IntegrityError(f"raw of {record.table} cannot be read", "`brain verify` says more") from e
        chosen = [r for r in rows if version in (None, r[0])]
        if not chosen:
            what = f"version {version} of {record_id!r}" if rows else f"{record_id!r} in raw"
            raise BrainError(f"there is no {what}", "`brain trace` and `brain quarantine list` say what there is")
        number, batch, change, content_hash, payload, pointer = chosen[-1]
        entry = next(e for e in live if e.seq == batch)
        row, at = 0, 0
        for ref in entry.data["raw"]:
            hit = con.execute(
                "SELECT file_row_number FROM read_parquet(?, file_row_number = true) WHERE _record_id = ? "
                "AND _payload IS NOT DISTINCT FROM ? AND _pointer IS NOT DISTINCT FROM ?",
                [str(settings.home / ref["path"]), record_id, payload, pointer],
            ).fetchone()
            if hit:
                row = at + hit[0]
                break
            at += ref["rows"]
    return Version(record_id, number, entry, row, change, content_hash, payload, pointer)


def _shown(settings: Settings, found: Version) -> tuple[dict[str, bytes], str | None]:
    """The files that show what was sent, and why some are left out."""
    data = found.entry.data
    source = source_of(settings, found.entry.source, any_profile=True)
    if source.is_personal:
        return {}, "the source holds personal data"
    if found.payload is None:
        return {}, "left out by the source"
    segment = Segment(settings.home / data["landing"]["segment"])
    landed = segment.entries()[found.payload]
    body = segment.body(landed)
    files = {"index.jsonl": segment.index_path.read_bytes(), "payload.zst": segment.stored(landed), "payload": body}
    record = source.record(found.entry.record)
    if record.raw_digest != data["raw_digest"]:
        return files, "the contract changed since"
    files["record.json"] = canonical(settings, source, record, found, body)
    return files, None


def canonical(settings: Settings, source: Source, record: Record, found: Version, body: bytes) -> bytes:
    """The canonical form of the record, read again from its payload; raises IntegrityError where it is another."""
    data = found.entry.data
    landed = Segment(settings.home / data["landing"]["segment"]).entries()[found.payload or 0]
    server = next(s for s in source.servers if s.name == data["server"])
    shape = Shape(record, None)
    shapes = [shape if n == record.name else Shape(source.record(n), None) for n in server.records]
    content = content_of(server, landed, body)
    for read in Reader(server, shapes, keep_raw=False).read(landed.payload, content, landed.url):
        if read.record == record.name and found.pointer in read.pointers:
            [row] = read.only(found.pointer).rows
            if shape.hashes([row])[0].hex() == found.content_hash:
                return shape.canonical(row)
    raise IntegrityError(f"landing holds another record at {found.pointer}", "`brain verify` says more")


def _hex(hashes: list[bytes]) -> list[str]:
    return [h.hex() for h in hashes]


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def packed(files: dict[str, bytes]) -> bytes:
    """The zip of these files, stored and without times: a proof is always the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as bundle:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o644 << 16
            bundle.writestr(info, content)
    return out.getvalue()
