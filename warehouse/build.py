"""dbt over the committed batches: raw views, then every model and test in one run of dbt.

The databases are made in `warehouse/next/` and take their place only when every model and test has passed: a failed
build costs nothing but time, and what lies in `warehouse/` is always one whole build. It starts from a copy of the last
one, out of which everything is taken that would not come out the same (`reuse`): what changed and what hangs on it, and
models that are no more. What costs besides is dbt's own start (4 s), so dbt runs once, and what it takes for a node, so
the tests that look at one column are put together (`column_tests`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import duckdb

from brain import journal
from brain.errors import BrainError
from brain.settings import ROOT, Settings
from ingest import merkle
from ingest.ledger import Ledger, LedgerEntry
from warehouse import column_tests, connect, content, resolution, reuse, state, views
from warehouse.log import records

PROJECT = ROOT / "dbt_project"
SHANGHAI = timezone(timedelta(hours=8))  # no summer time since 1991
NOTHING_YET = "1970-01-01"  # as-of date of a warehouse without any batch
FAILED = ("error", "fail", "runtime error")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ModelRun:
    """One dbt model (or seed) of a build. `status`: success, error, skipped, or unchanged since the last build.

    `rows`: None for views and failed models."""

    name: str
    status: str
    rows: int | None
    seconds: float


class BuildError(BrainError):
    """A model or test failed. `models` are the runs up to there; what was built before stays in place."""

    def __init__(self, message: str, hint: str | None, models: list[ModelRun]):
        super().__init__(message, hint)
        self.models = models


def build(
    settings: Settings, progress: Progress | None = None, full: bool = False, unit_tests: bool = False
) -> list[ModelRun]:
    """Build every model over what the ledger has committed; returns the models in the order they ran.

    `full` begins from nothing, without dbt's parse cache too. `unit_tests`: so too, with the models' examples; they
    say nothing of the data, so they run where the code is tested. Raises BuildError naming model and reason,
    LockedError while another run holds the warehouse; in both cases the last build and the release stay as they are.
    """
    say = progress or (lambda text: None)
    with connect.writer_lock(settings, "build"):
        entries = Ledger(settings).entries()
        as_of = today(settings, entries)
        work = settings.warehouse_dir / "next"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        target = settings.home / "dbt" / "target"
        if full:
            shutil.rmtree(target, ignore_errors=True)
        for kind in journal.COLUMNS:
            journal.ensure(settings, kind)
        last = None if full or unit_tests else reuse.take_over(settings, work)
        relations = views.create(settings, entries, work / "brain.duckdb")
        say(f"raw: {relations} relations over {len(entries)} ledger entries, as of {as_of}")
        started = datetime.now(UTC)
        with _environment(BRAIN_WAREHOUSE=str(work), BRAIN_DBT_TARGET=str(target)):
            parsed = _parse(target, as_of)
            manifest = content.read_manifest(target / "manifest.json")
            keys = reuse.keys(manifest, reuse.given(settings, entries, work / "brain.duckdb"), as_of)
            kept = reuse.keep(last, keys, work) if last else set()
            if kept:
                say(f"{len(kept)} of {len(keys)} models are as in the last build")
            runs, problems = _run_dbt(
                parsed, target, as_of, unit_tests, sorted(keys.keys() - kept) if kept else [], say
            )
        if runs:
            problems = [*_test_columns(settings, work, manifest, kept, say), *problems]
        runs = [*(ModelRun(n.rpartition(".")[2], "unchanged", None, 0.0) for n in sorted(kept)), *runs]
        runs = _count_rows(work, runs)
        _journal(settings, runs)
        if problems:
            more = f"; {len(problems) - 1} more" if len(problems) > 1 else ""
            raise BuildError(
                f"the build failed: {problems[0]}{more}",
                f"the last release keeps serving; the SQL as it ran is in {target / 'run'}",
                runs,
            )
        # before the build takes its place: an id that anybody has seen is never lost
        entries = resolution.commit_changes(settings, work, as_of, entries, say)
        entries = records.enter_roots(settings, entries)
        _finish(work)
        built = state.Build(
            build_id=f"{started:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}",
            built_at=datetime.now(UTC).isoformat(timespec="seconds"),
            as_of=as_of,
            profile=settings.profile,
            # Of the entries that were read, and what the build itself entered: the newest head may know more.
            ledger_size=len(entries),
            ledger_root=merkle.root(bytes.fromhex(e.leaf) for e in entries).hex() if entries else None,
            code_version=code_version(),
            files={name: state.sha256_file(work / f"{name}.duckdb") for name in state.DATABASES},
            models=[asdict(r) for r in runs],
            keys=keys,
            relations={n: manifest["nodes"][n]["relation_name"] for n in keys},
        )
        _put_in_place(settings, work, _compiled(settings, target, kept), built)
        return runs


def today(settings: Settings, entries: list[LedgerEntry]) -> str:
    """The date that models take for today: BRAIN_AS_OF, or the day of the stand-in city, or `as_of_date`."""
    if settings.as_of:
        return settings.as_of.isoformat()
    if entries and settings.profile == "demo" and settings.demo_calendar.is_file():
        found = json.loads(settings.demo_calendar.read_text(encoding="utf-8")).get("today")
        if found:
            return date.fromisoformat(found).isoformat()
    return as_of_date(entries)


def as_of_date(entries: list[LedgerEntry]) -> str:
    """The day, in Xi'an, on which the newest batch was committed."""
    counted = (e for e in entries if e.kind in ("committed", "accepted", "replay"))
    # what builds enter themselves does not count: a build must not move the date of the next
    times = [e.committed_at for e in counted if e.source != resolution.SOURCE]
    if not times:
        return NOTHING_YET
    return datetime.fromisoformat(max(times)).astimezone(SHANGHAI).date().isoformat()


