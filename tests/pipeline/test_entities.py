"""Who is who over the built city: whatever order records come in, what stewards decide, and what a rebuild says."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from brain.settings import Settings
from ingest.ledger import Ledger
from ingest.run import ingest_source
from tests.city import BuiltCity
from warehouse import content, state
from warehouse.build import build
from warehouse.resolve import institutions, people
from warehouse.resolve.clusters import EDGES, cluster
from warehouse.review import reviews, write_csv
from warehouse.trace import trace

# dbt leaves its log file open.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("open_gate"),
    pytest.mark.parametrize("city", [1], indirect=True),
]
HEADER = ("决定编号", "决定", "实体类型", "记录编号", "提出人", "提出日期", "批准人", "批准日期", "撤销日期", "理由")
DECIDED = "2026-06-01"
Links = dict[tuple[str, str], dict[str, Any]]


def table(settings: Settings, name: str) -> pa.Table:
    """A table of the build, with views over raw readable."""
    from warehouse import connect

    with connect.read_only(settings.warehouse_dir / "brain.duckdb", allow=[settings.home]) as con:
        return con.execute(f"select * from {name}").to_arrow_table()


def links_of(settings: Settings) -> Links:
    """Every link by its type and mention."""
    return {
        (r["entity_type"], r["mention_id"]): r for r in table(settings, "intermediate.int_entity_links").to_pylist()
    }


def hashes(settings: Settings) -> dict[str, str]:
    return content.content_hashes(settings.warehouse_dir, content.read_manifest(state.manifest_path(settings)))


def head(settings: Settings) -> tuple[int, str]:
    found = Ledger(settings).head()
    assert found
    return found.size, found.root


# -- order ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["institution", "person"])
def test_the_order_in_which_records_come_changes_no_cluster(city: BuiltCity, kind: str) -> None:
    mentions = table(city.settings, f"intermediate.int_{kind}_mentions")
    beside = table(
        city.settings,
        "intermediate." + {"institution": "int_institution_references", "person": "int_person_employers"}[kind],
    )

    def clusters(seed: int) -> pa.Table:
        order = np.random.default_rng(seed).permutation(len(mentions))
        given = mentions.take(order)
        found = (institutions if kind == "institution" else people).edges(given, beside)
        found = found.filter(pa.compute.invert(found["is_uncertain"]))
        edges = found.select(["mention_a", "mention_b", "probability", "rule", "evidence"]).rename_columns(EDGES.names)
        return cluster(given["mention_id"], edges).select(["mention", "cluster"])

    one = clusters(1)
    assert one.equals(clusters(2))
    assert len(set(one["cluster"].to_pylist())) < len(one) / 2, "there is something to join"


# -- stewards ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decided:
    """The city after stewards decided. `records`: the two records of each decision, by its number."""

    settings: Settings
    before: Links
    after: Links
    records: dict[str, tuple[str, str]]
    entered: tuple[int, str]

    def pair(self, number: str, links: Links, kind: str) -> tuple[str, str]:
        """The entities of the two records of a decision."""
        a, b = (links[kind, f"{r}#self"]["entity_id"] for r in self.records[number])
        return a, b

    def rows(self, mart: str, where: str) -> list[dict[str, Any]]:
        import duckdb

        with duckdb.connect(str(self.settings.warehouse_dir / "audit.duckdb"), read_only=True) as con:
            return con.execute(f"select * from {mart} where {where}").to_arrow_table().to_pylist()


def lay(settings: Settings, day: str, rows: list[dict[str, str]]) -> None:
    assert settings.drop
    path = settings.drop / "steward" / f"entity_decisions_{day}.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)


def decision(number: str, word: str, kind: str, records: tuple[str, str], **other: str) -> dict[str, str]:
    row = {
        "决定编号": number, "决定": word, "实体类型": {"institution": "机构", "person": "人员"}[kind],
        "记录编号": ";".join(records), "提出人": "演示管甲", "提出日期": DECIDED,
        "批准人": "演示管乙", "批准日期": DECIDED, "理由": "测试",
    }  # fmt: skip
    return row | other


@pytest.fixture(scope="module")
def decided(city: BuiltCity, copy_home: Callable[[Settings], Settings]) -> Decided:
    """Ten entities, in pairs: joined, or left as they are for one reason each; and two entities taken apart."""
    settings = copy_home(city.settings)
    settings = replace(settings, drop=settings.demo_drop)
    before = links_of(settings)
    own: dict[tuple[str, str], list[str]] = defaultdict(list)  # entity -> records of its own entries
    told = {m for (_, m), link in before.items() if link["rule"] == "steward"}
    for (kind, mention), link in sorted(before.items()):
        if link["role"] == "self" and mention not in told:
            own[kind, link["entity_id"]].append(link["record_id"])
    several = {k: [r for (kind, _), r in own.items() if kind == k and len(r) > 1] for k in ("institution", "person")}
    alone = {k: [r[0] for (kind, _), r in own.items() if kind == k and len(r) == 1] for k in ("institution", "person")}
    records = {
        "ST90001": (alone["person"][0], alone["person"][1]),
        "ST90002": tuple(several["person"][0][:2]),
        "ST90003": (alone["institution"][0], alone["institution"][1]),
        "ST90004": tuple(several["institution"][0][:2]),
        "ST90005": (alone["person"][2], alone["person"][3]),
        "ST90006": (alone["person"][4], alone["person"][5]),
        "ST90007": (alone["person"][6], alone["person"][7]),
        "ST90008": (alone["person"][8], "pds:talent:RC999999"),
    }
    rows = [
        decision("ST90001", "合并", "person", records["ST90001"]),
        decision("ST90002", "拆分", "person", records["ST90002"]),
        decision("ST90003", "合并", "institution", records["ST90003"]),
        decision("ST90004", "拆分", "institution", records["ST90004"]),
        decision("ST90005", "合并", "person", records["ST90005"], 批准人="演示管甲"),
        decision("ST90006", "合并", "person", records["ST90006"], 批准人="", 批准日期=""),
        decision("ST90007", "合并", "person", records["ST90007"], 撤销日期="2026-06-15"),
        decision("ST90008", "合并", "person", records["ST90008"]),
    ]
    lay(settings, "2026-07-01", rows)
    [batch] = [b for b in ingest_source(settings, "steward") if b.record == "entity_decision" and b.new]
    assert (batch.new, batch.quarantined) == (len(rows), 0)
    build(settings)
    settings.current.symlink_to(settings.warehouse_dir)  # as a release would have it, without the gate
    return Decided(settings, before, links_of(settings), records, head(settings))


@pytest.mark.parametrize(("number", "kind"), [("ST90001", "person"), ("ST90003", "institution")])
def test_a_merger_joins_two_entities_under_the_id_of_the_larger(decided: Decided, number: str, kind: str) -> None:
    was, now = decided.pair(number, decided.before, kind), decided.pair(number, decided.after, kind)
    assert was[0] != was[1] and now[0] == now[1] and now[0] in was
    size = {i: sum(link["entity_id"] == i for link in decided.before.values()) for i in was}
    assert now[0] == min(was, key=lambda i: (-size[i], i))
    [gone] = set(was) - set(now)
    [told] = decided.rows("audit_entity_history", f"entity_id = '{gone}' and event_name = 'merged_into'")
    assert (told["other_entity_id"], told["mention_count"]) == (now[0], size[gone])
    joined = [k for k, link in decided.after.items() if link["rule"] == "steward" and link["evidence"] == number]
    assert len(joined) == 1, "one link holds the two together, and says by which decision"
    own = decided.rows("map_entity_records", f"entity_id = '{now[0]}' and role = 'decision' and evidence = '{number}'")
    assert [r["record_id"] for r in own] == [f"steward:entity_decision:{number}"]


@pytest.mark.parametrize(("number", "kind"), [("ST90002", "person"), ("ST90004", "institution")])
def test_a_split_takes_one_entity_apart_and_one_part_keeps_the_id(decided: Decided, number: str, kind: str) -> None:
    was, now = decided.pair(number, decided.before, kind), decided.pair(number, decided.after, kind)
    assert was[0] == was[1] and now[0] != now[1] and was[0] in now
    [new] = set(now) - set(was)
    assert new not in {link["entity_id"] for link in decided.before.values()}
    [told] = decided.rows("audit_entity_history", f"entity_id = '{new}'")
    assert (told["event_name"], told["other_entity_id"]) == ("split_from", was[0])
    own = decided.rows("map_entity_records", f"role = 'decision' and evidence = '{number}'")
    assert {r["entity_id"] for r in own} == set(now)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("ST90005", "self_approved"), ("ST90006", "proposed"), ("ST90007", "revoked"), ("ST90008", "unknown_record"),
    ],
)  # fmt: skip
def test_a_decision_that_does_not_count_changes_nothing_and_is_told_with_the_reason(
    decided: Decided, number: str, status: str
) -> None:
    [told] = decided.rows("audit_entity_decisions", f"decision_no = '{number}'")
    assert (told["decision_status"], told["is_applied"], told["entity_ids"]) == (status, False, "[]")
    for record in decided.records[number]:
        mention = ("person", f"{record}#self")
        assert decided.before.get(mention, {}).get("entity_id") == decided.after.get(mention, {}).get("entity_id")


def test_every_other_entity_keeps_its_id(decided: Decided) -> None:
    kinds = {"ST90001": "person", "ST90002": "person", "ST90003": "institution", "ST90004": "institution"}
    touched = {
        i for n, k in kinds.items() for links in (decided.before, decided.after) for i in decided.pair(n, links, k)
    }
    others = {k: link["entity_id"] for k, link in decided.before.items() if link["entity_id"] not in touched}
    assert len(others) > 1000
    # who a person works for, or which name means one institution only, may tell others apart now: few, and told
    moved = {k for k, i in others.items() if decided.after[k]["entity_id"] != i}
    assert len(moved) < len(others) / 100
    assert all(decided.after[k]["event"] for k in moved)


def test_the_trace_says_why_records_were_joined(decided: Decided) -> None:
    record = decided.records["ST90001"][0]
    [entity, _] = decided.pair("ST90001", decided.after, "person")
    [found] = trace(decided.settings, record)["records"]
    [own] = [link for link in found["links"] if link["role"] == "self"]
    assert own["entity_id"] == entity and own["entity_type"] == "person"
    ends = [trace(decided.settings, r)["records"][0]["links"] for r in decided.records["ST90001"]]
    told = [link for links in ends for link in links if link["rule"] == "steward"]
    assert [(link["evidence"], link["probability"]) for link in told] == [("ST90001", 1.0)]
    assert told[0]["linked_record_id"] in decided.records["ST90001"]
    [book] = trace(decided.settings, "steward:entity_decision:ST90001")["records"]
    assert [(link["role"], link["entity_id"]) for link in book["links"]] == [("decision", entity)]
    assert book["versions"][0]["verified"] is True


def test_what_is_in_doubt_is_a_file_that_a_steward_fills_in(
    decided: Decided, tmp_path: Path, copy_home: Callable[[Settings], Settings]
) -> None:
    rows = reviews(decided.settings, limit=50)
    assert rows and [r["review_value"] for r in rows] == sorted((r["review_value"] for r in rows), reverse=True)
    assert all(r["name_a"] is None and r["name_b"] is None for r in rows if r["entity_type"] == "person")
    write_csv(decided.settings, rows, tmp_path / "doubts.csv")
    with (tmp_path / "doubts.csv").open(encoding="utf-8-sig", newline="") as file:
        given = list(csv.DictReader(file))
    assert tuple(given[0]) == HEADER and len(given) == len(rows)
    filled = given[0] | {"决定编号": "ST90100", "决定": "合并", "提出人": "演示管甲", "提出日期": DECIDED}
    settings = copy_home(decided.settings)
    settings = replace(settings, drop=settings.demo_drop)
    lay(settings, "2026-07-02", [filled])
    [batch] = [b for b in ingest_source(settings, "steward") if b.record == "entity_decision" and b.new]
    assert (batch.new, batch.quarantined) == (1, 0)


# -- rebuild ----------------------------------------------------------------------------------------------------------


def test_a_rebuild_says_the_same_and_enters_nothing(
    decided: Decided, copy_home: Callable[[Settings], Settings]
) -> None:
    """Mergers and splits included: what the build found itself, it and every later build read from the ledger."""
    built = state.read_build(decided.settings)
    assert built and (built.ledger_size, built.ledger_root) == decided.entered, "it has seen what it entered itself"
    last = Ledger(decided.settings).entries("resolution")[-1]
    assert (last.kind, last.data["quarantined"]) == ("committed", 0)
    assert 0 < last.data["new"] < len(decided.after) / 10, "only what changed is entered"

    again = copy_home(decided.settings)
    shutil.rmtree(again.warehouse_dir)
    build(again)
    assert head(again) == decided.entered
    assert hashes(again) == hashes(decided.settings)
