"""Answers that were found before: what a name means in the registers is looked up once, not in every build.

An answer depends on the name, on the registers and on this package with its tables, and on nothing else. So answers are
kept under a digest of the last two, and a change of either forgets them all. The file may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def answers(
    path: Path, registers: str, names: Sequence[str], schema: pa.Schema, find: Callable[[list[str]], Iterable[tuple]]
) -> pa.Table:
    """The answers for `names` (each once), in their order: a table of `schema`, whose first column is the name.

    `find` gives rows of `schema` for names that were never asked, none for a name that means nothing; a name with no
    answer is kept with nulls. `registers`: digest of what is searched. A file that cannot be read counts as none.
    """
    key = f"{registers}/{_code()}".encode()
    known = _read(path, key, schema)
    asked = set(known[0].to_pylist())
    new = [name for name in names if name not in asked]
    if new:
        found = [dict(zip(schema.names, row, strict=True)) for row in find(new)]
        answered = {row[schema.names[0]] for row in found}
        found += [{schema.names[0]: name} for name in new if name not in answered]
        known = pa.concat_tables([known, pa.Table.from_pylist(found, schema)])
        _write(path, key, known)
    place = {name: i for i, name in enumerate(names)}
    at = pa.array([place.get(name) for name in known[0].to_pylist()], pa.int64())
    wanted = pc.and_(pc.is_valid(at), pc.is_valid(known[1]))
    order = pc.sort_indices(at.filter(wanted))  # stable: the answers of one name stay in their order
    return known.filter(wanted).take(order)


@cache
def _code() -> str:
    """SHA-256 of everything in this package: its modules, tables and weights."""
    digest = hashlib.sha256()
    for path in sorted(p for p in Path(__file__).parent.iterdir() if p.is_file()):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _read(path: Path, key: bytes, schema: pa.Schema) -> pa.Table:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        return schema.empty_table()
    return table.cast(schema) if (table.schema.metadata or {}).get(b"key") == key else schema.empty_table()


def _write(path: Path, key: bytes, table: pa.Table) -> None:
    """The file whole: who reads it finds the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(table.replace_schema_metadata({b"key": key}), draft, compression="zstd")
    draft.replace(path)
