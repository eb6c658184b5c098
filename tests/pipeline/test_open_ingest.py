"""The real sources: what was counted is what Python's own csv and json modules count in the files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brain.settings import Settings
from ingest.ledger import Ledger
from ingest.run import ingest_source
from tests.conftest import OPEN_SOURCES
from warehouse.verify import verify

Row = dict[str, str]
Counts = tuple[int, int, int, int, int]


def table(path: Path, encoding: str) -> list[Row]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode(encoding)
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def distinct(rows: list[Row], columns: list[str]) -> int:
    return len({tuple(r[c] for c in columns) for r in rows})


def nssfc(drop: Path) -> dict[str, Counts]:
    """No key but the whole row: lines alike in every column of a record type are one record."""
    rows = table(drop / "projects/nssfc_2017-09-26_main.csv.gz", "utf-8-sig")
    unknown_number = ("", "111111", "222222", "333333", "444444")

    def is_record(row: Row) -> bool:
        """It has a leader, an award's number or none, and is not the header once more."""
        number = row["项目批准号"]
        known = number in unknown_number or re.fullmatch(r"\d\d(&ZD|zd&|[A-Zb][A-Z]{2})\d{2,3}", number)
        return bool(row["项目负责人"].strip() and known and row["成果等级"] != "成果等级")

    shared = ["项目批准号", "项目名称", "项目负责人", "成果等级", "结项时间", "结项证书号"]
    of_project = [
        "项目类别",
        "学科分类",
        "立项时间",
        "专业职务",
        "工作单位",
        "单位类别",
        "所在省区市",
        "所属系统",
        *shared,
    ]
    of_outcome = ["成果名称", "成果形式", "出版社", "出版时间", "作者", "获奖情况", *shared]
    categories = {"一般项目", "青年项目", "西部项目", "重点项目", "后期资助项目", "重大项目", "中华学术外译项目"}
    categories |= {"中华外译项目", "成果文库", "", "0", "9"}  # the last three are no category
    projects = [r for r in rows if is_record(r) and r["项目类别"] in categories]
    titled = [r for r in rows if r["成果名称"].strip() not in ("", "0")]
    outcomes = [r for r in titled if is_record(r)]
    new_projects, new_outcomes = distinct(projects, of_project), distinct(outcomes, of_outcome)
    return {
        "project": (len(rows), new_projects, len(projects) - new_projects, 0, len(rows) - len(projects)),
        "outcome": (len(titled), new_outcomes, len(outcomes) - new_outcomes, 0, len(titled) - len(outcomes)),
    }


def nsfc(drop: Path) -> dict[str, Counts]:
    rows = table(drop / "projects/nsfc_management_science_2017-09-26.csv", "utf-8-sig")
    evaluated = [r for r in rows if r["总评"] not in ("", "尚未评估", "无需评估", "延期", "延期补评")]
    assert len({r["项目批准号"] for r in rows}) == len(rows)
    return {"project": (len(rows), len(rows), 0, 0, 0), "evaluation": (len(evaluated), len(evaluated), 0, 0, 0)}


def listed_companies(drop: Path) -> dict[str, list[Counts]]:
    """Two snapshots: who is not in the second was delisted."""
    old = {r["TS代码"]: r for r in table(drop / "enterprises/a_share_stock_basic_2021_gbk.csv", "gbk")}
    new = {r["ts_code"]: r for r in table(drop / "enterprises/a_share_stock_basic_2026_utf8bom.csv", "utf-8-sig")}
    same = [c for c, r in new.items() if c in old and not r["area"] and not r["list_date"]]
    assert same == [], "the second list says more of every company, so every one is a new version"
    return {"company": [(len(old), len(old), 0, 0, 0), (len(new), len(new), 0, len(old.keys() - new.keys()), 0)]}


def ror(drop: Path) -> dict[str, Counts]:
    versions = lines(drop / "institutions/ror_china_all_versions_through_v2.6.jsonl.gz")
    union = lines(drop / "institutions/ror_records_union_v1.0_to_v2.6_latest.jsonl.gz")
    withdrawn = sum(v["record"]["status"] == "withdrawn" for v in versions)
    assert len({(v["record"]["id"], v["_release"], v["_schema"]) for v in versions}) == len(versions)
    return {
        "organization": (len(versions), len(versions), 0, withdrawn, 0),
        "organization_reference": (len(union), len(union), 0, 0, 0),
    }


