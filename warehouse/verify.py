"""The whole chain proven again: ledger against signed heads, files against the ledger, raw against landing.

Every problem has a kind and a place:

| kind | what was found |
|---|---|
| ledger_entry | an entry is not what its leaf says, or a column differs from its body |
| ledger_gap | entries are missing, or out of order |
| ledger_checkpoint | a head is not signed by our key, or not the head of these entries |
| landing_index, landing_segment, landing_payload | landed bytes are missing or changed |
| raw_file, quarantine_file, hash_file | a committed file is missing or changed |
| raw_record | a row of raw is not what landing holds at its locator, or the counts differ |
| served_row | a row of the release names a record that none of the proven batches brought (`served` only) |
| record_root | an entered root is not that of the batch's records |
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from brain.errors import BrainError, IntegrityError
from brain.keys import load_keys
from brain.settings import Settings
from ingest import merkle
from ingest.contract import Source, load_sources
from ingest.landing import Segment
from ingest.ledger import Ledger, LedgerEntry, batches, live_entries, open_checkpoint, succession
from ingest.privacy import Pseudonymiser
from ingest.records import Shape
from ingest.run import reread, uncommitted
from warehouse import connect
from warehouse.log import records as log
from warehouse.log.served import trace_all

Problem = dict[str, str]


def verify(
    settings: Settings, progress: Callable[[str], None] | None = None, *, served: bool = False
) -> dict[str, Any]:
    """Check everything; returns `entries`, `payloads`, `records`, `problems`, `uncommitted`, `checkpoint`.

    `served`: walk every row of the release, too, back to a record that was just proven; the counts are in `served`.
    `not_compared`: batches whose contract changed since, until the next ingest derives their raw again.
    """
    say = progress or (lambda text: None)
    ledger = Ledger(settings)
    entries, heads = ledger.entries_and_heads()
    problems: list[Problem] = []
    say(f"ledger: {len(entries)} entries")
    problems += _ledger(ledger, entries, heads)
    sound = [e for e in entries if not any(p["where"] == f"entry {e.seq}" for p in problems)]
    say("landing: every payload")
    payloads, broken = _landing(settings, sound, problems)
    say("files of raw, quarantine and hashes")
    damaged = _files(settings, sound, problems)
    say("roots of records")
    for seq, why in log.problems(settings, sound):
        problems.append(_problem("record_root", f"batch {seq}: {why}"))
    records, skipped, proven = _raw_against_landing(settings, sound, broken, damaged, problems, say)
    walked = None
    if served:
        say("rows of the release")
        walked = trace_all(settings, proven)
        for row in walked.pop("untraced"):
            problems.append(_problem("served_row", f"{row['mart']} {row['key']}: {row['record_id']}"))
    leftovers = (
        [str(p.relative_to(settings.home)) for p in uncommitted(settings, sound)] if len(sound) == len(entries) else []
    )
    return {
        "entries": len(entries),
        "payloads": payloads,
        "records": records,
        "not_compared": skipped,
        "problems": problems,
        "uncommitted": leftovers,
        "checkpoint": heads[-1][1] if heads else None,
        **({"served": walked} if walked else {}),
    }


def _problem(kind: str, where: str) -> Problem:
    return {"kind": kind, "where": where}


def _ledger(ledger: Ledger, entries: list[LedgerEntry], heads: list[tuple[int, str]]) -> list[Problem]:
    found = []
    leaves: list[bytes] = []
    expected = 1
    for e in entries:
        if e.seq != expected:
            found.append(_problem("ledger_gap", f"entry {expected} is missing; {e.seq} follows"))
        expected = e.seq + 1
        leaf = merkle.leaf_hash(e.body.encode())
        try:
            data = e.data
            same = all(data[n] == getattr(e, n) for n in ("seq", "kind", "source", "record", "committed_at"))
        except (ValueError, TypeError, KeyError):
            same = False
        if leaf.hex() != e.leaf or not same:
            found.append(_problem("ledger_entry", f"entry {e.seq}"))
        leaves.append(leaf)
    if entries and not heads:
        found.append(_problem("ledger_checkpoint", "no signed head"))
    roots = [root.hex() for root in merkle.prefix_roots(leaves)]
    keys = None
    try:
        keys = succession((e.body for e in entries if e.kind == "key"), ledger.keys.public_key)
    except IntegrityError as error:
        found.append(_problem("ledger_checkpoint", error.message))
    for size, note in heads:
        try:
            head = open_checkpoint(keys.signers(size) if keys else ledger.keys.public_key, note)
        except IntegrityError:
            found.append(_problem("ledger_checkpoint", f"head of size {size}: signature"))
            continue
        if head.size != size or size >= len(roots) or roots[size] != head.root:
            found.append(_problem("ledger_checkpoint", f"head of size {size}: not the head of these entries"))
    if heads and heads[-1][0] > len(entries):
        found.append(_problem("ledger_gap", f"{heads[-1][0]} entries were signed, {len(entries)} are there"))
    if heads and heads[-1][0] < len(entries):
        found.append(_problem("ledger_checkpoint", f"{len(entries)} entries, only {heads[-1][0]} are signed"))
    return found


def _landing(settings: Settings, entries: Iterable[LedgerEntry], problems: list[Problem]) -> tuple[int, set[str]]:
    """Every payload of every segment once; returns how many, and the segments that are not sound."""
    count, broken = 0, set()
    seen: dict[str, str] = {}
    for e in entries:
        landing = e.data.get("landing")
        if landing:
            seen.setdefault(landing["segment"], landing["index_sha256"])
    for name, index_sha256 in seen.items():
        segment = Segment(settings.home / name)
        try:
            index = segment.index_path.read_bytes()
        except OSError:
            index = b""
        if hashlib.sha256(index).hexdigest() != index_sha256:
            problems.append(_problem("landing_index", name))
            broken.add(name)
            continue
        offset = 0
        for entry in segment.entries():
            count += 1
            try:
                segment.stored(entry)
            except IntegrityError:
                problems.append(_problem("landing_payload", f"{name} payload {entry.payload}"))
                broken.add(name)
            if entry.offset != offset:
                problems.append(_problem("landing_segment", f"{name}: gap before payload {entry.payload}"))
                broken.add(name)
            offset = entry.offset + entry.length
        if segment.path.exists() and segment.path.stat().st_size != offset:
            problems.append(
                _problem("landing_segment", f"{name}: {segment.path.stat().st_size} bytes, index says {offset}")
            )
            broken.add(name)
    return count, broken


def _files(settings: Settings, entries: Iterable[LedgerEntry], problems: list[Problem]) -> set[str]:
    checked: set[str] = set()
    damaged: set[str] = set()
    for e in batches(entries):
        data = e.data
        groups = (("raw_file", data["raw"]), ("quarantine_file", [data["quarantine"]]))
        for kind, refs in groups:
            for ref in filter(None, refs):
                if ref["path"] in checked:
                    continue
                checked.add(ref["path"])
                if not _same(settings.home / ref["path"], ref["sha256"]):
                    problems.append(_problem(kind, ref["path"]))
                    damaged.add(ref["path"])
    newest = {
        (e.source, e.record): e.data.get("hashes") for e in entries if e.kind in ("committed", "accepted", "replay")
    }
    for ref in filter(None, newest.values()):
        if not _same(settings.home / ref["path"], ref["sha256"]):
            problems.append(_problem("hash_file", ref["path"]))
    return damaged


def _same(path: Path, sha256: str) -> bool:
    try:
        with open(path, "rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _raw_against_landing(
    settings: Settings,
    entries: list[LedgerEntry],
    broken: set[str],
    damaged: set[str],
    problems: list[Problem],
    say: Callable[[str], None],
) -> tuple[int, list[int], list[Path]]:
    """Read every live batch again from its landed bytes; each row of raw must hash to what landing holds there.

    Returns the records read, the batches that cannot be compared because their contract changed since, and the files
    of raw that hold what landing holds.
    """
    sources = load_sources(settings, all_profiles=True)
    keys = load_keys(settings)
    records, skipped = 0, []
    proven: list[Path] = []
    for e in live_entries(entries):
        data = e.data
        source = sources.get(e.source)
        if data.get("same_as") or data["landing"]["segment"] in broken or source is None:
            continue
        if all(r.name != e.record or r.raw_digest != data["raw_digest"] for r in source.records):
            skipped.append(e.seq)
            continue
        refs = [r for r in data["raw"] if r["path"] not in damaged]
        if len(refs) < len(data["raw"]):
            continue
        say(f"raw against landing: batch {e.seq}, {e.source}.{e.record}")
        files, before = [settings.home / r["path"] for r in refs], len(problems)
        try:
            records += _one_batch(settings, source, keys, e, files, problems)
        except BrainError as error:
            problems.append(_problem("raw_record", f"batch {e.seq}: cannot be read again: {error.message}"))
        proven += files if len(problems) == before else []
    return records, skipped, proven


def _one_batch(
    settings: Settings, source: Source, keys: Any, e: LedgerEntry, files: list[Path], problems: list[Problem]
) -> int:
    data = e.data
    server = next((s for s in source.servers if s.name == data["server"]), None)
    if server is None:
        raise BrainError(f"the contract no longer has server {data['server']}")
    record = source.record(e.record)
    shape = Shape(record, Pseudonymiser(keys))
    received = 0
    with connect.memory() as con:
        con.execute("CREATE TABLE landed (payload INTEGER, pointer VARCHAR, hash BLOB)")
        for read, _ in reread(settings, keys, source, e, server, [shape]):
            received += len(read.rows) + len(read.rejected)
            if read.rows:
                run = pa.table(
                    {
                        "payload": pa.array([read.payload] * len(read.rows), pa.int32()),
                        "pointer": pa.array(read.pointers, pa.string()),
                        "hash": pa.array(shape.hashes(read.rows), pa.binary()),
                    }
                )
                con.register("run", run)
                con.execute("INSERT INTO landed SELECT * FROM run")
                con.unregister("run")
        if received != data["received"]:
            problems.append(
                _problem("raw_record", f"batch {e.seq}: landing holds {received}, received were {data['received']}")
            )
        if not files:
            return received
        paths = ", ".join(f"'{f}'" for f in files)
        wrong = con.execute(
            f"SELECT r._record_id FROM read_parquet([{paths}]) r LEFT JOIN landed l ON l.payload = r._payload AND "
            "l.pointer = r._pointer WHERE r._change <> 'withdrawn' AND l.hash IS DISTINCT FROM r._hash LIMIT 20"
        ).fetchall()
        problems += [_problem("raw_record", f"batch {e.seq}: {record_id}") for (record_id,) in wrong]
    return received
