"""The command line is a contract: its JSON keys stay, logs go to stderr, and the exit code says what happened."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from brain.cli import main
from brain.errors import BrainError
from expectations import Check
from ingest.run import source_lock

pytestmark = pytest.mark.usefixtures("open_gate")


@pytest.fixture
def brain(house: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`brain` with the settings of the house, which has one source and one file with a broken row."""
    house.contract()
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n2,b\n,c\n")
    for name, value in house.settings.environ().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(main, list(arguments))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def document(result: Result) -> dict[str, Any]:
    """The one JSON document on stdout, and nothing else there."""
    return json.loads(result.stdout)


def hold(name: str) -> Check:
    return Check("arrival", "toy.thing", "toy", "thing", None, name, None, False, "hold", "5", "≤ 1")


# -- what a command says --------------------------------------------------------------------------------------------


def test_sources(brain):
    [source] = document(brain("sources", "--json"))["sources"]
    assert source["name"] == "toy" and source["records"] == ["thing"]
    assert (source["last_batch"], source["freshness"]) == (None, "never")
    brain("ingest", "toy")
    [source] = document(brain("sources", "--json"))["sources"]
    assert source["last_batch"] and source["freshness"] == "fresh"
    assert "toy" in brain("sources").stdout


def test_ingest(brain, house):
    result = brain("ingest", "toy", "--json")
    [batch] = document(result)["batches"]
    assert result.exit_code == 0
    keys = {"seq", "source", "record", "received", "new", "unchanged", "withdrawn", "quarantined", "held", "sha256"}
    assert keys <= set(batch)
    assert (batch["received"], batch["new"], batch["unchanged"], batch["quarantined"]) == (3, 2, 0, 1)
    assert batch["sha256"] == house.entries()[0].leaf
    assert "3 received = 2 new + 0 unchanged + 1 quarantined" in result.stderr


def test_trace(brain):
    brain("ingest", "toy")
    result = brain("trace", "toy:thing:1", "--json")
    found = document(result)
    assert {"ref", "entities", "records", "models", "checks"} <= set(found)
    [version] = found["records"][0]["versions"]
    assert {"content_hash", "batch", "received_at", "payload", "pointer", "verified", "raw"} <= set(version)
    assert {"segment", "offset", "length", "sha256", "url"} <= set(version["payload"])
    assert (version["verified"], version["raw"]) == (True, "1,a\n")
    text = brain("trace", "toy:thing:1").stdout
    assert "verified" in text and "drop:list_2026-01-01.csv" in text and "1,a" in text


def test_verify(brain, house):
    brain("ingest", "toy")
    found = document(brain("verify", "--json"))
    assert {"entries", "payloads", "records", "problems", "uncommitted", "checkpoint"} <= set(found)
    assert (found["entries"], found["payloads"], found["records"], found["problems"]) == (1, 1, 3, [])
    raw = house.settings.home / house.entries()[0].data["raw"][0]["path"]
    raw.write_bytes(raw.read_bytes()[:-1])
    result = brain("verify", "--json")
    assert result.exit_code == 1
    [problem] = document(result)["problems"]
    assert problem == {"kind": "raw_file", "where": str(raw.relative_to(house.settings.home))}
    assert "PROBLEM raw_file" in brain("verify").stdout


def test_quarantine_list_show_release(brain, house):
    house.contract([house.field("id", key=1), house.field("title", enum=[{"value": "a"}])])
    brain("ingest", "toy")
    items = document(brain("quarantine", "list", "--json"))["items"]
    assert {"id", "source", "record", "batch", "reasons", "raw"} <= set(items[0])
    assert {i["pointer"]: i["reasons"] for i in items} == {"L3": ["code:title"], "L4": ["required:id", "code:title"]}
    item = next(i for i in items if i["pointer"] == "L3")
    assert document(brain("quarantine", "show", item["id"], "--json"))["original"] == "2,b\n"
    assert "2,b" in brain("quarantine", "show", item["id"]).stdout
    result = brain("quarantine", "release", item["id"], "--why", "a new code", "--json")
    assert [b["new"] for b in document(result)["batches"]] == [1]
    assert document(brain("quarantine", "list", "--source", "nobody", "--json"))["items"] == []
    assert "code:title" in brain("quarantine", "list").stdout