def all_new(record: str, path: str, encoding: str = "utf-8") -> Callable[[Path], dict[str, Counts]]:
    def count(drop: Path) -> dict[str, Counts]:
        if path.endswith(".json"):
            n = len(json.loads((drop / path).read_text(encoding)))
        else:
            n = len(table(drop / path, encoding))
        return {record: (n, n, 0, 0, 0)}

    return count


def academicians(drop: Path) -> dict[str, Counts]:
    return {
        **all_new("cae_academician", "experts/academicians_cae_2018.csv", "utf-8-sig")(drop),
        **all_new("cas_academician", "experts/academicians_cas_2018.csv", "utf-8-sig")(drop),
    }


EXPECTED: dict[str, Callable[[Path], dict[str, Any]]] = {
    "academicians": academicians,
    "listed_companies": listed_companies,
    "moe": all_new("institution", "institutions/moe_higher_education_list.json"),
    "nsfc": nsfc,
    "nssfc": nssfc,
    "retraction_watch": all_new("notice", "integrity/retraction_watch_etl_sampled.csv"),
    "ror": ror,
    "ror_laboratories": all_new("laboratory", "platforms/ror_cn_laboratories_and_centres.csv"),
    "statistics": all_new("published_value", "indicators/xian_indicators_seen.csv"),
}


def counted(settings: Settings, source: str) -> dict[str, list[Counts]]:
    found: dict[str, list[Counts]] = {}
    for e in Ledger(settings).entries(source):
        d = e.data
        counts = d["received"], d["new"], d["unchanged"], d["withdrawn"], d["quarantined"]
        found.setdefault(e.record, []).append(counts)
    return found


@pytest.mark.parametrize("source", OPEN_SOURCES)
def test_the_ledger_counts_what_stands_in_the_files(open_home: Settings, drop: Path, source: str):
    """received, new, unchanged, withdrawn, quarantined, per record type and delivery."""
    expected = {r: c if isinstance(c, list) else [c] for r, c in EXPECTED[source](drop).items()}
    assert counted(open_home, source) == expected


def test_every_open_source_is_covered():
    assert tuple(sorted(EXPECTED)) == OPEN_SOURCES


def test_nothing_is_held_and_every_sum_is_right(open_home: Settings):
    entries = Ledger(open_home).entries()
    assert {e.kind for e in entries} == {"committed"}
    for d in (e.data for e in entries):
        assert d["received"] == d["new"] + d["unchanged"] + d["quarantined"]


def test_the_whole_chain_is_proven(open_home: Settings):
    report = verify(open_home)
    assert (report["problems"], report["uncommitted"], report["not_compared"]) == ([], [], [])
    assert report["records"] == sum(e.data["received"] for e in Ledger(open_home).entries())


def test_a_second_run_finds_nothing_new_anywhere(open_home: Settings, copy_home: Callable[[Settings], Settings]):
    settings = copy_home(open_home)
    first = Ledger(settings).entries()

    def files() -> set[Path]:
        folders = (settings.landing, settings.raw, settings.quarantine, settings.hashes)
        return {p for f in folders for p in f.rglob("*") if p.is_file()}

    before = files()
    batches = [b for name in OPEN_SOURCES for b in ingest_source(settings, name)]
    # of the two lists of listed companies the older is overtaken and not entered again
    newest = {(e.source, e.record): e.data["received"] for e in first}
    assert [(b.source, b.record) for b in batches] == [
        (e.source, e.record) for e in first if e.data["as_of"] != "2021-06-21"
    ]
    assert {(b.new, b.withdrawn, b.quarantined, b.held) for b in batches} == {(0, 0, 0, False)}
    assert [b.received for b in batches] == [b.unchanged for b in batches]
    assert {(b.source, b.record): b.received for b in batches} == newest
    assert files() <= before, "and writes no file; a hash file that a newer one replaced is gone"
