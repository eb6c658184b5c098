"""tools/verify_brain.py: accepts what is sound, sees every damage, and calls it by its name."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.mutations import CODES, Yard, damage, run, summary, verifier
from brain.errors import BrainError, IntegrityError
from brain.keys import load_keys
from brain.settings import ROOT
from ingest.ledger import Ledger, rotate_key
from warehouse.log import proof, records

pytestmark = pytest.mark.usefixtures("open_gate")
TOOL = ROOT / "tools/verify_brain.py"


RECORDS = ["toy:thing:4", "people:thing:2", "toy:thing:9"]


def furnished(house: Any) -> dict[str, Any]:
    """Give a small house all there is to damage; returns the private keys that signed its heads, by public key.

    Two sources, one of them encrypted; fetches of several payloads; refused, changed and left out records; roots; a
    change of the key.
    """
    house.contract(servers=[house.server("part*.csv", together=True)])
    people = [house.field("id", key=1), house.field("name", classification="personal")]
    house.contract(people, name="people", servers=[house.server("people_*.csv")])

    def deliver(day: int, rows: list[str]) -> None:
        for part in (0, 1, 2):  # three files are one fetch of three payloads
            house.deliver(f"part{part}_2026-01-{day:02d}.csv", "\n".join(["id,title", *rows[part::3], ""]))
        house.deliver(f"people_2026-01-{day:02d}.csv", f"id,name\n1,某人\n2,第{day}人\n")
        house.ingest()
        house.ingest("people")
        records.enter_roots(house.settings, house.entries())

    first = load_keys(house.settings).signing_key
    deliver(1, [f"{i},西安{i}" for i in range(1, 10)] + ["7"] + ["8"])
    rotate_key(house.settings)
    second = load_keys(house.settings).signing_key
    deliver(2, [f"{i},西安{i}{'!' if i == 4 else ''}" for i in range(1, 9)])
    deliver(3, [f"{i},西安{i}{'!' if i == 4 else ''}" for i in range(1, 8)] + ["9"])
    return {k.public_key().public_bytes_raw().hex(): k for k in (first, second)}


@pytest.fixture
def kept_house(new_house: Callable[..., Any]) -> tuple[Any, dict[str, Any]]:
    house = new_house()
    return house, furnished(house)


@pytest.fixture
def yard(kept_house: tuple[Any, dict[str, Any]], tmp_path: Path) -> Yard:
    house, seeds = kept_house
    return Yard(house.settings, seeds, tmp_path / "yard", RECORDS)


def test_it_needs_nothing_of_the_house_and_is_one_short_file(yard: Yard):
    code = TOOL.read_text(encoding="utf-8")
    assert len(code.splitlines()) < 300
    roots = {line.split()[1].partition(".")[0] for line in code.splitlines() if line.startswith(("import ", "from "))}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}
    command = [sys.executable, "-I", str(TOOL), str(yard.home), str(yard.key), "--head", str(yard.kept)]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all is as signed")


def test_500_random_damages_are_seen_and_called_by_their_name(yard: Yard):
    told = summary(damage(yard, 1, 500))
    assert told["missed"] == [] and told["found"] == told["called rightly"] == 500
    targets = {name.partition(":")[0] for name in told["by target and way"]}
    assert targets == {"segment", "index", "raw", "quarantine", "entry", "head", "fork", "bundle", "kept head"}


def test_each_kind_has_an_exit_code_of_its_own():
    assert verifier().CODES == CODES and len(set(CODES.values())) == 5


def test_who_knows_any_of_the_keys_can_follow_to_the_others(yard: Yard, tmp_path: Path):
    assert len(yard.seeds) == 2
    for public in yard.seeds:
        pinned = tmp_path / "pinned.pub"
        pinned.write_text(public)
        for what in (yard.home, *yard.bundles):
            assert run(yard.module, what, pinned)[0] == 0
    pinned.write_text("00" * 32)
    for what in (yard.home, *yard.bundles):
        assert run(yard.module, what, pinned)[0] == CODES["altered"]


def test_a_whole_new_ledger_is_a_fork_only_to_who_kept_a_head(yard: Yard, new_house: Callable[..., Any]):
    """Why heads must be kept elsewhere: made anew with the same keys, all fits itself."""
    from bench.mutations import _ledger, fork

    with _ledger(yard) as db:
        fork(db, yard, 1)
        assert run(yard.module, yard.home, yard.key)[0] == 0
        assert yard.check()[0] == CODES["forked"]


def test_a_folder_that_is_not_there_is_wrong_usage(yard: Yard):
    assert run(yard.module, yard.folder / "nowhere", yard.key)[0] == 2
    assert run(yard.module, yard.home, yard.folder / "nowhere")[0] == 2


# -- bundles --------------------------------------------------------------------------------------------------------


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {i.filename: archive.read(i) for i in archive.infolist()}


def test_a_proof_shows_the_bytes_of_a_public_record(yard: Yard):
    files = members(yard.bundles[0])
    assert set(files) == {"proof.json", "checkpoint", "index.jsonl", "payload.zst", "payload", "record.json"}
    assert files["record.json"].decode() == '{"id":"4","title":"西安4!"}' and "4,西安4!\n" in files["payload"].decode()
    code, said = run(yard.module, yard.bundles[0], yard.key)
    assert code == 0 and said.startswith("toy:thing:4: upsert at L3, batch ")
    assert yard.check(yard.bundles[0], yard.kept, yard.old)[0] == 0


def test_a_proof_shows_nothing_of_a_person(yard: Yard):
    files = members(yard.bundles[1])
    assert set(files) == {"proof.json", "checkpoint"}
    assert not any("人" in content.decode() for content in files.values())
    assert json.loads(files["proof.json"])["withheld"] == "the source holds personal data"


def test_what_a_delivery_left_out_is_proven_too(yard: Yard):
    files = members(yard.bundles[2])
    told = json.loads(files["proof.json"])
    assert told["record"]["change"] == "withdrawn" and told["withheld"] == "left out by the source"
    code, said = run(yard.module, yard.bundles[2], yard.key)
    assert code == 0 and "toy:thing:9: withdrawn" in said


def test_an_older_version_has_its_proof(kept_house: tuple[Any, dict[str, Any]], tmp_path: Path):
    house, _ = kept_house
    out = tmp_path / "old.zip"
    told = proof.prove(house.settings, "toy:thing:4", out, version=1)
    assert told["record"]["version"] == 1 and members(out)["record.json"].decode() == '{"id":"4","title":"西安4"}'
    again = tmp_path / "again.zip"
    proof.prove(house.settings, "toy:thing:4", again, version=1)
    assert again.read_bytes() == out.read_bytes(), "the same proof has the same bytes"
    assert run(verifier(), out, house.settings.secrets / "ledger.pub")[0] == 0


def test_the_proof_of_one_record_does_not_pass_for_another(yard: Yard):
    files = members(yard.bundles[0])
    for name, value in (("record_id", "toy:thing:5"), ("pointer", "L4"), ("content_hash", "00" * 32)):
        told = json.loads(files["proof.json"])
        told["record"][name] = value
        spoilt = {**files, "proof.json": json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"}
        path = yard.folder / "spoilt.zip"
        path.write_bytes(proof.packed(spoilt))
        assert run(yard.module, path, yard.key)[0] == CODES["altered"], name


@pytest.mark.parametrize(
    ("record_id", "version", "said"),
    [
        ("toy:thing:404", None, "there is no 'toy:thing:404' in raw"),
        ("toy:thing:4", 9, "there is no version 9"),
        ("toy:other:4", None, "is no record id"),
        ("nowhere:thing:4", None, "no source 'nowhere'"),
    ],
)
def test_what_is_not_there_has_no_proof(kept_house: Any, tmp_path: Path, record_id: str, version: Any, said: str):
    with pytest.raises(BrainError, match=said):
        proof.prove(kept_house[0].settings, record_id, tmp_path / "no.zip", version)
    assert not list(tmp_path.glob("no.zip*"))


def test_a_batch_without_a_root_has_no_proof_yet(house: Any, tmp_path: Path):
    house.contract()
    house.deliver("a_2026-01-01.csv", "id,title\n1,甲\n")
    house.ingest()
    with pytest.raises(BrainError, match="has no root yet"):
        proof.prove(house.settings, "toy:thing:1", tmp_path / "no.zip")


def test_nothing_is_proven_over_changed_raw_or_for_a_head_of_another_ledger(kept_house: Any, tmp_path: Path):
    house, _ = kept_house
    settings = house.settings
    other = Ledger(settings).note_of(1).replace("science", "Science")
    with pytest.raises(IntegrityError):
        proof.prove(settings, "toy:thing:4", tmp_path / "no.zip", kept=other)
    batch = next(e for e in reversed(house.entries("committed")) if e.source == "toy" and e.data["raw"])
    path = settings.home / batch.data["raw"][0]["path"]
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(IntegrityError, match=r"cannot be read|not as entered"):
        proof.prove(settings, "toy:thing:4", tmp_path / "no.zip")