def test_status(brain):
    before = document(brain("status", "--json"))
    assert {"release", "sources", "services"} <= set(before)
    assert (before["release"], before["quarantine"], before["profile"]) == (None, 0, "open")
    brain("ingest", "toy")
    assert document(brain("status", "--json"))["quarantine"] == 1
    assert "公开数据" in brain("status").stdout


def test_every_command_explains_itself(brain):
    def walk(command: Any, path: list[str]) -> list[list[str]]:
        return [path, *(p for n, c in getattr(command, "commands", {}).items() for p in walk(c, [*path, n]))]

    for path in walk(main, []):
        result = brain(*path, "--help")
        assert result.exit_code == 0 and len(result.stdout.splitlines()) > 3, path
    contracted = {
        "sources",
        "ingest",
        "build",
        "check",
        "publish",
        "run",
        "trace",
        "verify",
        "quarantine",
        "demo",
        "status",
    }
    assert contracted <= set(main.commands)


# -- exit codes -----------------------------------------------------------------------------------------------------


def test_one_source_that_fails_does_not_stop_the_others(brain, house):
    house.contract(name="empty", servers=[house.server("nothing*.csv")])
    result = brain("ingest", "empty", "toy", "--json")
    found = document(result)
    assert result.exit_code == 1
    assert [b["source"] for b in found["batches"]] == ["toy"]
    assert found["errors"] == ["empty: nothing to fetch in profile open"]
    assert "error: empty: nothing to fetch" in result.stderr


@pytest.mark.usefixtures("open_gate")
def test_what_a_failing_source_committed_is_listed(brain, house):
    servers = [house.server("pair/bad_*.csv", name="bad", records=["a"])]
    servers.append(house.server("pair/good_*.csv", name="good", records=["b"]))
    house.contract(name="pair", servers=servers, records=[house.record(n, [house.field("id", key=1)]) for n in "ab"])
    house.deliver("pair/bad_2026-01-01.csv", b"id\n\xff\n")
    house.deliver("pair/good_2026-01-01.csv", "id\n1\n")
    result = brain("ingest", "pair", "--json")
    found = document(result)
    assert result.exit_code == 1
    assert [(b["record"], b["new"]) for b in found["batches"]] == [("b", 1)]
    assert len(found["errors"]) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ingest", "tyo"], "no source 'tyo'"),
        (["trace", "nothing"], "nothing is known as"),
        (["quarantine", "show", "9-9"], "nothing in quarantine is called"),
    ],
)
def test_1_a_failure_is_one_line_and_a_hint(brain, arguments: list[str], says: str):
    result = brain(*arguments)
    assert result.exit_code == 1 and result.stdout == ""
    assert says in result.stderr and "try: " in result.stderr and "Traceback" not in result.stderr


def test_1_a_setting_that_cannot_be_used(brain, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BRAIN_PROFILE", "prod")
    result = brain("sources")
    assert result.exit_code == 1 and "BRAIN_PROFILE=prod" in result.stderr


def test_1_a_broken_source_file_is_named_with_its_place(brain, house):
    path = house.sources / "toy.odcs.yaml"
    path.write_text(path.read_text().replace("logicalType: string", "logicalType: strin", 1))
    result = brain("sources")
    assert result.exit_code == 1 and "toy.odcs.yaml: schema/0/properties/0/logicalType" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ingest"],
        ["trace"],
        ["ingest", "toy", "--since", "soon"],
        ["quarantine", "release", "1-1"],
        ["--jsn"],
    ],
)
def test_2_wrong_usage(brain, arguments: list[str]):
    result = brain(*arguments)
    assert result.exit_code == 2 and "Usage:" in result.stderr