@cache
def code_version() -> str:
    """Version of the project and, in a checkout, the commit."""
    try:
        version = metadata.version("science-brain")
    except metadata.PackageNotFoundError:
        version = "not installed"
    try:
        commit = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return version
    return f"{version}+{commit.stdout.strip()}" if commit.returncode == 0 else version


def _arguments(command: str, target: Path, as_of: str) -> list[str]:
    return [
        command,
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
        *("--target-path", str(target)),
        *("--vars", f"{{as_of: '{as_of}'}}"),
        # No log file, for it would quote the values that an error of the database quotes.
        *("--log-level", "none", "--log-level-file", "none", "--no-version-check", "--no-send-anonymous-usage-stats"),
    ]


def _parse(target: Path, as_of: str) -> Any:
    """dbt's own form of the manifest, which it writes to the target folder too."""
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(_arguments("parse", target, as_of))
    if not result.success:
        why = without_values(str(result.exception)) if result.exception else "dbt reports a failure without naming one"
        raise BuildError(f"the build failed: {why}", "the last release keeps serving", [])
    return result.result


def _run_dbt(
    manifest: Any, target: Path, as_of: str, unit_tests: bool, chosen: list[str], say: Progress
) -> tuple[list[ModelRun], list[str]]:
    """Run `dbt build` in this process. Returns the models and, in words, what went wrong.

    `chosen`: ids of what to make, with all tests that look at it; all, where it is empty.
    """
    from dbt.cli.main import dbtRunner

    arguments = [
        *_arguments("build", target, as_of),
        *(("--select", *(name.rpartition(".")[2] for name in chosen)) if chosen else ()),
        *("--exclude", *(f"test_name:{kind}" for kind in column_tests.COUNTS)),
        *(() if unit_tests else ("--exclude-resource-type", "unit_test")),
    ]
    try:
        result = dbtRunner(manifest=manifest, callbacks=[_teller(say)]).invoke(arguments)
    finally:
        _release_databases()
        (target / "run_results.json").unlink(missing_ok=True)  # it quotes them too
    if result.exception is not None:
        return [], [without_values(str(result.exception))]
    runs, problems = [], []
    for item in result.result or []:
        node, status = item.node, str(item.status)
        if status in FAILED:
            kind = {"test": "test", "unit_test": "unit test"}.get(node.resource_type, "model")
            problems.append(f"{kind} {node.name}: {without_values(item.message or status)}")
        if node.resource_type in ("model", "seed", "snapshot"):
            runs.append(ModelRun(node.name, status, None, round(item.execution_time, 3)))
    if not result.success and not problems:
        problems.append("dbt reports a failure without naming one")
    return runs, problems


def _test_columns(settings: Settings, work: Path, manifest: dict[str, Any], kept: set[str], say: Progress) -> list[str]:
    """dbt's tests of single columns, over what it has built; returns in words what went wrong."""
    tests = [t for t in column_tests.declared(manifest) if t.about not in kept]
    started = time.monotonic()
    try:
        findings = column_tests.judge(work, tests, [settings.home])
    except duckdb.Error as error:
        return [f"tests of columns: {without_values(str(error))}"]
    for f in findings:
        say(f"test {f.test.name} {'warns' if f.test.is_warning else 'FAILED'}: {f.rows} rows")
    say(f"dbt {len(tests)} tests of columns  {time.monotonic() - started:.1f} s")
    return [f"test {f.test.name}: {f.rows} rows" for f in findings if not f.test.is_warning]


