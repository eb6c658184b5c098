"""Thirty days of the stand-in city, step by step, end where one load of the thirtieth day does.

One house asks every source on some days and builds on days 1, 10, 20 and 30; another meets the city on day 30. The
content hash of every released mart that describes the world must be the same. No such mart has a column that counts
batches, versions or payloads; those stand in the marts that describe runs, which have no such hash. The ids of entities
are decided when they are first met, so the second house takes over those of the first, as docs/entities.md says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from brain.settings import Settings
from demo import commands
from demo.server import serve
from demo.state import State
from ingest.contract import load_sources
from ingest.landing import Segment
from ingest.ledger import Ledger
from ingest.run import ingest_source
from warehouse import content, state
from warehouse.build import build

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SCALE = 0.1
# Files are dropped for every day all the same. To ask on all 31 days took six minutes of the nine sources together; so
# two days follow each other at either end, and ten lie between the others.
DAYS = (0, 1, 2, 10, 20, 29, 30)
BUILT = (1, 10, 20, 30)


def let_live(root: Path, days: Sequence[int], built: Sequence[int] = ()) -> Settings:
    """A house that asked every source on each of these days, and built on those that are due."""
    settings = Settings.from_env({"BRAIN_HOME": str(root / "var"), "BRAIN_SECRETS": str(root.parent / "secrets")})
    commands.deliver(settings, State(1, SCALE, days[0]))
    with serve(0, home=settings.home, secrets_dir=settings.secrets) as server:
        settings = replace(settings, demo_url=server.url)
        for day in days:
            commands.deliver(settings, State(1, SCALE, day))
            for source in load_sources(settings):
                held = [b for b in ingest_source(settings, source) if b.held]
                assert not held, f"a small city passes the arrival gate: {held}"
            if day in built:
                build(settings)
    return settings


def take_over_ids(settings: Settings, other: Settings) -> None:
    """Lay down what the other house entered of who is who, and ingest it."""
    folder = settings.demo_drop / "resolution"
    folder.mkdir()
    for entry in Ledger(other).entries("resolution"):
        [(payload, body)] = Segment(other.home / entry.data["landing"]["segment"]).bodies()
        (folder / Path(payload.url).name).write_bytes(body)
    batches = ingest_source(replace(settings, drop=settings.demo_drop), "resolution")
    assert len(batches) == len(BUILT) and not any(b.held or b.quarantined for b in batches)


def hashes(settings: Settings) -> dict[str, str]:
    return content.content_hashes(settings.warehouse_dir, content.read_manifest(state.manifest_path(settings)))


def test_thirty_days_end_where_one_load_does(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    alone = let_live(tmp_path / "once", DAYS[-1:])
    request.getfixturevalue("open_gate")  # judging every batch of every day takes minutes
    stepped = let_live(tmp_path / "steps", DAYS, BUILT)
    take_over_ids(alone, stepped)
    build(alone)
    steps, once = hashes(stepped), hashes(alone)
    assert {"official.dim_institutions", "official.fct_projects", "audit.dim_people"} <= set(once)
    assert {name for name in {*steps, *once} if steps.get(name) != once.get(name)} == set()
