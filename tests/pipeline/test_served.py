"""Nothing is served that does not lead back to bytes, and no figure holds a row that makes no difference to it."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from brain.settings import Settings
from tests.city import BuiltCity
from warehouse import connect, publish, reach, state
from warehouse.metrics import metrics
from warehouse.verify import verify

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def served(city: BuiltCity, tmp_path: Path) -> Settings:
    """A home that is the city's by links, with its build as the release: the city itself is not published."""
    home = tmp_path / "var"
    release = home / "releases" / "r1"
    release.mkdir(parents=True)
    for path in city.settings.home.iterdir():
        if path.name not in ("releases", "current"):
            (home / path.name).symlink_to(path)
    for name in state.SERVED:
        (release / f"{name}.duckdb").symlink_to(city.settings.warehouse_dir / f"{name}.duckdb")
    notes = {"id": "r1", "content_hash": "0", "ledger_size": 1, "created_at": "2026-01-01", "as_of": "2026-01-01"}
    (release / "release.json").write_text(json.dumps(notes))
    (home / "current").symlink_to("releases/r1")
    return replace(city.settings, home=home)


def test_every_row_of_every_mart_leads_to_proven_records(served: Settings) -> None:
    report = verify(served, served=True)
    assert report["problems"] == [] and report["not_compared"] == []
    walked = report["served"]
    assert walked["untraced_rows"] == 0
    assert walked["rows"] > 20_000 and walked["records"] > 5_000 and walked["marts"] > 50
    assert walked["without_records"] < walked["rows"] / 10, "counts of none, regions and the like"


def test_fifty_figures_are_others_without_any_row_that_makes_them(
    served: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sums and counts, drawn by a seed; of each a row that is said to count for something is left out."""
    rng = random.Random(1)
    release = publish.current(served)
    assert release
    known = metrics()
    monkeypatch.setattr(reach, "metrics", lambda: known)  # read once and not for each figure
    told = {m.full_name: m for m in known if not m.within and m.database == "official" and not m.parts}
    seen = 0
    with connect.read_only(release.path / "official.duckdb") as con:
        for name in rng.sample(sorted(told), len(told)):
            metric = told[name]
            names = [c for c, *_ in con.execute(f'DESCRIBE "{metric.mart}"').fetchall()]
            if "record_ids" not in names:
                continue
            found = reach.figure(served, name)
            counting = [r for r in found["rows"] if r["value"]]
            if not counting or any(word in metric.sql.upper() for word in ("DISTINCT", "MAX(", "MIN(", "AVG(")):
                continue  # these may stay as they are: who is counted once may stand in several rows
            assert all(r["batch"] for r in found["records"]), name
            row = rng.choice(counting)
            rest = f'SELECT {metric.sql} FROM "{metric.mart}" WHERE "{names[0]}"::VARCHAR <> ?'
            assert reach._plain(con.execute(rest, [row["id"]]).fetchone()[0]) != found["value"], (name, row["id"])
            seen += 1
            if seen == 50:
                return
    pytest.fail(f"only {seen} figures could be drawn")
