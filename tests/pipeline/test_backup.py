"""A build on a restored home makes every mart again with the same content hash, under the same signed head."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from expectations.release import check_release
from ingest.ledger import Ledger
from warehouse import publish
from warehouse.build import build
from warehouse.log.backup import backup, restore

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_a_restored_home_makes_the_same_marts_and_the_same_head(small_house, tmp_path: Path):
    released = small_house.release("2024-01-01", small_house.labs(12))
    notes = json.loads((released.path / "release.json").read_text(encoding="utf-8"))
    assert notes["checkpoint"] == Ledger(small_house.settings).newest_note(), "a release shows the newest head"
    assert [e.kind for e in Ledger(small_house.settings).entries()][-1] == "roots"

    told = backup(small_house.settings, tmp_path / "kept")
    home = tmp_path / "elsewhere"
    new = replace(small_house.settings, home=home)
    restore(new, tmp_path / "kept")
    assert publish.current(new).content_hash == released.content_hash

    build(new)
    check_release(new)
    again = publish.publish(new)
    remade = json.loads((again.path / "release.json").read_text(encoding="utf-8"))
    assert remade["marts"] == notes["marts"] and remade["content_hash"] == notes["content_hash"]
    assert Ledger(new).newest_note() == told["checkpoint"] == remade["checkpoint"], "a build enters nothing new"
    (home / "current").unlink()
    (home / "releases").rename(home / "gone")
    assert publish.publish(new).content_hash == released.content_hash, "also without the old release"
