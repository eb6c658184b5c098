"""The stand-in city, run through the whole pipeline: what the platform found, and what it should have found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest

from brain.settings import Settings
from demo import commands
from demo.city import City
from demo.server import serve
from demo.state import State
from demo.truth import truth
from ingest.contract import load_sources
from ingest.run import ingest_source
from warehouse.build import build


@dataclass(frozen=True)
class BuiltCity:
    """A city of one seed and scale on its first day: ingested whole and built, not checked and not published."""

    settings: Settings
    city: City

    @cached_property
    def truth(self) -> dict[str, Any]:
        """As `brain demo truth` tells it."""
        return truth(self.city)

    def query(self, sql: str, file: str = "official") -> list[tuple]:
        """Rows of one of the built databases: official, audit or brain."""
        with duckdb.connect(str(self.settings.warehouse_dir / f"{file}.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()


@contextmanager
def built_city(root: Path, seed: int, scale: float) -> Iterator[BuiltCity]:
    """Serve, ingest and build. No arrival rule judges the batches: that is tested elsewhere and takes longer."""
    settings = Settings.from_env({"BRAIN_HOME": str(root / "var"), "BRAIN_SECRETS": str(root / "secrets")})
    state = State(seed, scale, 0)
    commands.deliver(settings, state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("expectations.arrival.check_batch", lambda *_: [])
        with serve(0, home=settings.home, secrets_dir=settings.secrets) as server:
            settings = replace(settings, demo_url=server.url)
            for source in load_sources(settings):
                ingest_source(settings, source)
        build(settings)
    yield BuiltCity(settings, state.city())
