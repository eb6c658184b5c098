"""The models by themselves: each builds over nothing, and each keeps to the examples that stand beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from brain.settings import Settings
from warehouse.build import build

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_every_model_builds_over_nothing_and_keeps_to_its_examples(tmp_path: Path) -> None:
    """Unit tests of dbt run here only: they are about the SQL, and a build of the city has no use for them."""
    settings = Settings.from_env({"BRAIN_HOME": str(tmp_path / "var"), "BRAIN_SECRETS": str(tmp_path / "secrets")})
    runs = build(settings, unit_tests=True)
    assert {run.status for run in runs} == {"success"}
