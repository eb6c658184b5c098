"""Every figure that is defined can be counted over what the city's sources deliver, and over the real files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from brain.cli import main
from brain.settings import Settings
from warehouse import figures
from warehouse.metrics import metrics
from warehouse.publish import Release

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # dbt leaves its log file open
OFFICIAL = [m for m in metrics() if m.database == "official"]


@pytest.fixture
def published(city, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The city's build as if it were released."""
    release = Release("r1", Path(city.settings.warehouse_dir), "0" * 64, 1, "2026-01-01T00:00:00+00:00", "2026-01-01")
    monkeypatch.setattr(figures, "current", lambda settings: release)
    return city.settings


def test_every_figure_has_a_value_in_the_city_and_every_ratio_is_that_of_its_parts(published: Settings) -> None:
    rows = {(r["mart"], r["name"]): r for r in figures.figures(published)["rows"]}
    assert rows.keys() == {(m.mart, m.name) for m in OFFICIAL}
    for metric in (m for m in OFFICIAL if not m.within):
        value = rows[metric.mart, metric.name]["value"]
        parts = [rows[metric.mart, name]["value"] for name in metric.parts or ()]
        if parts and parts[1]:
            assert value == pytest.approx((parts[0] or 0) / parts[1]), metric.full_name
        elif not parts and metric.sql.startswith("COUNT"):
            assert value is not None, metric.full_name


@pytest.mark.parametrize("metric", [m for m in OFFICIAL if m.within], ids=lambda m: m.full_name)
def test_a_figure_that_asks_for_a_choice_has_a_value_for_each(published: Settings, metric) -> None:
    rows = figures.figures(published, (metric.full_name,), metric.within)["rows"]
    assert rows and all(set(r["group"]) == set(metric.within) for r in rows)


def test_the_command_counts_the_current_release(release_home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BRAIN_HOME", release_home.home), ("BRAIN_SECRETS", release_home.secrets)):
        monkeypatch.setenv(name, str(value))
    told = CliRunner().invoke(main, ["metrics", "fct_projects.project_count", "--by", "source", "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert {r["group"]["source"] for r in found["rows"]} == {"nsfc", "nssfc"}
    assert all(r["value"] > 0 and r["unit"] == "项" and r["label"] == "项目数" for r in found["rows"])
