"""All that cannot be made again, copied whole: onto an empty machine it gives the same heads, releases and marts.

A backup is a folder of plain files as they lie in a home, and `backup.json` with the hash of each and the signed head.
What entries of the ledger name never changes once it is committed, so a backup may be made while sources are ingested;
the ledger is copied first, and only files that its copy names. Keys are no part of it: they belong elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from brain.errors import BrainError, IntegrityError
from brain.keys import load_keys
from brain.settings import Settings
from ingest import merkle
from ingest.ledger import Ledger, LedgerEntry, batches
from warehouse import connect, publish, state

FORMAT = "science-brain/backup/1"
NOTES = "backup.json"
LEDGER = "ledger/ledger.sqlite"
# besides what entries name: what was told of runs, what is served, and the day that the stand-in city has come to
OTHERS = ("profile", "journal/**/*", "releases/*/*", "demo/city.json")

Progress = Callable[[str], None]


def backup(settings: Settings, folder: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Copy the home into a new folder; returns `folder`, `files`, `bytes`, `release` and the signed `checkpoint`.

    Raises BrainError where the folder holds something already or there is nothing to keep, IntegrityError where an
    entry names a file that is not there, LockedError while the warehouse is being written.
    """
    say = progress or (lambda text: None)
    _require_empty(folder)
    if not settings.ledger_path.exists():
        raise BrainError(f"{settings.home} holds no ledger yet", "`brain run` makes one")
    fresh = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with connect.writer_lock(settings, "backup"):  # no release comes or goes meanwhile
            (fresh / LEDGER).parent.mkdir(parents=True)
            with (
                closing(sqlite3.connect(settings.ledger_path)) as live,
                closing(sqlite3.connect(fresh / LEDGER)) as copy,
            ):
                live.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
            entries, heads = Ledger(replace(settings, home=fresh), load_keys(settings)).entries_and_heads()
            files = {LEDGER: _told(fresh / LEDGER)}
            names = sorted({*_named(settings, entries), *_others(settings)})
            say(f"{len(names)} files of {len(entries)} entries")
            for name in names:
                files[name] = _copy(settings.home / name, fresh / name)
            current = str(settings.current.readlink()) if settings.current.is_symlink() else None
    except OSError as e:
        shutil.rmtree(fresh, ignore_errors=True)
        raise IntegrityError(f"{e.filename}: {e.strerror}", "`brain verify` says what is missing") from e
    notes = {"format": FORMAT, "current": current, "checkpoint": heads[-1][1] if heads else None, "files": files}
    state.write_json(fresh / NOTES, notes)
    os.sync()
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        folder.rmdir()
    fresh.rename(folder)
    return _summary(folder, notes)


def restore(settings: Settings, folder: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Lay a backup into an empty home; returns `folder`, `files`, `bytes`, `release` and the signed `checkpoint`.

    The keys must lie in BRAIN_SECRETS already. Every file is proven against the backup's notes, the ledger against its
    head and the head against the key, the release against its own notes. Raises BrainError where the home holds
    something or a key is missing, IntegrityError where the backup is not as it was made; nothing of it stays then.
    """
    say = progress or (lambda text: None)
    _require_empty(settings.home)
    try:
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise BrainError(f"{folder} holds no whole backup", "give the folder that `brain backup` wrote") from e
    if notes.get("format") != FORMAT:
        raise BrainError(f"{folder} is a backup of another form: {notes.get('format')}")
    if not (settings.secrets / "ledger.key").exists():
        raise BrainError(f"the keys are not in {settings.secrets}", "put them there first: a new key would not fit")
    fresh = settings.home.with_name(settings.home.name + ".tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        say(f"{len(notes['files'])} files")
        for name, told in notes["files"].items():
            if not (fresh / name).resolve().is_relative_to(fresh.resolve()):
                raise IntegrityError(f"{name} would lie outside of the home")
            try:
                found = _copy(folder / name, fresh / name)
            except OSError as e:
                raise IntegrityError(f"the backup lacks {name}", "take another backup") from e
            if found != told:
                raise IntegrityError(f"{name} is not as it was backed up", "take another backup")
        if notes["current"]:
            (fresh / "current").symlink_to(notes["current"], target_is_directory=True)
        _prove(replace(settings, home=fresh), notes)
        os.sync()
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    if settings.home.exists():
        settings.home.rmdir()
    fresh.rename(settings.home)
    return _summary(settings.home, notes)


def _prove(settings: Settings, notes: dict[str, Any]) -> None:
    """The restored ledger is that of its head, the head is ours, and the release is as it was published."""
    ledger = Ledger(settings)
    entries = ledger.entries()
    if notes["checkpoint"] is not None:
        head = ledger.open(notes["checkpoint"])
        if (head.size, head.root) != (len(entries), merkle.root(bytes.fromhex(e.leaf) for e in entries).hex()):
            raise IntegrityError("the ledger is not that of the backup's head", "take another backup")
    release = publish.current(settings)
    if release:
        told = json.loads((release.path / "release.json").read_text(encoding="utf-8"))["files"]
        wrong = [name for name, digest in told.items() if state.sha256_file(release.path / name) != digest]
        if wrong:
            raise IntegrityError(f"release {release.id}: {', '.join(wrong)} is not as published", "take another backup")


def _named(settings: Settings, entries: list[LedgerEntry]) -> Iterator[str]:
    """Files that entries name. Of the hash files only those that are there: others have taken their place."""
    for data in (e.data for e in batches(entries)):
        if landing := data.get("landing"):
            yield landing["segment"]
            yield landing["segment"].rpartition(".")[0] + ".index.jsonl"
        yield from (f["path"] for f in [*data.get("raw", ()), data.get("quarantine")] if f)
        hashes = data.get("hashes")
        if hashes and (settings.home / hashes["path"]).exists():
            yield hashes["path"]


def _others(settings: Settings) -> Iterator[str]:
    for pattern in OTHERS:
        for path in settings.home.glob(pattern):
            if path.is_file() and ".tmp" not in path.parent.name:
                yield path.relative_to(settings.home).as_posix()


def _copy(source: Path, target: Path) -> dict[str, Any]:
    """Copy a file with its mode; returns the hash and length of what was copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    shutil.copymode(source, target)
    return _told(target)


def _told(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "bytes": path.stat().st_size}


def _require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BrainError(f"{folder} holds something already", "give a folder that is empty or not there yet")


def _summary(folder: Path, notes: dict[str, Any]) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "files": len(notes["files"]),
        "bytes": sum(f["bytes"] for f in notes["files"].values()),
        "release": Path(notes["current"]).name if notes["current"] else None,
        "checkpoint": notes["checkpoint"],
    }
