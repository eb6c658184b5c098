"""A sample is the same for everybody who knows the seed, and every record of it is proven."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from bench.mutations import run, verifier
from brain.errors import BrainError
from warehouse.log import records
from warehouse.log.sample import sample

pytestmark = pytest.mark.usefixtures("open_gate")


@pytest.fixture
def filled(house: Any) -> Any:
    house.contract()
    house.deliver("a_2026-01-01.csv", "id,title\n" + "".join(f"{i},第{i}\n" for i in range(40)))
    house.ingest()
    records.enter_roots(house.settings, house.entries())
    return house


def test_the_draw_can_be_made_again_by_anybody(filled: Any, tmp_path: Path):
    told = sample(filled.settings, "2026-Q4 审计", 5, tmp_path / "one")
    ranks = {
        i: hashlib.sha256(f"2026-Q4 审计\n{i}".encode()).hexdigest() for i in (f"toy:thing:{n}" for n in range(40))
    }
    assert [r["record_id"] for r in told["records"]] == sorted(ranks, key=ranks.__getitem__)[:5]
    assert told["population"] == 40 and json.loads((tmp_path / "one/sample.json").read_text("utf-8")) == told
    again = sample(filled.settings, "2026-Q4 审计", 5, tmp_path / "two")
    assert again == told
    for r in told["records"]:
        assert (tmp_path / "one" / r["bundle"]).read_bytes() == (tmp_path / "two" / r["bundle"]).read_bytes()
        code, said = run(verifier(), tmp_path / "one" / r["bundle"], filled.settings.secrets / "ledger.pub")
        assert code == 0 and said.startswith(r["record_id"] + ":")
    other = sample(filled.settings, "another", 5, tmp_path / "three")
    assert [r["record_id"] for r in other["records"]] != [r["record_id"] for r in told["records"]]


def test_there_may_be_fewer_than_asked_for_and_none_at_all(filled: Any, tmp_path: Path):
    assert len(sample(filled.settings, "s", 100, tmp_path / "all")["records"]) == 40
    with pytest.raises(BrainError, match="no records to draw from"):
        sample(filled.settings, "s", 5, tmp_path / "none", source="people")
    assert not (tmp_path / "none").exists()
    with pytest.raises(BrainError, match="holds something already"):
        sample(filled.settings, "s", 5, tmp_path / "all")
