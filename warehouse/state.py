"""What lies in the warehouse: which build, judged how. Small JSON files beside the databases, written whole and
last."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from brain.errors import BrainError, IntegrityError
from brain.settings import Settings

DATABASES = ("brain", "official", "audit")
SERVED = ("official", "audit")


@dataclass(frozen=True)
class Build:
    """One finished build. `files`: SHA-256 of each database as dbt left it. `as_of`: ISO date of the run.

    `models`: name, status, rows, seconds of each dbt model. `ledger_size` and `ledger_root` say which batches it holds.
    `keys` and `relations`: by dbt's id of a model, what its rows follow from and where they lie (`warehouse.reuse`).
    """

    build_id: str
    built_at: str
    as_of: str
    profile: str
    ledger_size: int
    ledger_root: str | None
    code_version: str
    files: dict[str, str]
    models: list[dict[str, Any]]
    keys: dict[str, str] = field(default_factory=dict)
    relations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gate:
    """The release gate's last verdict and the build it is about."""

    build_id: str
    success: bool
    checked_at: str
    run_id: str
    failed: list[str]


def build_path(settings: Settings) -> Path:
    return settings.warehouse_dir / "build.json"


def gate_path(settings: Settings) -> Path:
    return settings.warehouse_dir / "gate.json"


def manifest_path(settings: Settings) -> Path:
    """dbt's manifest of the very build that lies in the warehouse."""
    return settings.warehouse_dir / "manifest.json"


def read_build(settings: Settings) -> Build | None:
    """The build in the warehouse; None where there is none (never built, or a build was cut off)."""
    data = _read(build_path(settings))
    return Build(**data) if data else None


def require_build(settings: Settings) -> Build:
    """As `read_build`; raises BrainError where there is no build, IntegrityError where its files were changed since."""
    build = read_build(settings)
    if build is None:
        raise BrainError("the warehouse holds no finished build", "run `brain build`")
    for name, digest in build.files.items():
        path = settings.warehouse_dir / f"{name}.duckdb"
        if not path.is_file() or sha256_file(path) != digest:
            raise IntegrityError(f"{path.name} is not as the build left it", "run `brain build` again")
    return build


def write_build(settings: Settings, build: Build) -> None:
    write_json(build_path(settings), asdict(build))


def read_gate(settings: Settings) -> Gate | None:
    data = _read(gate_path(settings))
    return Gate(**data) if data else None


def write_gate(settings: Settings, gate: Gate) -> None:
    write_json(gate_path(settings), asdict(gate))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file whole: readers see the old one or the new one, after a power cut too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".tmp")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """fsync a folder, so that names in it survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """fsync a file's bytes."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
