"""The one way to open DuckDB.

A read-write holder shuts out every other process, readers included (DuckDB's concurrency rule), so writers take the
warehouse lock first and hold a file open only as long as they write. Every connection is denied the network, extension
downloads and files outside the folders named, and its configuration is locked.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import duckdb

from brain.errors import BrainError, LockedError
from brain.settings import Settings

MEMORY = "4GB"
THREADS = 2

# Given with the connection: what a reader of a released file gets, in Superset too. No file outside the database opens.
LOCKED: dict[str, str] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "lock_configuration": "true",
}
# What every other connection starts with; `lock_down` follows once it has attached what it needs.
CLOSED: dict[str, str] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}


def read_only(
    path: Path, *, allow: Iterable[Path] = (), memory: str = MEMORY, threads: int = THREADS
) -> duckdb.DuckDBPyConnection:
    """Open a database for reading with a locked configuration.

    `path` is resolved first, so that `current/official.duckdb` names one release for as long as the connection lives.
    `allow`: folders whose files views may read (raw, for brain.duckdb). `memory` such as "4GB".
    Raises LockedError while a writer holds the file, BrainError where there is none.
    """
    path = path.resolve()
    if not path.is_file():
        raise BrainError(f"there is no database {path}", "run `brain build`, or `brain publish` for a release")
    allow = tuple(allow)
    con = _connect(path, read_only=True, config={**(CLOSED if allow else LOCKED), **limits(memory, threads, path)})
    if allow:
        lock_down(con, allow)
    return con


def read_write(
    path: Path, *, allow: Iterable[Path] = (), memory: str = MEMORY, threads: int = THREADS
) -> duckdb.DuckDBPyConnection:
    """Open (or create) a database for writing. The caller holds `writer_lock`; other rules as `read_only`.

    `allow` names every folder that is to be read or attached; without it the connection stays open to local files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    con = _connect(path, read_only=False, config={**CLOSED, **limits(memory, threads, path)})
    allow = tuple(allow)
    if allow:
        lock_down(con, (*allow, path.parent))
    return con


def memory(*, threads: int = THREADS, limit: str = MEMORY) -> duckdb.DuckDBPyConnection:
    """A database in memory that may read local files, and attach others; lock it down once they are attached."""
    return duckdb.connect(":memory:", config={**CLOSED, **limits(limit, threads)})


def limits(memory: str = MEMORY, threads: int = THREADS, path: Path | None = None) -> dict[str, str]:
    """Settings that bound a connection to the database at `path`, or to one in memory.

    Two databases that spill into one folder destroy each other's blocks, so each has its own. Within a process the
    same file always gets the same one: DuckDB refuses a second connection with another configuration.
    """
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32] if path else uuid.uuid4().hex
    folder = _spill_folder(os.getpid(), os.environ.get("BRAIN_HOME"))
    return {"memory_limit": memory, "threads": str(threads), "temp_directory": str(folder / name)}


@cache
def _spill_folder(pid: int, home: str | None) -> Path:
    """The folder (0700) that process `pid`, this one, spills into: what is spilled are values of records.

    Below `BRAIN_HOME/work`, or the system's temporary folder where no home is named. DuckDB removes the folder of a
    connection as it closes it, this process the rest when it ends; what a killed process left is removed by the next
    one, which knows it by the lock that nobody holds any more (process numbers repeat, in containers above all).
    """
    parent = Path(home).expanduser().resolve() / "work" if home else Path(tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob("duckdb-spill-*"):
        with suppress(OSError):  # another process is using it or clearing it, or it is not ours
            lock = _lock_folder(left)
            try:
                shutil.rmtree(left)
            finally:
                os.close(lock)
    while True:
        folder = Path(tempfile.mkdtemp(prefix="duckdb-spill-", dir=parent))
        with suppress(OSError):  # taken for a leftover in the moment before it was locked
            _lock_folder(folder)  # for the life of the process
            if folder.is_dir():
                break

    def remove() -> None:
        if os.getpid() == pid:  # not in a process that was forked from it
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _lock_folder(folder: Path) -> int:
    """Lock a folder and return its descriptor; raises OSError where it is locked, or not ours."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to somebody else")
    except OSError:
        os.close(fd)
        raise
    return fd


def lock_down(con: duckdb.DuckDBPyConnection, allow: Iterable[Path] = ()) -> None:
    """Close a connection to everything but the folders named. What is attached stays readable."""
    for statement in lock_statements(allow):
        con.execute(statement)


def lock_statements(allow: Iterable[Path] = ()) -> list[str]:
    """The statements of `lock_down`, for engines that only hand out SQL.

    DuckDB takes `allowed_directories` after the start only, and before external access is switched off.
    """
    folders = ", ".join(literal(f"{Path(folder).resolve()}/") for folder in allow)
    return [
        f"set allowed_directories = [{folders}]",
        "set enable_external_access = false",
        "set lock_configuration = true",
    ]


def attach(con: duckdb.DuckDBPyConnection, path: Path, alias: str, *, read_only: bool = True) -> None:
    """Attach a database file under a name; raises LockedError while another process writes to it."""
    try:
        con.execute(f"attach {literal(str(path.resolve()))} as {quoted(alias)}{' (read_only)' if read_only else ''}")
    except duckdb.IOException as e:
        raise _locked(path, e) from e


def literal(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def writer_lock(settings: Settings, purpose: str) -> Iterator[None]:
    """Hold the warehouse for one writer (build, check, publish, rollback); raises LockedError at once if it is taken.

    The lock file says who holds it. The kernel frees the lock when its process ends, so a crash leaves none behind.
    """
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    path = settings.run_dir / "warehouse.lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(f"the warehouse is in use by {_holder(path)}", "wait until it has ended") from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "purpose": purpose}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return f"`brain {held['purpose']}` (process {held['pid']})"
    except (OSError, ValueError, KeyError):
        return "another run"


def _connect(path: Path, *, read_only: bool, config: dict[str, str]) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), read_only=read_only, config=config)
    except (duckdb.IOException, duckdb.ConnectionException) as e:
        raise _locked(path, e) from e


def _locked(path: Path, error: Exception) -> BrainError:
    text = str(error)
    if "Could not set lock" in text:
        pid = re.search(r"\(PID (\d+)\)", text)
        who = f"process {pid[1]}" if pid else "another process"
        return LockedError(f"{path.name} is held by {who}", "close what reads or writes the warehouse, then try again")
    if "different configuration" in text:
        return LockedError(f"{path.name} is open in this process with another configuration", "close it first")
    return BrainError(f"{path.name} cannot be opened: {text.splitlines()[0]}", "build it again: `brain build`")
