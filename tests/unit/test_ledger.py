"""The ledger only grows, every head is signed, and nobody signs over a changed past."""

from __future__ import annotations

import base64
import hashlib
import json
import multiprocessing
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from brain.errors import BrainError, IntegrityError
from brain.keys import NAMES, load_keys
from brain.settings import Settings
from ingest import merkle
from ingest import note as notes
from ingest.ledger import (
    Ledger,
    batches,
    live_entries,
    open_checkpoint,
    rotate_key,
    sign_checkpoint,
    succession,
)
from warehouse.verify import verify


def body(record: str = "thing", kind: str = "committed", generation: int = 1, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "source": "toy", "record": record, "generation": generation, **more}


EMPTY = body(raw=[], quarantine=None, same_as=1)  # enough of a batch for `verify`


def nothing(seq: int, entry: dict[str, Any]) -> None:
    """No files to place."""


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    return Ledger(settings)


def test_entries_are_numbered_and_hashed(ledger: Ledger):
    ledger.commit([body(text="西安"), body("other")], nothing)
    [third] = ledger.commit([body()], nothing)
    entries = ledger.entries()
    assert [e.seq for e in entries] == [1, 2, 3] and entries[2] == third
    for e in entries:
        assert e.leaf == hashlib.sha256(b"\x00" + e.body.encode()).hexdigest()
        assert e.body == json.dumps(e.data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert (e.data["seq"], e.data["committed_at"]) == (e.seq, e.committed_at)
    assert [e.seq for e in ledger.entries("toy", "other")] == [2]


def test_the_head_is_a_signed_note_that_anybody_can_check(ledger: Ledger, settings: Settings):
    """By https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint, with nothing of ours but the public key."""
    ledger.commit([body(), body()], nothing)
    note = ledger.newest_note()
    text, signature = note.split("\n\n")
    origin, size, root = text.split("\n")
    leaves = [bytes.fromhex(e.leaf) for e in ledger.entries()]
    assert size == "2" and base64.b64decode(root) == hashlib.sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    dash, name, blob = signature.rstrip("\n").split(" ")
    assert (dash, name) == ("—", origin)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex((settings.secrets / "ledger.pub").read_text()))
    key_hash = hashlib.sha256(origin.encode() + b"\n\x01" + public.public_bytes_raw()).digest()[:4]
    assert base64.b64decode(blob)[:4] == key_hash
    public.verify(base64.b64decode(blob)[4:], f"{text}\n".encode())
    assert ledger.head().size == 2 and ledger.head().root == base64.b64decode(root).hex()


def test_an_empty_ledger_has_no_head(ledger: Ledger):
    assert ledger.head() is None and ledger.entries() == []


def test_any_changed_character_of_a_note_is_refused(settings: Settings):
    keys = load_keys(settings)
    note = sign_checkpoint(keys, 3, bytes(32))
    assert open_checkpoint(keys.public_key, note).size == 3
    accepted = []
    for i, c in enumerate(note):
        for other in {chr(ord(c) ^ 1), "A", "\n"} - {c}:
            try:
                open_checkpoint(keys.public_key, note[:i] + other + note[i + 1 :])
                accepted.append((i, c, other))
            except IntegrityError:
                pass
    assert accepted == []


@pytest.mark.parametrize(
    "change", [lambda n: n + "\n", lambda n: n[:-1], lambda n: "", lambda n: n + n, lambda n: None]
)
def test_a_note_of_another_form_is_refused(settings: Settings, change):
    keys = load_keys(settings)
    with pytest.raises(IntegrityError):
        open_checkpoint(keys.public_key, change(sign_checkpoint(keys, 3, bytes(32))))


def test_a_note_of_another_key_is_refused(house, new_house):
    note = sign_checkpoint(load_keys(new_house().settings), 1, bytes(32))
    with pytest.raises(IntegrityError, match="not ours"):
        open_checkpoint(load_keys(house.settings).public_key, note)


def test_a_commit_is_all_or_nothing(ledger: Ledger):
    ledger.commit([body()], nothing)
    note = ledger.newest_note()

    def fails_at_the_second(seq: int, entry: dict[str, Any]) -> None:
        if seq == 3:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ledger.commit([body(), body()], fails_at_the_second)
    assert [e.seq for e in ledger.entries()] == [1] and ledger.newest_note() == note


def test_what_placing_adds_to_a_body_is_part_of_the_leaf(ledger: Ledger):
    ledger.commit([body(raw=[])], lambda seq, entry: entry["raw"].append({"path": f"batch={seq}"}))
    [entry] = ledger.entries()
    assert entry.data["raw"] == [{"path": "batch=1"}]
    assert entry.leaf == merkle.leaf_hash(entry.body.encode()).hex()


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE entries SET leaf = replace(leaf, substr(leaf, 1, 8), '00000000') WHERE seq = 1",
        "UPDATE entries SET leaf = 'no hash' WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM checkpoints",
        "UPDATE checkpoints SET note = replace(note, 'science', 'silence') WHERE size = 2",
    ],
)
def test_nothing_is_signed_over_a_changed_past(ledger: Ledger, settings: Settings, tamper: str):
    ledger.commit([body()], nothing)
    ledger.commit([body()], nothing)
    with sqlite3.connect(settings.ledger_path) as con:
        con.execute(tamper)
    con.close()
    with pytest.raises(IntegrityError):
        ledger.commit([body()], nothing)
    assert len(ledger.entries()) <= 2


