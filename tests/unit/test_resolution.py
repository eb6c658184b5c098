"""What a build finds of who is who becomes a batch like any other, once, and never causes another build."""

from __future__ import annotations

import shutil
from typing import Any

import duckdb
import pytest

from brain.errors import BrainError
from brain.settings import ROOT
from ingest.ledger import Ledger, LedgerEntry
from warehouse.build import as_of_date
from warehouse.resolution import commit_changes
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")
Found = dict[str, tuple[str, str | None]]
A, B = "pers_00000000000000aa", "pers_00000000000000bb"


class Builds:
    """Builds of a house of which only the links matter."""

    def __init__(self, house: Any):
        self.house = house
        self.settings = house.settings
        house.contract()
        shutil.copy(ROOT / "ingest/sources/resolution.odcs.yaml", house.sources)
        self.work = self.settings.warehouse_dir / "next"
        self.work.mkdir(parents=True)

    def found(self, links: Found, entries: list[LedgerEntry] | None = None) -> list[LedgerEntry]:
        """A build over `entries` that found these links: mention → (entity, event)."""
        rows = [(m, i, e) for m, (i, e) in links.items()]
        with duckdb.connect(str(self.work / "brain.duckdb")) as con:
            con.execute("create schema if not exists intermediate")
            con.execute(
                "create or replace table intermediate.int_person_links "
                "(mention_id varchar, entity_id varchar, event varchar)"
            )
            con.executemany("insert into intermediate.int_person_links values (?, ?, ?)", rows)
        given = Ledger(self.settings).entries() if entries is None else entries
        return commit_changes(self.settings, self.work, "2026-06-30", given, lambda text: None)

    def known(self) -> dict[str, str]:
        rows = self.house.versions("mention_id, entity_id", "membership", "resolution", "_is_current")
        return {r["mention_id"]: r["entity_id"] for r in rows}


@pytest.fixture
def builds(house: Any) -> Builds:
    return Builds(house)


def test_changes_become_a_batch_that_the_build_has_seen_and_verify_covers(builds: Builds) -> None:
    seen = builds.found({"s:r:2#self": (B, "created"), "s:r:1#self": (A, "created")})
    [entry] = seen
    assert (entry.source, entry.kind, entry.data["new"], entry.data["as_of"]) == (
        "resolution", "committed", 2, "2026-06-30",
    )  # fmt: skip
    assert builds.known() == {"s:r:1#self": A, "s:r:2#self": B}
    proven = verify(builds.settings)
    assert (proven["problems"], proven["records"], proven["uncommitted"]) == ([], 2, [])
    assert list(builds.work.iterdir()) == [builds.work / "brain.duckdb"], "the file was only on its way"


def test_without_a_change_nothing_is_entered(builds: Builds) -> None:
    first = builds.found({"s:r:1#self": (A, "created")})
    again = builds.found({"s:r:1#self": (A, None)})
    assert again == first == Ledger(builds.settings).entries()


def test_only_what_changed_is_entered_and_the_rest_is_kept(builds: Builds) -> None:
    builds.found({"s:r:1#self": (A, "created"), "s:r:2#self": (B, "created")})
    seen = builds.found({"s:r:1#self": (A, None), "s:r:2#self": (A, "merged")})
    assert seen[-1].data["received"] == 1
    assert builds.known() == {"s:r:1#self": A, "s:r:2#self": A}
    builds.found({"s:r:1#self": (A, None)})
    assert builds.known()["s:r:2#self"] == A, "what is gone keeps its entity"


def test_the_same_change_may_come_again_on_the_same_day(builds: Builds) -> None:
    """Back and forth: the third batch has the bytes of the first, and is no repeat of it."""
    builds.found({"s:r:1#self": (A, "moved")})
    builds.found({"s:r:1#self": (B, "moved")})
    builds.found({"s:r:1#self": (A, "moved")})
    assert builds.known() == {"s:r:1#self": A}


def test_what_others_committed_meanwhile_has_not_been_seen(builds: Builds) -> None:
    before = Ledger(builds.settings).entries()
    builds.house.deliver("list_2026-01-31.csv", "id,title\n1,甲\n")
    builds.house.ingest()
    assert builds.found({"s:r:1#self": (A, "created")}, before) == before
    assert [e.source for e in Ledger(builds.settings).entries()] == ["toy", "resolution"]


def test_it_does_not_move_the_date_of_the_next_build(builds: Builds) -> None:
    builds.house.deliver("list_2026-01-31.csv", "id,title\n1,甲\n")
    builds.house.ingest()
    day = as_of_date(Ledger(builds.settings).entries())
    [*others, ours] = builds.found({"s:r:1#self": (A, "created")})
    later = LedgerEntry(**{**vars(ours), "committed_at": "2999-01-01T00:00:00.000000+00:00"})
    assert as_of_date([*others, later]) == day
    assert as_of_date([ours]) == "1970-01-01"


def test_an_id_that_is_none_stops_the_build(builds: Builds) -> None:
    with pytest.raises(BrainError, match="not taken as it is"):
        builds.found({"s:r:1#self": ("somebody", "created")})


def test_a_build_without_entities_enters_nothing(builds: Builds) -> None:
    with duckdb.connect(str(builds.work / "brain.duckdb")) as con:
        con.execute("create schema intermediate")
    assert commit_changes(builds.settings, builds.work, "2026-06-30", [], lambda text: None) == []
    assert Ledger(builds.settings).entries() == []