def _teller(say: Progress) -> Callable[[Any], None]:
    """Turns dbt's events into one line per model, and one per failed test."""

    def tell(event: Any) -> None:
        if event.info.name in ("LogModelResult", "LogSeedResult", "LogTestResult"):
            data = event.data
            status = data.status.lower().split()[0] if data.status else ""
            failed = status in ("error", "fail")
            if event.info.name != "LogTestResult" or failed:
                name = data.node_info.node_name
                say(f"dbt {data.index}/{data.total} {name} {'FAILED' if failed else ''} {data.execution_time:.1f} s")

    return tell


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Environment variables for the time of a dbt run; profiles.yml reads them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _release_databases() -> None:
    """dbt-duckdb keeps its connection for the life of the process; the files must be free for us and for others."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    with DuckDBConnectionManager._LOCK:
        environment = DuckDBConnectionManager._ENV
        if environment is not None:
            environment.close()
        DuckDBConnectionManager._ENV = None


_IN_NODE = re.compile(r"\s*(\w+ Error(?: in [\w ]+ \([\w./-]+\))?)\s*\n")
_CLASS = re.compile(r"\b([A-Z][A-Za-z-]*(?: [A-Za-z-]+){0,4} (?:Error|Exception)):")
# What these quote are names of our own SQL and files: no row has been read. Candidate bindings can be values (pivot).
_BEFORE_ROWS = ("Binder Error", "Catalog Error", "IO Error", "Parser Error")
_VALUES_FROM = re.compile(r"\n\s*LINE \d+:|\binput:|Candidate bindings|Did you mean", re.IGNORECASE)
_PLACES = (
    re.compile(r"when casting from source column [A-Za-z_]\w*$", re.ASCII | re.MULTILINE),
    re.compile(r"NOT NULL constraint failed: [A-Za-z_]\w*\.[A-Za-z_]\w*", re.ASCII),
    re.compile(r"\bLINE \d+(?=:)"),
)


def without_values(message: str) -> str:
    """An error of dbt or DuckDB on one line without the data it quotes: a value could be somebody's name.

    Of an error met among the rows only its class and place are kept (model, column, line): DuckDB words such errors in
    too many ways, some without quotation marks (`error(...)`, strptime), for a value to be cut out of them.

    >>> without_values("Conversion Error: Could not convert string '610103' to DATE when casting from source column c")
    'Conversion Error when casting from source column c'
    """
    if message.lstrip().startswith("Parsing Error"):  # of the project's own YAML, read before any row
        return " ".join(message.split())[:600]
    node = _IN_NODE.match(message)
    where, rest = (f"{node[1]} ", message[node.end() :]) if node else ("", message)
    kind = _CLASS.search(rest)
    if kind and kind[1] not in _BEFORE_ROWS:
        places = [found[0] for found in (p.search(rest) for p in _PLACES) if found]
        return " ".join([where + kind[1], *places])
    rest = _VALUES_FROM.split(rest)[0]
    if not message.lstrip().startswith("Compilation Error"):  # dbt's own, about names in the project
        for mark in "'" if kind else "'\"":  # from the first mark to the last: a value may hold some itself
            rest = re.sub(f"{mark}(.*{mark}|.*)", f"{mark}…{mark}", rest, flags=re.DOTALL)
    return " ".join((where + rest).split())[:600]


def _count_rows(work: Path, runs: list[ModelRun]) -> list[ModelRun]:
    """Row counts of the tables, by name; model names are unique within the project."""
    con = connect.memory()
    try:
        counts: dict[str, int] = {}
        for name in state.DATABASES:
            path = work / f"{name}.duckdb"
            if not path.exists():
                continue
            connect.attach(con, path, name)
            tables = con.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = ? and schema_name <> 'raw'",
                [name],
            ).fetchall()
            for schema, table in tables:
                where = f"{name}.{connect.quoted(schema)}.{connect.quoted(table)}"
                counts[table] = con.execute(f"select count(*) from {where}").fetchone()[0]
        return [ModelRun(r.name, r.status, counts.get(r.name), r.seconds) for r in runs]
    finally:
        con.close()


def _journal(settings: Settings, runs: list[ModelRun]) -> None:
    rows = [{"model": r.name, "status": r.status, "row_count": r.rows, "seconds": r.seconds} for r in runs]
    journal.append(settings, "models", rows)


def _finish(work: Path) -> None:
    """Every byte in the database files themselves, none in a write-ahead log."""
    for name in state.DATABASES:
        con = connect.read_write(work / f"{name}.duckdb")
        con.execute("checkpoint")
        con.close()
        if (work / f"{name}.duckdb.wal").exists():
            raise BrainError(f"{name}.duckdb still has a write-ahead log", "build again")
        state.sync_file(work / f"{name}.duckdb")


def _compiled(settings: Settings, target: Path, kept: set[str]) -> dict[str, Any]:
    """dbt's manifest with the SQL of every model: dbt compiles what it makes, the last manifest knows the rest."""
    manifest = content.read_manifest(target / "manifest.json")
    last = content.read_manifest(state.manifest_path(settings))["nodes"] if kept else {}
    for name in kept:
        manifest["nodes"][name]["compiled_code"] = last[name].get("compiled_code")
    return manifest


def _put_in_place(settings: Settings, work: Path, manifest: dict[str, Any], built: state.Build) -> None:
    """Move the finished build over the last one. While `build.json` is away there is no build: cut off here, build
    again."""
    folder = settings.warehouse_dir
    for path in (state.build_path(settings), state.gate_path(settings)):
        path.unlink(missing_ok=True)
    for name in state.DATABASES:
        (work / f"{name}.duckdb").replace(folder / f"{name}.duckdb")
    state.write_json(state.manifest_path(settings), manifest)
    work.rmdir()
    state.sync_folder(folder)
    state.write_build(settings, built)
