"""One Merkle tree per batch over the record versions it brought, and their roots as an entry of the ledger.

A leaf says which version of which record came, in which payload, and where in it. The tree follows from raw and the
index of landing alone, so a batch needs no root to be valid; the next build enters the roots that are missing, of old
batches too. Entering them with the batch would have cost every ingest a tenth of its time (docs/adr).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from brain.errors import IntegrityError
from brain.settings import Settings
from ingest import merkle
from ingest.landing import Segment
from ingest.ledger import Ledger, LedgerEntry

KIND = "roots"
RUN = 1024  # leaves per kept subtree; a power of two, so that their roots make the same tree
COLUMNS = ("_record_id", "_hash", "_payload", "_pointer", "_change")


@dataclass(frozen=True)
class Tree:
    """The tree of a batch: how many records, and the roots of each run of `RUN` leaves."""

    records: int
    runs: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        return merkle.root(self.runs)


def leaf_data(change: str, hash_: bytes | None, stored: str | None, pointer: str | None, record_id: str) -> bytes:
    """What a leaf hashes: `<change> <content hash> <hash of the stored payload> <bytes of locator> <locator> <id>`.

    Hashes in hex, `-` where a withdrawal by omission has none. The length keeps locator and id apart, whatever is in
    them.
    """
    place = (pointer or "").encode()
    told = f"{change} {hash_.hex() if hash_ else '-'} {stored or '-'} {len(place)} ".encode()
    return told + place + b" " + record_id.encode()


def stored_hashes(settings: Settings, data: dict[str, Any]) -> list[str]:
    """`stored_sha256` of each payload of a batch's fetch; raises IntegrityError where the index is not the entered."""
    segment = Segment(settings.home / data["landing"]["segment"])
    if not segment.index_path.exists() or segment.index_sha256 != data["landing"]["index_sha256"]:
        raise IntegrityError(f"landing index {segment.index_path.name} is not as entered", "`brain verify` says more")
    return [e.stored_sha256 for e in segment.entries()]


def leaves(settings: Settings, entry: LedgerEntry) -> Iterator[list[bytes]]:
    """Leaf hashes of a batch in the order of its files and their rows, in runs of `RUN`."""
    data = entry.data
    stored = stored_hashes(settings, data)
    run: list[bytes] = []
    for ref in data["raw"]:
        for rows in pq.ParquetFile(_proven(settings, ref)).iter_batches(RUN * 32, columns=list(COLUMNS)):
            run += _hashed(rows, stored)
            whole = len(run) - len(run) % RUN
            yield from (run[i : i + RUN] for i in range(0, whole, RUN))
            run = run[whole:]
    if run:
        yield run


def _hashed(rows: pa.RecordBatch | pa.Table, stored: list[str]) -> list[bytes]:
    columns = (rows.column(name).to_pylist() for name in COLUMNS)
    return [
        merkle.leaf_hash(leaf_data(change, hash_, None if at is None else stored[at], pointer, record_id))
        for record_id, hash_, at, pointer, change in zip(*columns, strict=True)
    ]


def path_of(settings: Settings, entry: LedgerEntry, index: int) -> tuple[bytes, list[bytes], Tree]:
    """Leaf, audit path and tree of the record at a row of its batch (from 0, over all files); reads one run only.

    The tree may come from `cache/log/`: compare where the path leads with the entered root.
    """
    tree = kept_tree(settings, entry)
    first = index - index % RUN
    stored = stored_hashes(settings, entry.data)
    leaves: list[bytes] = []
    at = 0
    for ref in entry.data["raw"]:
        start, end = max(first - at, 0), min(first + RUN - at, ref["rows"])
        if start < end:
            leaves += _hashed(pq.read_table(_proven(settings, ref), columns=list(COLUMNS))[start:end], stored)
        at += ref["rows"]
    path = merkle.inclusion(leaves, index - first) + merkle.inclusion(tree.runs, first // RUN)
    return leaves[index - first], path, tree


def _proven(settings: Settings, ref: dict[str, Any]) -> Path:
    path = settings.home / ref["path"]
    try:
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == ref["sha256"]
    except OSError:
        same = False
    if not same:
        raise IntegrityError(f"{ref['path']} is not as entered", "`brain verify` says more")
    return path


def tree_of(settings: Settings, entry: LedgerEntry) -> Tree:
    """The tree of a batch, made from raw; raises IntegrityError where raw or the index of landing was changed."""
    count, runs = 0, []
    for run in leaves(settings, entry):
        count += len(run)
        runs.append(merkle.root(run))
    return Tree(count, tuple(runs))


def kept_tree(settings: Settings, entry: LedgerEntry) -> Tree:
    """As `tree_of`, from `cache/log/` where it lies there; whoever uses it compares its root with the entered one."""
    path = _kept(settings, entry.seq)
    try:
        kept = path.read_bytes()
    except OSError:
        return _keep(settings, entry)
    runs = tuple(kept[i : i + 32] for i in range(0, len(kept), 32))
    return Tree(sum(ref["rows"] for ref in entry.data["raw"]), runs)


def _kept(settings: Settings, seq: int) -> Path:
    return settings.home / "cache" / "log" / f"{seq:06d}.runs"


def _keep(settings: Settings, entry: LedgerEntry) -> Tree:
    tree = tree_of(settings, entry)
    path = _kept(settings, entry.seq)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_bytes(b"".join(tree.runs))
    fresh.replace(path)
    return tree


def entered_roots(entries: list[LedgerEntry]) -> dict[int, tuple[LedgerEntry, dict[str, Any]]]:
    """For each batch the entry that states its root, and what it states: `seq`, `records`, `root`."""
    return {told["seq"]: (e, told) for e in entries if e.kind == KIND for told in e.data["roots"]}


def enter_roots(settings: Settings, entries: list[LedgerEntry]) -> list[LedgerEntry]:
    """Enter the roots of the batches in `entries` that have files and no root yet, all in one entry.

    Returns `entries` with that entry, or as they were where there was nothing to enter or other batches came between.
    Raises IntegrityError where raw was changed: no root is signed over that.
    """
    known = entered_roots(entries)
    missing = [e for e in entries if e.kind != KIND and e.data.get("raw") and e.seq not in known]
    if not missing:
        return entries
    roots = []
    for entry in missing:
        tree = _keep(settings, entry)
        roots.append({"seq": entry.seq, "records": tree.records, "root": tree.root.hex()})
    body = {"kind": KIND, "source": "ledger", "record": KIND, "roots": roots}
    [made] = Ledger(settings).commit([body], lambda seq, body: None)
    return [*entries, made] if made.seq == len(entries) + 1 else entries


def problems(settings: Settings, entries: list[LedgerEntry]) -> Iterator[tuple[int, str]]:
    """Batches whose entered root is not that of their records: number and why. Reads all of raw."""
    by_seq = {e.seq: e for e in entries}
    for seq, (said, told) in entered_roots(entries).items():
        batch = by_seq.get(seq)
        if batch is None or not batch.data.get("raw") or said.seq <= seq:
            yield seq, "a root is entered for no batch with records"
            continue
        try:
            tree = tree_of(settings, batch)
        except IntegrityError:
            continue  # told already, as damage to the file itself
        if (tree.records, tree.root.hex()) != (told["records"], told["root"]):
            yield seq, "raw holds other records than the entered root says"