def test_live_entries_are_those_of_the_newest_generation(ledger: Ledger):
    kinds = [("committed", 1), ("held", 1), ("committed", 1), ("replay", 2), ("accepted", 2), ("held", 2)]
    ledger.commit([body(kind=k, generation=g) for k, g in kinds], nothing)
    ledger.commit([body("other")], nothing)
    assert [e.seq for e in live_entries(ledger.entries())] == [4, 5, 7]


# -- signed notes and the change of keys ----------------------------------------------------------------------------

# golang.org/x/mod/sumdb/note, note_test.go: key and note of Go's own implementation
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
GO_NOTE = f"{GO_TEXT}\n— PeterNeumann {GO_SIGNATURE}\n"


def test_notes_are_those_of_go():
    key = Ed25519PrivateKey.from_private_bytes(GO_SEED)
    assert notes.verifier_key("PeterNeumann", key.public_key()) == GO_VERIFIER
    assert notes.sign(GO_TEXT, "PeterNeumann", key) == GO_NOTE
    assert notes.open_note(GO_NOTE, "PeterNeumann", [key.public_key()]) == GO_TEXT
    for name, note in (("PeterNeuman", GO_NOTE), ("PeterNeumann", GO_NOTE.replace("If", "if"))):
        with pytest.raises(IntegrityError):
            notes.open_note(note, name, [key.public_key()])


def test_a_new_key_signs_from_the_entry_on_that_names_it(house):
    house.contract()  # `verify` reads contracts
    settings = house.settings
    ledger = Ledger(settings)
    ledger.commit([EMPTY], nothing)
    old = ledger.keys.public_key
    before, then = rotate_key(settings)
    assert before == old.public_bytes_raw().hex() and (settings.secrets / "ledger.pub").read_text().strip() == then
    assert before not in (settings.secrets / "ledger.key").read_text()
    with pytest.raises(IntegrityError, match="another key"):
        ledger.commit([EMPTY], nothing)  # a run that began before
    renewed = Ledger(settings)
    new = renewed.keys.public_key
    assert new.public_bytes_raw().hex() == then and renewed.head().size == 2
    renewed.commit([EMPTY], nothing)
    entries, heads = renewed.entries_and_heads()
    keys = succession((e.body for e in entries if e.kind == "key"), new)
    signed = {size: keys.signers(size) for size, _ in heads}
    assert [len(signed[size]) for size in (1, 2, 3)] == [1, 2, 1]
    assert all(open_checkpoint(signed[size], note).size == size for size, note in heads)
    for size, note in heads:  # no other key passes for the right one
        with pytest.raises(IntegrityError):
            open_checkpoint([new] if size < 3 else [old], note)
    assert verify(settings)["problems"] == []
    rotate_key(settings)
    rotate_key(settings)
    assert verify(settings)["problems"] == [] and Ledger(settings).head().size == 5
    assert batches(Ledger(settings).entries()) == [entries[0], entries[2]]


def test_a_change_of_keys_that_was_cut_off_is_ended(house, monkeypatch):
    house.contract()
    settings = house.settings
    ledger = Ledger(settings)
    ledger.commit([EMPTY], nothing)

    def cut(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr("ingest.ledger.replace_ledger_key", cut)
        rotate_key(settings)
    with pytest.raises(IntegrityError, match="another key"):
        Ledger(settings).commit([EMPTY], nothing)
    rotate_key(settings)
    Ledger(settings).commit([EMPTY], nothing)
    assert [e.kind for e in Ledger(settings).entries()] == ["committed", "key", "committed"]
    assert verify(settings)["problems"] == [] and not (settings.secrets / "ledger.key.next").exists()


# -- keys -----------------------------------------------------------------------------------------------------------


def test_keys_are_made_once_and_for_their_owner_alone(settings: Settings):
    first = load_keys(settings)
    assert load_keys(settings) == first
    assert stat.S_IMODE(settings.secrets.stat().st_mode) == 0o700
    for name in NAMES:
        assert stat.S_IMODE((settings.secrets / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", NAMES)
def test_state_without_its_key_is_an_error_never_a_new_key(ledger: Ledger, settings: Settings, name: str):
    ledger.commit([body()], nothing)
    (settings.secrets / name).unlink()
    with pytest.raises(BrainError, match=f"{name} is missing") as e:
        Ledger(settings)
    assert "backup" in e.value.hint and not (settings.secrets / name).exists()


def test_a_broken_key_is_an_error(settings: Settings):
    load_keys(settings)
    (settings.secrets / "landing.key").write_text("not hex\n")
    with pytest.raises(BrainError, match=r"landing\.key holds no 32-byte key"):
        load_keys(settings)


def _commit_one(settings: Settings) -> bytes:
    ledger = Ledger(settings)
    ledger.commit([body()], nothing)
    return ledger.keys.ledger_seed


def test_runs_that_start_side_by_side_share_keys_and_ledger(settings: Settings):
    """The first `make up` starts a run per source at once in an empty house."""
    with multiprocessing.get_context("fork").Pool(4) as pool:
        seeds = pool.map(_commit_one, [settings] * 8, chunksize=1)
    assert len(set(seeds)) == 1
    assert [e.seq for e in Ledger(settings).entries()] == list(range(1, 9))


def test_no_unfinished_key_is_left(settings: Settings):
    load_keys(settings)
    assert {p.name for p in Path(settings.secrets).iterdir()} == {*NAMES, "ledger.pub", ".lock"}
