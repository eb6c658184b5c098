"""A small house: one source of invented laboratories, the real ingest, dbt, gates and releases over it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

import expectations.rules
import warehouse.build
from brain.settings import Settings
from expectations import Check
from expectations.release import check_release
from ingest.run import Batch, ingest_source
from tests.city import BuiltCity, built_city
from warehouse.publish import Release, publish

SMALL = Path(__file__).parents[1] / "small_house"
Lab = tuple[str, str, str, float | None, str]


@dataclass
class SmallHouse:
    """Verbs of a run over the small house."""

    settings: Settings
    project: Path

    def deliver(self, day: str, labs: Sequence[Lab]) -> list[Batch]:
        """Lay a register of (code, name, field, budget, head) of a day into the empty drop and ingest it."""
        for old in self.settings.drop.iterdir():
            old.unlink()
        with (self.settings.drop / f"labs_{day}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["code", "name", "field", "budget", "head", "visited"])
            writer.writerows([*lab, ""] for lab in labs)
        return [b for b in ingest_source(self.settings, "labs") if b.record == "lab"]

    @staticmethod
    def labs(n: int, budget: float = 100.0, fields: Sequence[str] = ("光子", "航空", "农业")) -> list[Lab]:
        """`n` laboratories L1 … Ln, each headed by somebody."""
        return [(f"L{i}", f"第{i}实验室", fields[i % len(fields)], budget + i, f"王某{i}") for i in range(1, n + 1)]

    def build(self) -> list[warehouse.build.ModelRun]:
        return warehouse.build.build(self.settings)

    def check(self) -> list[Check]:
        return check_release(self.settings)

    def publish(self) -> Release:
        return publish(self.settings)

    def release(self, day: str, labs: Sequence[Lab]) -> Release:
        """Deliver, build, check, publish."""
        self.deliver(day, labs)
        self.build()
        self.check()
        return self.publish()

    def query(self, sql: str, file: str = "official") -> list[tuple]:
        """Rows of the current release."""
        path = (self.settings.current / f"{file}.duckdb").resolve()
        with duckdb.connect(str(path), read_only=True) as con:
            return con.execute(sql).fetchall()


@pytest.fixture(scope="session")
def make_small_house() -> Callable[[Path, pytest.MonkeyPatch], SmallHouse]:
    """Builds a small house below a folder; the patches point build and gates at its project and rules."""

    def make(root: Path, patch: pytest.MonkeyPatch) -> SmallHouse:
        (root / "drop").mkdir()
        project = root / "dbt_project"
        shutil.copytree(SMALL / "dbt_project", project)
        patch.setattr(warehouse.build, "PROJECT", project)
        patch.setattr(expectations.rules, "HERE", SMALL / "rules")
        patch.setenv("BRAIN_RUN_ID", "run-of-this-test")
        expectations.rules.load.cache_clear()
        env = {
            "BRAIN_HOME": str(root / "var"),
            "BRAIN_SECRETS": str(root / "secrets"),
            "BRAIN_SOURCES": str(SMALL / "sources"),
            "BRAIN_DROP": str(root / "drop"),
            "BRAIN_PROFILE": "open",
        }
        return SmallHouse(Settings.from_env(env), project)

    return make


@pytest.fixture
def small_house(make_small_house, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallHouse]:
    """One empty small house."""
    yield make_small_house(tmp_path, monkeypatch)
    expectations.rules.load.cache_clear()


@pytest.fixture(scope="module")
def built_house(make_small_house, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallHouse]:
    """A small house with two deliveries, built once per module. Read only."""
    with pytest.MonkeyPatch.context() as patch:
        house = make_small_house(tmp_path_factory.mktemp("built"), patch)
        first = [*house.labs(10), ("no code", "不是实验室", "", None, "")]
        house.deliver("2024-01-01", first)
        second = house.labs(9)
        second[0] = ("L1", "新名实验室", *second[0][2:])
        house.deliver("2025-01-01", [*second, ("L11", "第11实验室", "农业", 7.0, "王某11")])
        house.build()
        yield house
    expectations.rules.load.cache_clear()


@pytest.fixture(scope="session", params=(1, 2), ids=lambda seed: f"seed {seed}")
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuiltCity]:
    """A small stand-in city at two seeds, built once for all tests that ask what the marts found in it."""
    with built_city(tmp_path_factory.mktemp(f"city{request.param}"), seed=request.param, scale=0.1) as found:
        yield found
