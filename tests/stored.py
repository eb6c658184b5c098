"""What a house has stored, read as text: for tests that look for values which must not be there.

Parquet and DuckDB files are opened and SQLite databases dumped, because in the bytes of such a file compression hides
what it holds; packed logs are unpacked; all else is taken as it lies.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import zstandard

from demo import systems
from demo.city import City
from ingest.contract import Source
from ingest.privacy import normalise


def files(home: Path, without: Collection[str]) -> Iterator[Path]:
    """Every file below a folder, links followed no further; `without`: folders right below it that are left out."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.relative_to(home).parts[0] not in without:
            yield path


def read(path: Path) -> Iterator[bytes]:
    """What a file says, in pieces that break between rows or lines."""
    with open(path, "rb") as f:
        head = f.read(32)
    if head.startswith(b"PAR1"):
        yield from _rows(f"FROM read_parquet('{path}', hive_partitioning = false) t")
    elif head[8:12] == b"DUCK":
        with tempfile.TemporaryDirectory() as folder:
            copy = shutil.copyfile(path, Path(folder) / "copy.duckdb")  # another process may hold the file
            with duckdb.connect(str(copy), read_only=True) as con:
                tables = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            for schema, table in tables:
                yield from _rows(f'FROM "{schema}"."{table}" t', copy)
    elif head.startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
            con.text_factory = lambda b: b.decode("utf-8", "replace")
            for (table,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in con.execute(f'SELECT * FROM "{table}"'):
                    yield b"\n".join(c if isinstance(c, bytes) else str(c).encode() for c in row)
        yield path.read_bytes()  # what was deleted may still lie there
    elif head.startswith(b"\x1f\x8b"):
        yield gzip.decompress(path.read_bytes())
    elif head.startswith(b"\x28\xb5\x2f\xfd"):
        yield zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    else:
        yield path.read_bytes()


def _rows(what: str, database: Path | None = None) -> Iterator[bytes]:
    with duckdb.connect(str(database) if database else ":memory:", read_only=database is not None) as con:
        con.execute(f"SELECT to_json(t)::VARCHAR {what}")
        while chunk := con.fetchmany(10_000):
            yield "\n".join(row for (row,) in chunk).encode()


def search(home: Path, values: Collection[str], without: Collection[str] = ()) -> dict[str, set[str]]:
    """Value → files below `home` holding it, as it stands or as JSON escapes it. Values that are nowhere are left out.

    `grep` looks for all of them at once: a thousand searches over hundreds of megabytes would take minutes.
    """
    spelt = {form: v for v in values for form in (v, json.dumps(v)[1:-1])}
    found: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        patterns = Path(folder) / "patterns"
        patterns.write_text("\n".join(spelt) + "\n", encoding="utf-8")
        for path in files(home, without):
            grep = subprocess.Popen(
                ["grep", "-a", "-o", "-F", "-f", patterns],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            )
            text = b"\n".join(read(path))
            for hit in set(grep.communicate(text)[0].decode("utf-8", "replace").splitlines()):
                found.setdefault(spelt[hit], set()).add(path.relative_to(home).as_posix())
    return found


def personal_values(city: City, sources: Mapping[str, Source]) -> dict[str, set[str]]:
    """Kind of mask → values that the city's systems send in fields of which the contracts keep a masked form only."""
    found: dict[str, set[str]] = {kind: set() for kind in ("id_number", "phone", "email", "address")}
    for (source, record), register in systems.registers(city).items():
        masked = [(f, f.mask) for f in sources[source].record(record).fields if f.mask and f.mask in found]
        for row, _ in register.walk() if masked else ():
            for field, kind in masked:
                value: Any = row
                for step in field.physical[0].strip("/").split("/"):
                    value = value.get(step) if isinstance(value, dict) else None
                if isinstance(value, str) and len(value) > 5:
                    found[kind] |= {value, normalise(kind, value)}
    return found
