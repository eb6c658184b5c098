"""From a record of each real source to the very bytes in the file, as another reading of the file finds them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from brain.settings import Settings
from ingest.contract import load_sources
from ingest.ledger import Ledger
from ingest.raw import relation_sql
from tests.conftest import OPEN_SOURCES
from warehouse.trace import trace

# source, record type: file, encoding (JSON lines and JSON have none)
FILES = {
    ("academicians", "cae_academician"): ("experts/academicians_cae_2018.csv", "utf-8-sig"),
    ("academicians", "cas_academician"): ("experts/academicians_cas_2018.csv", "utf-8-sig"),
    ("listed_companies", "company"): ("enterprises/a_share_stock_basic_2026_utf8bom.csv", "utf-8-sig"),
    ("moe", "institution"): ("institutions/moe_higher_education_list.json", None),
    ("nsfc", "project"): ("projects/nsfc_management_science_2017-09-26.csv", "utf-8-sig"),
    ("nssfc", "project"): ("projects/nssfc_2017-09-26_main.csv.gz", "utf-8-sig"),
    ("nssfc", "outcome"): ("projects/nssfc_2017-09-26_main.csv.gz", "utf-8-sig"),
    ("retraction_watch", "notice"): ("integrity/retraction_watch_etl_sampled.csv", "utf-8"),
    ("ror", "organization"): ("institutions/ror_china_all_versions_through_v2.6.jsonl.gz", None),
    ("ror_laboratories", "laboratory"): ("platforms/ror_cn_laboratories_and_centres.csv", "utf-8"),
    ("statistics", "published_value"): ("indicators/xian_indicators_seen.csv", "utf-8"),
}


def sample(settings: Settings, source: str, record: str) -> list[dict[str, Any]]:
    """First, middle and last current record, and one that stands on several lines if there is any."""
    type_ = load_sources(settings)[source].record(record)
    entries = Ledger(settings).entries(source, record)
    files = [settings.home / f["path"] for e in entries for f in e.data["raw"]]
    relation = f"(SELECT * FROM ({relation_sql(type_, files)}) WHERE _is_current AND NOT _is_withdrawn)"
    with duckdb.connect() as con:
        [n] = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
        found = []
        for clause in (
            *(f"ORDER BY _record_id LIMIT 1 OFFSET {i}" for i in (0, n // 2, n - 1)),
            "WHERE _pointer LIKE 'L%-%' ORDER BY _record_id LIMIT 1",
        ):
            result = con.execute(f"SELECT * FROM {relation} {clause}")
            names = [d[0] for d in result.description]
            found += [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return found


def test_every_open_source_is_covered():
    assert {source for source, _ in FILES} == set(OPEN_SOURCES)


@pytest.mark.parametrize(("source", "record"), FILES)
def test_the_traced_bytes_are_those_of_the_file(open_home: Settings, drop: Path, source: str, record: str):
    name, encoding = FILES[source, record]
    body = (drop / name).read_bytes()
    content = gzip.decompress(body) if name.endswith(".gz") else body
    fields = {f.name: f for f in load_sources(open_home)[source].record(record).fields if f.type == "string"}
    for row in sample(open_home, source, record):
        [found] = trace(open_home, row["_record_id"])["records"]
        version = found["versions"][-1]
        assert version["verified"] is True
        assert (version["content_hash"], version["pointer"]) == (row["_content_hash"], row["_pointer"])
        payload = version["payload"]
        assert payload["url"] == f"drop:{name}"
        if not payload["encrypted"]:
            assert payload["sha256"] == hashlib.sha256(body).hexdigest()
        stored = (open_home.home / payload["segment"]).read_bytes()[payload["offset"] :][: payload["length"]]
        assert hashlib.sha256(stored).hexdigest() == payload["stored_sha256"]
        if encoding:
            cells = csv_row(content, row["_pointer"], encoding)
            assert version["raw"].encode(encoding.removesuffix("-sig")) == raw_lines(content, row["_pointer"])
            # what raw holds is what stands in the cells, apart from sentinels and blanks
            delivered = {v for v in cells.values() if v}
            assert {row[f] for f in fields if row[f] is not None} <= delivered
        elif name.endswith(".json"):
            assert version["raw"] == json.loads(content)[int(row["_pointer"].removeprefix("/"))]
        else:
            line = raw_lines(content, row["_pointer"]).rstrip(b"\n")
            assert version["raw"].encode() == line
            assert json.loads(line)["record"]["id"] == row["ror_id"]


def raw_lines(content: bytes, pointer: str) -> bytes:
    """Lines end with LF, CR or CR LF: the funds' files have lone CRs inside their cells (docs/formats.md)."""
    first, _, last = pointer.removeprefix("L").partition("-")
    found = re.findall(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)", content)
    return b"".join(found[int(first) - 1 : int(last or first)])


def csv_row(content: bytes, pointer: str, encoding: str) -> dict[str, str]:
    """The row at a locator, read by a csv reader that counts its own lines from the top of the file."""
    reader = csv.reader(io.StringIO(content.decode(encoding), newline=""))
    header = next(reader)
    last = int(pointer.removeprefix("L").rpartition("-")[2])
    for cells in reader:
        if reader.line_num == last:
            return dict(zip(header, cells, strict=True))
    raise AssertionError(f"no row ends at line {last}")


def test_a_history_is_told_from_the_first_release_to_the_last(open_home: Settings, drop: Path):
    """All released versions of the Xi'an record with the most of them, in the order of the releases."""
    path = drop / "institutions/ror_china_all_versions_through_v2.6.jsonl.gz"
    versions: dict[str, list[tuple[Any, ...]]] = {}
    for line in gzip.decompress(path.read_bytes()).splitlines():
        v = json.loads(line)
        release = [int(p) for p in v["_release"].removeprefix("v").replace("-", ".").split(".")]
        versions.setdefault(v["record"]["id"], []).append((release, v["_schema"], line.decode()))
    ror_id, expected = max(versions.items(), key=lambda item: (len(item[1]), item[0]))
    [record] = trace(open_home, f"ror:organization:{ror_id}")["records"]
    assert [v["raw"] for v in record["versions"]] == [line for *_, line in sorted(expected, key=lambda e: e[:2])]
    assert all(v["verified"] for v in record["versions"]) and len(expected) > 3


def test_a_delisted_company_is_told_as_withdrawn(open_home: Settings, drop: Path):
    def codes(name: str, encoding: str, column: str) -> list[str]:
        text = (drop / "enterprises" / name).read_text(encoding)
        return [r[column] for r in csv.DictReader(io.StringIO(text, newline=""))]

    old = codes("a_share_stock_basic_2021_gbk.csv", "gbk", "TS代码")
    new = set(codes("a_share_stock_basic_2026_utf8bom.csv", "utf-8-sig", "ts_code"))
    gone = next(c for c in old if c not in new)
    [record] = trace(open_home, f"listed_companies:company:{gone}")["records"]
    assert [(v["change"], v["as_of"]) for v in record["versions"]] == [
        ("upsert", "2021-06-21"),
        ("withdrawn", "2026-04-16"),
    ]
    assert gone in record["versions"][0]["raw"]
