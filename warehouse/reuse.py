"""What of the last build still holds: a build makes anew what changed, and all that hangs on it.

Every model and seed has a key: a hash over its own code, the macros it calls, the tests that look at it, the date if it
asks for one, and the keys of what it reads, down to the files of raw. A relation whose key is that of the last build
would come out the same, so it is kept; keys of everything downstream of a change differ by themselves. What no key can
know, the journal of the run that is going on, is always new. A build from nothing (`brain build --full`) gives the same
marts, hash by hash: tests/pipeline/test_reuse.py.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from brain.settings import ROOT, Settings
from ingest.ledger import LedgerEntry
from warehouse import connect, state, views

# Code that models call without dbt knowing of it: everything a Python model imports lies here, tables of words too.
PYTHON_CODE = ("warehouse/resolve", "warehouse/rules")
ENGINES = ("duckdb", "dbt-core", "dbt-duckdb", "pyarrow", "splink")
# What of a node's configuration says nothing about its rows.
SILENT = ("meta", "docs", "tags", "access", "group", "freshness")
_ASKS_DATE = re.compile(r"\bas_of\b|\bvar\(")
_READS_ALL = re.compile(r"\bgraph\.")


def keys(manifest: Mapping[str, Any], given: Mapping[str, str], as_of: str) -> dict[str, str]:
    """The key of every model and seed, by dbt's unique id.

    `manifest`: dbt's, parsed. `given`: a digest of each relation in schema raw, by name; one without is always new.
    `as_of`: the date that models take for today, ISO.
    """
    nodes = {k: n for k, n in manifest["nodes"].items() if n["resource_type"] in ("model", "seed")}
    sources = {k: given.get(s["name"]) or _always_new() for k, s in manifest["sources"].items()}
    declared = _digest([k, s["columns"], s["config"]] for k, s in sorted(manifest["sources"].items()))
    engines = _engines()

    @cache
    def code_of(macros: tuple[str, ...]) -> str:
        """The text of macros and of those that they call."""
        texts, waiting = {}, list(macros)
        while waiting:
            macro = waiting.pop()
            if macro not in texts:
                texts[macro] = manifest["macros"][macro]["macro_sql"]
                waiting += manifest["macros"][macro]["depends_on"]["macros"]
        return "\n".join(texts[name] for name in sorted(texts))

    # a test that is new or changed has not passed over the rows that would be kept
    tests: dict[str, list[Any]] = {}
    for n in manifest["nodes"].values():
        if n["resource_type"] == "test":
            said = [n["name"], n["raw_code"], n.get("test_metadata"), n["config"]]
            for about in n["depends_on"]["nodes"]:
                tests.setdefault(about, []).append([said, code_of(tuple(sorted(n["depends_on"]["macros"])))])

    @cache
    def key(name: str) -> str:
        if name in sources:
            return sources[name]
        node = nodes[name]
        config = {k: v for k, v in node["config"].items() if k not in SILENT}
        columns = [[c["name"], c["data_type"], c["constraints"]] for c in node["columns"].values()]
        says = [name, node["relation_name"], config, columns, engines, sorted(tests.get(name, []), key=str)]
        if node["resource_type"] == "seed":
            says.append(state.sha256_file(Path(node["root_path"]) / node["original_file_path"]))
            return _digest(says)
        macros = code_of(tuple(sorted(node["depends_on"]["macros"])))
        says += [node["raw_code"], macros, *(key(n) for n in sorted(node["depends_on"]["nodes"]))]
        if _ASKS_DATE.search(node["raw_code"]) or _ASKS_DATE.search(macros):
            says.append(as_of)
        if _READS_ALL.search(node["raw_code"]) or _READS_ALL.search(macros):
            says += [declared, sorted(sources.items())]
        if node["language"] == "python":
            says.append(_python_code())
        return _digest(says)

    return {name: key(name) for name in nodes}


def given(settings: Settings, entries: list[LedgerEntry], path: Path) -> dict[str, str]:
    """Digests of the relations in schema raw of the database at `path`, by name: the text of a view with the files it
    reads, a table's rows. The journal has none: it grows while we look."""
    files = {f"{s}__{r}": paths for (s, r), paths in views.committed_files(settings, entries).items()}
    tables, digests = {}, {}
    with connect.read_only(path) as con:
        for (name,) in con.execute("select table_name from duckdb_tables() where schema_name = 'raw'").fetchall():
            query = f"select count(*), bit_xor(md5_number(cast(t as varchar))) from raw.{connect.quoted(name)} as t"
            tables[name] = _digest([name, *map(str, con.execute(query).fetchone())])
        found = con.execute("select view_name, sql from duckdb_views() where schema_name = 'raw'").fetchall()
    for name, sql in found:
        if not name.startswith("journal__"):
            stats = [(p, p.stat()) for p in files.get(name, ())]
            read = [[str(p.relative_to(settings.home)), s.st_size, s.st_mtime_ns] for p, s in stats]
            beside = sorted(digest for table, digest in tables.items() if table in sql)
            digests[name] = _digest([sql.replace(str(settings.home), ""), read, beside])
    return {**tables, **digests}


def take_over(settings: Settings, work: Path) -> state.Build | None:
    """Copy the databases of the last build into `work`, but for schema raw, and return that build; None where there is
    none to go on from: never built, of another version's form, or with files that are not as the build left them."""
    last = state.read_build(settings)
    if last is None or not last.keys or not _as_left(settings, last):
        return None
    for name in state.DATABASES:
        shutil.copyfile(settings.warehouse_dir / f"{name}.duckdb", work / f"{name}.duckdb")
    with connect.read_write(work / "brain.duckdb") as con:
        con.execute("drop schema raw cascade")
    return last


def keep(last: state.Build, fresh: Mapping[str, str], work: Path) -> set[str]:
    """Take out of the databases in `work` what does not hold; returns the ids of models and seeds that are kept.

    `fresh`: the keys of the build that begins.
    """
    relations = {last.relations[n]: n for n, k in last.keys.items() if fresh.get(n) == k}
    kept = set()
    for name in state.DATABASES:
        with connect.read_write(work / f"{name}.duckdb") as con:
            for kind, schema, table in con.execute(
                "select 'table', schema_name, table_name from duckdb_tables() where not internal union all "
                "select 'view', schema_name, view_name from duckdb_views() where not internal"
            ).fetchall():
                relation = ".".join(map(connect.quoted, (name, schema, table)))
                if relation in relations:
                    kept.add(relations[relation])
                elif (name, schema) != ("brain", "raw"):
                    con.execute(f"drop {kind} {connect.quoted(schema)}.{connect.quoted(table)}")
    return kept


def _as_left(settings: Settings, last: state.Build) -> bool:
    """Whether the files are those that the last build wrote, all of them."""
    paths = {name: settings.warehouse_dir / f"{name}.duckdb" for name in state.DATABASES}
    return all(p.is_file() and state.sha256_file(p) == last.files.get(n) for n, p in paths.items())


@cache
def _python_code() -> str:
    texts = []
    for folder in PYTHON_CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                texts.append([str(path.relative_to(ROOT)), state.sha256_file(path)])
    return _digest(texts)


@cache
def _engines() -> list[list[str]]:
    return [[name, metadata.version(name)] for name in ENGINES]


def _always_new() -> str:
    return uuid.uuid4().hex


def _digest(values: Any) -> str:
    text = json.dumps(list(values), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
