"""What befalls the house itself: a full disk, a schedule that nobody kept, a secret that has expired.

Each ends in the state of a house that never met it, by running again: no file of the state is touched by hand. A
scheduler that is killed is met in tests/e2e/test_airflow.py, a disk that is full while building in
tests/pipeline/test_disk_full.py.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from brain import journal
from brain.alerts import current, deliver
from brain.cli import main
from brain.errors import FetchError
from brain.settings import Settings
from brain.tasks import report_failure, report_success
from demo.server import serve
from ingest.fetch import http as http_module
from ingest.run import ingest_source
from tests.alerting import Receiver, alert, receiving, release
from tests.full_disk import disk_full
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(current, "free_share", lambda _: 0.5)


def fill(house: Any) -> None:
    """A first delivery of sixty rows, two of them refused."""
    house.contract([house.field("id", key=1), house.field("amount", "integer"), house.field("title")])
    lines = [f"{i},{'x' if i < 2 else i},某题目{i * 7919 % 101}" for i in range(60)]
    house.deliver("list_2026-01-01.csv", "id,amount,title\n" + "\n".join(lines) + "\n")


def more(house: Any) -> None:
    """A second one that changes half of them."""
    lines = [f"{i},{i + i % 2},某题目{i * 7919 % 101}" for i in range(60)]
    house.deliver("list_2026-01-02.csv", "id,amount,title\n" + "\n".join(lines) + "\n")


def state(house: Any) -> tuple[Any, ...]:
    """What must be the same as in a house that never met the fault."""
    rows = house.versions("id, amount, title, _version, _change, _is_current")
    return rows, [(i["reasons"], i["raw"]) for i in house.refused()]


# From nothing at all to just short of what the largest file of this house needs (the ledger, SQLite: 45 kB).
SIZES = (0, 1, 100, 500, 1_000, 2_000, 4_096, 8_192, 16_384, 24_576, 32_768)


def test_a_full_disk_while_ingesting_costs_nothing(new_house: Callable[..., Any]) -> None:
    sound, struck = new_house(), new_house()
    for house in (sound, struck):
        fill(house)
        house.ingest()
    more(sound)
    sound.ingest()
    more(struck)
    before = state(struck)
    failed = 0
    for size in SIZES:
        try:
            with disk_full(size):
                struck.ingest()
        except Exception as e:  # whoever was writing: Python, Arrow, SQLite
            failed += 1
            assert not isinstance(e, AssertionError)
            assert state(struck) == before, size
    assert failed >= 5
    struck.ingest()
    assert state(struck) == state(sound)
    assert verify(struck.settings)["problems"] == []


def test_a_full_disk_while_telling_loses_and_doubles_nothing(settings: Settings) -> None:
    with receiving() as receiver:
        settings = replace(settings, webhook=receiver.url)
        release(settings, 1, alert("A"), alert("B"))
        for size in (0, 200, 700, 1_100, 1_400, 1_600):
            receiver.judge = lambda post: (200, {})
            with disk_full(size), pytest.raises(OSError) as e:
                deliver.tell(settings, pause=lambda _: None)
            assert e.value.errno == errno.EFBIG, size
        deliver.tell(settings, pause=lambda _: None)
        deliver.tell(settings, pause=lambda _: None)
        first: dict[str, Any] = {}
        for post in receiver.posts:
            assert first.setdefault(post["body"]["id"], post["body"]) == post["body"], "the same id, the same message"
        told = sorted((e["event"], e["alert"]["subject"]) for body in first.values() for e in body["events"])
        assert told == [("opened", "A"), ("opened", "B")]


def test_the_command_says_that_the_disk_is_full(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings.environ().items():
        monkeypatch.setenv(name, value)
    release(settings, 1, alert("A"))
    with disk_full(10):
        said = CliRunner().invoke(main, ["alerts", "--send"])
    assert said.exit_code == 1
    assert "make room" in said.stderr and "Traceback" not in said.stderr
    assert CliRunner().invoke(main, ["alerts", "--send"]).exit_code == 0


class Task:
    dag_id, task_id, run_id = "ingest_market", "ingest", "scheduled__1"


def told(receiver: Receiver) -> list[tuple[str, str]]:
    found = [(e["event"], e["alert"]["rule_code"]) for p in receiver.posts for e in p["body"]["events"]]
    receiver.posts.clear()
    return found


def test_an_expired_token_is_told_and_over_with_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Airflow's tasks do it: fail, tell why; renewed where the message says, succeed, tell the end."""
    env = {"BRAIN_HOME": str(tmp_path / "var"), "BRAIN_SECRETS": str(tmp_path / "secrets")}
    with serve(0, seed=1, scale=0.1, secrets_dir=tmp_path / "secrets") as server, receiving() as receiver:
        settings = Settings.from_env(env | {"BRAIN_DEMO_URL": server.url, "BRAIN_WEBHOOK": receiver.url})
        for name, value in settings.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("BRAIN_SECRET_MARKET_KEY", "expired")
        with pytest.raises(FetchError) as refused:
            ingest_source(settings, "market")
        report_failure({"ti": Task, "exception": refused.value})
        report_failure({"ti": Task, "exception": refused.value})  # tried again, failed again: told once
        [post] = receiver.posts
        [event] = post["body"]["events"]
        assert "BRAIN_SECRET_MARKET_KEY" in event["alert"]["alert_text"]
        assert "expired" not in event["alert"]["alert_text"]
        assert told(receiver) == [("opened", "task_failed")]
        monkeypatch.delenv("BRAIN_SECRET_MARKET_KEY")  # the file of BRAIN_SECRETS holds the good one
        assert ingest_source(settings, "market")
        report_success({"ti": Task})
        assert told(receiver) == [("ended", "task_failed")]


def test_a_schedule_that_nobody_kept_is_told_and_over_with_the_next_run(house: Any) -> None:
    """A scheduler that stood still for two days. Nothing is built meanwhile, so no mart could tell."""
    fill(house)
    house.ingest()
    with receiving() as receiver:
        settings = replace(house.settings, webhook=receiver.url)
        back = datetime.now(UTC) + timedelta(days=2)
        deliver.tell(settings, back, pause=lambda _: None)
        assert told(receiver) == [("opened", "source_stale")]
        deliver.tell(settings, back + timedelta(minutes=15), pause=lambda _: None)
        assert told(receiver) == []
        more(house)
        house.ingest()  # what the next scheduled run does: it asks from the old watermark
        deliver.tell(settings, datetime.now(UTC), pause=lambda _: None)
        assert told(receiver) == [("ended", "source_stale")]
    assert [r["outcome"] for r in journal.read(house.settings, "posts")].count("posted") == 2
