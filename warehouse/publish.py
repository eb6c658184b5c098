"""A checked build becomes the release that everybody reads; a kept release can become it again.

A release is a folder `releases/<id>/` that never changes once it has its name: official.duckdb, audit.duckdb,
release.json and checks.html. `current` is a symlink to one of them and is swapped in one step, so a reader that
resolves it (realpath) sees one release or the other, never a mixture. The id names the content; where only the run
records moved on (a delivery brought nothing new), the same release is written again with fresh run records as
`<id>.2`, `<id>.3` and keeps its id.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from brain.errors import BrainError, HeldError, IntegrityError
from brain.settings import PROFILE_LABELS, Settings
from ingest.ledger import Ledger
from warehouse import changes, connect, content, state

KEEP = 3
RELEASE_INFO = (
    ("release_id", "VARCHAR"),
    ("profile", "VARCHAR"),
    ("profile_label", "VARCHAR"),
    ("as_of", "DATE"),
    ("published_at", "TIMESTAMP"),
    ("content_hash", "VARCHAR"),
    ("ledger_size", "BIGINT"),
    ("ledger_root", "VARCHAR"),
    ("checkpoint", "VARCHAR"),
)
JOURNAL_SOURCES = ("journal__checks", "journal__models")


@dataclass(frozen=True)
class Release:
    """One published release. `path`: its folder. `created_at`: ISO time, UTC. `as_of`: the day its rules count from."""

    id: str
    path: Path
    content_hash: str
    ledger_size: int
    created_at: str
    as_of: str

    @property
    def revision(self) -> int:
        """1 for a release as first published, higher where its run records were written again."""
        _, _, number = self.path.name.partition(".")
        return int(number or 1)


def publish(settings: Settings, progress: Callable[[str], None] | None = None) -> Release:
    """Publish the build in the warehouse and return the release that is current afterwards.

    Where the current release has the same content over the same ledger, it is returned and nothing is written.
    Raises HeldError unless the release gate passed for exactly this build, LockedError while another run holds the
    warehouse, IntegrityError where the built files were changed since.
    """
    say = progress or (lambda text: None)
    with connect.writer_lock(settings, "publish"):
        build = state.require_build(settings)
        _require_passed(settings, build)
        manifest = content.read_manifest(state.manifest_path(settings))
        hashes = content.content_hashes(settings.warehouse_dir, manifest)
        digest = content.combined(hashes)
        now = datetime.now(UTC)
        serving = current(settings)
        same = serving is not None and serving.content_hash == digest
        if same and serving.ledger_size == build.ledger_size:
            say(f"release {serving.id} already holds this content")
            return serving
        if same:
            release_id, folder = serving.id, f"{serving.id}.{_last_revision(settings, serving.id) + 1}"
        else:
            release_id = folder = f"{now:%Y%m%dT%H%M%SZ}-{digest[:8]}"
        say(f"publishing {folder}")
        final = settings.releases / folder
        fresh = settings.releases / f"{folder}.tmp"
        for left in settings.releases.glob("*.tmp"):  # a publish that was cut off; nobody else writes under the lock
            shutil.rmtree(left)
        fresh.mkdir(parents=True)
        _copy(settings, build, manifest, fresh, (release_id, digest, now), serving)
        _write_notes(settings, build, hashes, fresh, (release_id, digest, now))
        fresh.rename(final)
        state.sync_folder(settings.releases)
        _point(settings, final)
        _prune(settings)
        say(f"release {release_id} is current")
        return read(final)


def rollback(settings: Settings, to: str | None = None) -> Release:
    """Make a kept release current again: the newest older content than the current one, or the release named `to`.

    Nothing is copied or rebuilt; the files are proved against release.json first. Raises BrainError where there is no
    such release, IntegrityError where its files were changed.
    """
    with connect.writer_lock(settings, "rollback"):
        kept = releases(settings)
        serving = current(settings)
        if to is not None:
            chosen = [r for r in kept if to in (r.id, r.path.name)]
        else:
            chosen = [r for r in kept if serving and (r.id < serving.id) and r.content_hash != serving.content_hash]
        if not chosen:
            names = ", ".join(dict.fromkeys(r.id for r in kept)) or "none"
            wanted = f"release {to}" if to else "an older release"
            raise BrainError(f"{wanted} is not kept here", f"kept: {names}")
        target = chosen[-1]
        for name, expected in json.loads((target.path / "release.json").read_text(encoding="utf-8"))["files"].items():
            if state.sha256_file(target.path / name) != expected:
                raise IntegrityError(f"{target.path.name}/{name} is not as it was published", "choose another release")
        _point(settings, target.path)
        return target


def releases(settings: Settings) -> list[Release]:
    """The kept releases, oldest first; revisions of one release in their order."""
    if not settings.releases.is_dir():
        return []
    found = [read(p) for p in settings.releases.iterdir() if (p / "release.json").is_file() and p.suffix != ".tmp"]
    return sorted(found, key=lambda r: (r.id, r.revision))


def current(settings: Settings) -> Release | None:
    """The release that `current` points at; None before the first."""
    folder = Path(os.path.realpath(settings.current))
    return read(folder) if (folder / "release.json").is_file() else None


def read(folder: Path) -> Release:
    """A release by its folder."""
    data = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    return Release(data["id"], folder, data["content_hash"], data["ledger_size"], data["created_at"], data["as_of"])


def _require_passed(settings: Settings, build: state.Build) -> None:
    gate = state.read_gate(settings)
    if gate is None or gate.build_id != build.build_id:
        raise HeldError("this build has not been checked", "run `brain check`")
    if not gate.success:
        raise HeldError(f"the release gate holds this build: {', '.join(gate.failed[:5])}", "see reports/checks.html")


def _copy(
    settings: Settings,
    build: state.Build,
    manifest: dict[str, Any],
    fresh: Path,
    info: tuple[str, str, datetime],
    serving: Release | None,
) -> None:
    """Copy the served databases and complete the copies: release_info in both, what changed since the release that is
    served in official, the records of this very run in audit."""
    for name in state.SERVED:
        shutil.copyfile(settings.warehouse_dir / f"{name}.duckdb", fresh / f"{name}.duckdb")
    release_id, digest, now = info
    values = [release_id, build.profile, PROFILE_LABELS[build.profile], build.as_of, now.replace(tzinfo=None), digest]
    values += [build.ledger_size, build.ledger_root, _checkpoint(settings, build)]
    con = connect.memory()
    try:
        for name in state.SERVED:
            connect.attach(con, fresh / f"{name}.duckdb", name, read_only=False)
        connect.attach(con, settings.warehouse_dir / "brain.duckdb", "brain")
        if serving:
            connect.attach(con, serving.path / "official.duckdb", "before")
        connect.lock_down(con, [settings.home])
        for name in state.SERVED:
            columns = ", ".join(f"{column} {type_}" for column, type_ in RELEASE_INFO)
            con.execute(f"create or replace table {name}.main.release_info ({columns})")
            marks = ", ".join("?" for _ in RELEASE_INFO)
            con.execute(f"insert into {name}.main.release_info values ({marks})", values)
        is_same = serving is not None and serving.content_hash == digest
        changes.write(con, "official", "before" if serving else None, is_same=is_same)
        _refresh_run_records(con, manifest)
        _require_tables_only(con)
        for name in state.SERVED:
            con.execute(f"checkpoint {name}")
    finally:
        con.close()
    for name in state.SERVED:
        if (fresh / f"{name}.duckdb.wal").exists():
            raise IntegrityError(f"{name}.duckdb still has a write-ahead log", "publish again")


def _checkpoint(settings: Settings, build: state.Build) -> str | None:
    """The signed head over the entries that were built; None for a build over an empty ledger.

    Raises IntegrityError where the ledger holds no such head: the release would stand on what nobody signed.
    """
    if not build.ledger_size:
        return None
    ledger = Ledger(settings)
    note = ledger.note_of(build.ledger_size)
    if note is None or ledger.open(note).root != build.ledger_root:
        raise IntegrityError("the ledger has no signed head over what was built", "`brain verify` says more")
    return note


def _refresh_run_records(con: duckdb.DuckDBPyConnection, manifest: dict[str, Any]) -> None:
    """Fill the marts over the journal again, by dbt's own compiled SQL.

    The build wrote them before its own models and the release checks were journalled; a release must hold those of its
    own run. Starting dbt once more would cost 4 s for two statements.
    """
    wanted = {s["unique_id"] for s in manifest["sources"].values() if s["name"] in JOURNAL_SOURCES}
    for mart in content.marts(manifest):
        if not mart.describes_runs or not wanted & _sources_through_views(manifest, mart.unique_id):
            continue
        table = f"{mart.database}.main.{connect.quoted(mart.name)}"
        con.execute("begin")
        con.execute(f"delete from {table}")
        con.execute(f"insert into {table} by name {manifest['nodes'][mart.unique_id]['compiled_code']}")
        con.execute("commit")


def _sources_through_views(manifest: dict[str, Any], unique_id: str) -> set[str]:
    """The sources that a model reads now, that is directly or through views; a table in between is of the build's
    time."""
    found: set[str] = set()
    for parent in manifest["nodes"][unique_id]["depends_on"]["nodes"]:
        if parent in manifest["sources"]:
            found.add(parent)
        elif manifest["nodes"][parent]["config"].get("materialized") in ("view", "ephemeral"):
            found |= _sources_through_views(manifest, parent)
    return found


def _require_tables_only(con: duckdb.DuckDBPyConnection) -> None:
    """A view could read outside its file, and would fail for every reader: connections are locked."""
    views = con.execute(
        "select database_name || '.' || view_name from duckdb_views() "
        "where not internal and database_name in ('official', 'audit') order by 1"
    ).fetchall()
    if views:
        raise BrainError(f"{views[0][0]} is a view", "served marts are tables: set materialized: table")


def _write_notes(
    settings: Settings, build: state.Build, hashes: dict[str, str], fresh: Path, info: tuple[str, str, datetime]
) -> None:
    release_id, digest, now = info
    report = settings.home / "reports" / "checks.html"
    if report.is_file():
        shutil.copyfile(report, fresh / "checks.html")
    files = sorted(p for p in fresh.iterdir() if p.is_file())
    for path in files:
        path.chmod(0o444)
        state.sync_file(path)
    state.write_json(
        fresh / "release.json",
        {
            "id": release_id,
            "created_at": now.isoformat(timespec="seconds"),
            "content_hash": digest,
            "as_of": build.as_of,
            "profile": build.profile,
            "build_id": build.build_id,
            "ledger_size": build.ledger_size,
            "ledger_root": build.ledger_root,
            "checkpoint": _checkpoint(settings, build),
            "code_version": build.code_version,
            "marts": hashes,
            "files": {path.name: state.sha256_file(path) for path in files},
        },
    )


def _point(settings: Settings, folder: Path) -> None:
    """Swap `current` in one step: rename over a symlink is atomic."""
    link = settings.current.with_name("current.tmp")
    link.unlink(missing_ok=True)
    link.symlink_to(folder.relative_to(settings.current.parent), target_is_directory=True)
    link.replace(settings.current)
    state.sync_folder(settings.current.parent)


def _last_revision(settings: Settings, release_id: str) -> int:
    return max(r.revision for r in releases(settings) if r.id == release_id)


def _prune(settings: Settings) -> None:
    """Keep the last three releases, of each the last two revisions (a reader may just be opening the one before).

    The current one is kept in any case: after a rollback it can be an old one.
    """
    kept = releases(settings)
    serving = current(settings)
    ids = list(dict.fromkeys(r.id for r in kept))[-KEEP:]
    for release in kept:
        revisions = [r.path for r in kept if r.id == release.id]
        if release.path == (serving and serving.path) or (release.id in ids and release.path in revisions[-2:]):
            continue
        shutil.rmtree(release.path)
