"""From a record to the figures it came to, or its gate; from a figure to the rows and records that make it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from brain.cli import main
from brain.errors import BrainError
from ingest.ledger import Ledger
from warehouse import connect, reach, state
from warehouse.metrics import metrics_of

pytestmark = pytest.mark.usefixtures("open_gate")
STATED = {"label": "数", "unit": "个", "format": ",d", "description": "数一数。"}
MODEL = {
    "name": "fct_things",
    "columns": [{"name": "kind", "config": {"meta": {"label": "种类"}}}],
    "config": {
        "meta": {
            "metrics": [
                {"name": "thing_count", "expression": "COUNT(*)", **STATED},
                {"name": "big_count", "expression": "COUNT(*) FILTER (WHERE amount >= 10)", **STATED},
                {"name": "amount_sum", "expression": "SUM(amount)", "within": ["kind"], **STATED},
                {"name": "big_share", "numerator": "big_count", "denominator": "thing_count", **STATED},
            ]
        }
    },
}
ROWS = [
    ("a", "x", 10, ["toy:thing:1"]),
    ("b", "x", 5, ["toy:thing:1", "toy:thing:2"]),
    ("c", "y", 20, ["toy:thing:3"]),
    ("none", "y", 0, []),
]


@pytest.fixture
def served(house: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Four records, of which one is in no mart, and a release with one mart of four rows."""
    house.contract([house.field("id", key=1), house.field("title", required=True)])
    house.deliver("a_2026-01-01.csv", "id,title\n1,甲\n2,乙\n3,丙\n4,丁\n5,\n")
    house.ingest()
    folder = house.settings.releases / "r1"
    folder.mkdir(parents=True)
    with connect.read_write(folder / "official.duckdb") as con:
        con.execute("CREATE TABLE fct_things (thing_id VARCHAR, kind VARCHAR, amount INTEGER, record_ids VARCHAR)")
        con.executemany("INSERT INTO fct_things VALUES (?, ?, ?, ?)", [(*r[:3], json.dumps(r[3])) for r in ROWS])
        con.execute("CREATE TABLE data_freshness AS SELECT 'toy' AS source")
    with connect.read_write(folder / "audit.duckdb") as con:
        con.execute("CREATE TABLE audit_model_runs (run_id VARCHAR)")
    size = len(house.entries())
    notes = {"id": "r1", "content_hash": "0", "ledger_size": size, "created_at": "2026-01-01", "as_of": "2026-01-01"}
    (folder / "release.json").write_text(json.dumps(notes))
    house.settings.current.symlink_to("releases/r1")
    about = {
        "name": "data_freshness",
        "config": {"meta": {"metrics": [{"name": "n", "expression": "COUNT(*)", **STATED}]}},
    }
    monkeypatch.setattr(reach, "metrics", lambda: (*metrics_of(MODEL), *metrics_of(about)))
    return house


def test_a_record_reaches_the_figures_that_are_others_without_it(served: Any):
    found = reach.forward(served.settings, "toy:thing:1")
    assert found["rows"] == [{"mart": "fct_things", "rows": 2, "ids": ["a", "b"]}] and found["stopped"] == []
    told = {
        (f["metric"].partition(".")[2], f["where"].get("kind")): (f["value"], f["without"]) for f in found["figures"]
    }
    assert told == {
        ("thing_count", None): (4, 2),
        ("big_count", None): (2, 1),
        ("amount_sum", "x"): (15, None),
    }, "its share of large things is one half with and without it"
    told = reach.forward(served.settings, "toy:thing:2")["figures"]
    assert [f["metric"] for f in told] == ["fct_things.thing_count", "fct_things.amount_sum", "fct_things.big_share"]


def test_the_gate_that_stopped_a_record_is_told(served: Any):
    def stops(record_id: str) -> list[tuple[str, list[str]]]:
        return [(s["gate"], s["why"]) for s in reach.forward(served.settings, record_id)["stopped"]]

    assert stops("toy:thing:4") == [("model", ["no mart has a row of it: the models leave it out"])]
    assert stops("toy:thing:5") == [("record", ["required:title"])]
    served.deliver("a_2026-01-02.csv", "id,title\n1,甲\n2,乙\n3,丙\n6,新\n")
    served.ingest()
    assert stops("toy:thing:4") == [("source", ["withdrawn"]), ("release", ["not built yet"])]
    assert stops("toy:thing:6") == [("release", ["not built yet"])]
    gate = state.Gate("b", False, "2026-01-02", "run", ["official.fct_things: key_unique"])
    state.write_gate(served.settings, gate)
    assert stops("toy:thing:6") == [("release", ["official.fct_things: key_unique"])]
    with pytest.raises(BrainError, match="nothing is known"):
        reach.forward(served.settings, "toy:thing:404")


def test_a_figure_names_the_rows_that_make_it_and_their_records(served: Any):
    found = reach.figure(served.settings, "fct_things/big_count")
    assert (found["value"], found["shown"]) == (2, "2")
    assert [(r["id"], r["value"]) for r in found["rows"]] == [("a", 1), ("c", 1)]
    assert [r["record_id"] for r in found["records"]] == ["toy:thing:1", "toy:thing:3"]
    [entry] = served.entries()
    row = next(v for v in served.versions() if v["_record_id"] == "toy:thing:1")
    proof = found["records"][0]
    assert (proof["batch"], proof["entry"]) == (entry.seq, entry.leaf)
    assert (proof["content_hash"], proof["pointer"]) == (row["_content_hash"], row["_pointer"])
    assert proof["entry"] in [e.leaf for e in Ledger(served.settings).entries()]


def test_a_figure_of_some_rows_and_of_a_ratio(served: Any):
    found = reach.figure(served.settings, "fct_things.amount_sum", {"kind": "y"})
    assert found["value"] == 20 and [(r["id"], r["value"]) for r in found["rows"]] == [("c", 20), ("none", 0)]
    found = reach.figure(served.settings, "fct_things.big_share", {"kind": "x"})
    assert found["value"] == 0.5
    assert [(r["id"], r["big_count"], r["thing_count"]) for r in found["rows"]] == [("a", 1, 1), ("b", 0, 1)]


@pytest.mark.parametrize(
    ("name", "where", "said"),
    [
        ("fct_things.nothing", {}, "there is no figure"),
        ("fct_things.thing_count", {"colour": "red"}, "has no column colour"),
        ("fct_things.amount_sum", {}, "choose a value of kind"),
        ("data_freshness.n", {}, "name no records"),
    ],
)
def test_what_cannot_be_traced_is_an_error(served: Any, name: str, where: dict[str, str], said: str):
    with pytest.raises(BrainError, match=said):
        reach.figure(served.settings, name, where)


def test_the_command_line_shows_both_ways(served: Any, monkeypatch: pytest.MonkeyPatch):
    for name, value in served.settings.environ().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["trace", *arguments])
        return done.output if done.exit_code == 0 else f"exit {done.exit_code}"

    assert "fct_things.thing_count  数  4, without it 2" in run("toy:thing:1", "--forward")
    assert "2 rows make it, from 2 records" in run("--figure", "fct_things.amount_sum", "--where", "kind=x")
    assert json.loads(run("--figure", "fct_things.big_count", "--json"))["value"] == 2
    for wrong in ([], ["--forward"], ["toy:thing:1", "--figure", "a.b"], ["--figure", "a.b", "--where", "kind"]):
        assert run(*wrong) == "exit 2"
