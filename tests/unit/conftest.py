"""What the tests of the fetchers share."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from brain.settings import Settings
from ingest.contract import Server
from ingest.fetch import FetchContext, Payload
from ingest.fetch import http as http_module
from ingest.fetch.http import fetch_http


@pytest.fixture
def fetch(tmp_path: Path, monkeypatch):
    """Fetch everything of a server; waits are noted in `fetch.waits` instead of waited."""
    monkeypatch.delenv("BRAIN_SECRET_TEST_TOKEN", raising=False)
    waits: list[float] = []
    clock = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.now += seconds

    monkeypatch.setattr(http_module, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    monkeypatch.setattr(http_module.random, "uniform", lambda low, high: high)
    settings = Settings.from_env(
        {"BRAIN_SECRETS": str(tmp_path), "BRAIN_HOME": str(tmp_path / "var"), "BRAIN_DEMO_URL": "http://127.0.0.1:9"}
    )

    def run(s: Server, since: str | None = None, each=lambda payload: None, *, thorough: bool = False) -> list[Payload]:
        ctx = FetchContext(settings, SimpleNamespace(name="pds"), since, run.said.append, thorough)
        payloads = []
        for payload in fetch_http(s, ctx):
            each(payload)
            payloads.append(payload)
        return payloads

    run.waits, run.clock, run.secrets, run.said = waits, clock, tmp_path, []
    return run
