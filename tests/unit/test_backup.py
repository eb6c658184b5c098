"""A backup on an empty machine gives the same heads and files, or nothing at all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brain.errors import BrainError, IntegrityError
from ingest.ledger import Ledger
from warehouse import publish
from warehouse.log import records
from warehouse.log.backup import backup, restore
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")


@pytest.fixture
def filled(house: Any) -> Any:
    """Two batches, one of them encrypted, a refused record, roots, a release, and a leftover that no entry names."""
    house.contract()
    people = [house.field("id", key=1), house.field("name", classification="personal")]
    house.contract(people, name="people", servers=[house.server("people_*.csv")])
    house.deliver("people_2026-01-01.csv", "id,name\n1,某人\n")
    house.ingest("people")
    house.contract(servers=[house.server("list_*.csv")])
    house.deliver("list_2026-01-01.csv", "id,title\n1,甲\n2\n")
    house.ingest()
    records.enter_roots(house.settings, house.entries())
    folder = house.settings.releases / "r1"
    folder.mkdir(parents=True)
    (folder / "official.duckdb").write_bytes(b"served")
    digest = hashlib.sha256(b"served").hexdigest()
    size = len(house.entries())
    notes = {"id": "r1", "content_hash": "0", "ledger_size": size, "created_at": "2026-01-01", "as_of": "2026-01-01"}
    (folder / "release.json").write_text(json.dumps({**notes, "files": {"official.duckdb": digest}}))
    house.settings.current.symlink_to("releases/r1")
    (house.settings.landing / "toy" / "leftover.zst").write_bytes(b"of a run that did not end")
    return house


def files(home: Path) -> dict[str, bytes]:
    """What a home holds, without the ledger, which SQLite writes in its own way, and without what runs leave."""
    found = {p.relative_to(home).as_posix(): p for p in home.rglob("*") if p.is_file() and not p.is_symlink()}
    return {n: p.read_bytes() for n, p in found.items() if n.split("/")[0] not in ("ledger", "run", "work", "cache")}


def test_a_restored_home_has_the_same_heads_and_files(filled: Any, tmp_path: Path):
    settings = filled.settings
    told = backup(settings, tmp_path / "kept")
    new = replace(settings, home=tmp_path / "new" / "var")
    assert restore(new, tmp_path / "kept") == {**told, "folder": str(new.home)}
    assert Ledger(new).entries_and_heads() == Ledger(settings).entries_and_heads()
    assert told["checkpoint"] == Ledger(new).newest_note() and told["release"] == "r1"
    before = files(settings.home)
    del before["landing/toy/leftover.zst"]
    assert files(new.home) == before
    assert publish.current(new).id == "r1" and not new.current.readlink().is_absolute()
    report = verify(new)
    assert (report["problems"], report["uncommitted"], report["records"]) == ([], [], 3)
    ledger = Ledger(new)  # and life goes on there
    ledger.commit([{"kind": "committed", "source": "s", "record": "r"}], lambda seq, body: None)
    assert ledger.head().size == len(Ledger(settings).entries()) + 1


def test_no_key_and_nothing_personal_is_in_a_backup(filled: Any, tmp_path: Path):
    backup(filled.settings, tmp_path / "kept")
    kept = b"".join(p.read_bytes() for p in (tmp_path / "kept").rglob("*") if p.is_file())
    for key in ("landing.key", "pseudonym.key", "ledger.key"):
        assert (filled.settings.secrets / key).read_bytes().strip() not in kept


@pytest.mark.parametrize("pattern", ["landing/**/*.enc", "raw/**/*.parquet", "ledger/*.sqlite", "releases/*/*.duckdb"])
@pytest.mark.parametrize("way", ["change", "loss"])
def test_a_spoilt_backup_leaves_nothing(filled: Any, tmp_path: Path, pattern: str, way: str):
    backup(filled.settings, tmp_path / "kept")
    path = next((tmp_path / "kept").glob(pattern))
    if way == "loss":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
    new = replace(filled.settings, home=tmp_path / "new")
    with pytest.raises(IntegrityError, match="lacks" if way == "loss" else "not as it was backed up"):
        restore(new, tmp_path / "kept")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("new")] == []


def test_a_backup_with_other_notes_is_not_taken(filled: Any, tmp_path: Path):
    """Who changes a file and its hash in the notes still has no head that fits."""
    backup(filled.settings, tmp_path / "kept")
    notes = json.loads((tmp_path / "kept/backup.json").read_text())
    new = replace(filled.settings, home=tmp_path / "new")
    for change in ({"checkpoint": Ledger(filled.settings).note_of(1)}, {"checkpoint": notes["checkpoint"] + " "}):
        (tmp_path / "kept/backup.json").write_text(json.dumps({**notes, **change}))
        with pytest.raises(IntegrityError):
            restore(new, tmp_path / "kept")
    outside = {**notes["files"], "../outside": notes["files"]["profile"]}
    (tmp_path / "kept/backup.json").write_text(json.dumps({**notes, "files": outside}))
    with pytest.raises(IntegrityError, match="outside"):
        restore(new, tmp_path / "kept")
    assert not new.home.exists()


def test_what_is_there_is_never_written_over(filled: Any, tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine").touch()
    with pytest.raises(BrainError, match="holds something already"):
        backup(filled.settings, tmp_path / "kept")
    backup(filled.settings, tmp_path / "other")
    with pytest.raises(BrainError, match="holds something already"):
        restore(filled.settings, tmp_path / "other")
    with pytest.raises(BrainError, match="no whole backup"):
        restore(replace(filled.settings, home=tmp_path / "new"), tmp_path / "kept")


def test_a_restore_needs_the_keys(filled: Any, tmp_path: Path):
    backup(filled.settings, tmp_path / "kept")
    new = replace(filled.settings, home=tmp_path / "new", secrets=tmp_path / "no-secrets")
    with pytest.raises(BrainError, match="keys are not in"):
        restore(new, tmp_path / "kept")
    assert not new.home.exists() and not new.secrets.exists()


def test_what_an_entry_names_must_be_there(filled: Any, tmp_path: Path):
    next(filled.settings.raw.rglob("*.parquet")).unlink()
    with pytest.raises(IntegrityError, match="No such file"):
        backup(filled.settings, tmp_path / "kept")
    assert list(tmp_path.glob("kept*")) == []