def test_3_a_held_batch(brain, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("expectations.arrival.check_batch", lambda *_: [hold("volume")])
    result = brain("ingest", "toy", "--json")
    assert result.exit_code == 3
    [batch] = document(result)["batches"]
    assert batch["held"] is True and "HELD: volume" in result.stderr


def test_75_another_run_holds_the_lock(brain, house):
    with source_lock(house.settings, "toy"):
        result = brain("ingest", "toy")
    assert result.exit_code == 75 and "another run ingests toy" in result.stderr


def test_a_defect_keeps_its_traceback(brain, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("warehouse.verify.verify", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        brain("verify")


# -- run: all of these, under their names ---------------------------------------------------------------------------


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Build, check and publish take minutes; here only their order and what becomes of their results matter."""
    called: list[str] = []

    def stub(name: str, result: Any) -> Callable[..., Any]:
        return lambda *_, **__: (called.append(name), result)[1]

    model = SimpleNamespace(name="dim_x", status="success", rows=1, seconds=0.1)
    release = SimpleNamespace(id="20260131-1", path="releases/20260131-1", content_hash="ab" * 32)
    monkeypatch.setattr("warehouse.build.build", stub("build", [vars(model)]))
    monkeypatch.setattr("expectations.release.check_release", stub("check", []))
    monkeypatch.setattr("warehouse.publish.publish", stub("publish", release))
    return called


def test_run_does_everything_in_order(brain, stubs: list[str]):
    result = brain("run", "--json")
    assert result.exit_code == 0 and stubs == ["build", "check", "publish"]
    found = document(result)
    assert [b["source"] for b in found["batches"]] == ["toy"]
    assert found["models"][0]["name"] == "dim_x"
    assert (found["checks"], found["success"]) == ([], True)
    assert (found["release"], found["content_hash"]) == ("20260131-1", "ab" * 32)


def test_run_holds_the_release_and_says_so(brain, stubs: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("expectations.release.check_release", lambda *_: [hold("keys")])
    result = brain("run", "--json")
    found = document(result)
    assert result.exit_code == 3 and stubs == ["build"]
    assert found["success"] is False and "release" not in found
    assert [c["name"] for c in found["checks"]] == ["keys"]
    assert "the last one keeps serving" in result.stderr


def test_run_still_builds_when_one_source_is_down_but_fails(brain, house, stubs: list[str]):
    house.contract(name="empty", servers=[house.server("nothing*.csv")])
    result = brain("run", "--json")
    assert result.exit_code == 1 and stubs == ["build", "check", "publish"]
    assert document(result)["errors"] == ["empty: nothing to fetch in profile open"]


def test_run_prints_what_it_did_when_the_build_fails(brain, stubs: list[str], monkeypatch: pytest.MonkeyPatch):
    def fails(*_: Any, **__: Any) -> None:
        raise BrainError("the build failed: dim_x", "see the log")

    monkeypatch.setattr("warehouse.build.build", fails)
    result = brain("run", "--json")
    assert result.exit_code == 1 and len(document(result)["batches"]) == 1
    assert "the build failed: dim_x" in result.stderr


def test_publish_and_rollback(brain, monkeypatch: pytest.MonkeyPatch):
    release = SimpleNamespace(id="r1", path="releases/r1", content_hash="cd" * 32)
    asked: list[Any] = []
    monkeypatch.setattr("warehouse.publish.publish", lambda settings, **_: release)
    monkeypatch.setattr("warehouse.publish.rollback", lambda settings, to=None: (asked.append(to), release)[1])
    assert document(brain("publish", "--json")) == {"release": "r1", "path": "releases/r1", "content_hash": "cd" * 32}
    assert document(brain("publish", "--rollback", "--json"))["release"] == "r1"
    assert document(brain("publish", "--rollback", "r0", "--json"))["release"] == "r1"
    assert asked == [None, "r0"]


def test_the_command_does_not_import_engines_to_explain_itself():
    """`brain --help` answers at once: dbt, DuckDB and the others are imported by those who need them."""
    code = (
        "import sys, brain.cli; print([m for m in ('duckdb','dbt','great_expectations','airflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
