"""Whatever a file drop delivers, it ends as a clear error or a refused record, and the last good state stays."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import zstandard

from brain.errors import BrainError, FetchError, PayloadError
from ingest.contract import load_sources
from ingest.fetch.files import find_files
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")

GOOD = b"id,title\n1,a\n2,b\n"


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.csv", content)
    return out.getvalue()


FAULTS: dict[str, tuple[str, bytes, type[BrainError], str]] = {
    "empty file": ("list_2026-01-02.csv", b"", FetchError, "is empty"),
    "no rows, no header": ("list_2026-01-02.csv", b"\n", PayloadError, "no header row"),
    "wrong encoding": (
        "list_2026-01-02.csv",
        "id,title\n1,西安\n".encode("gbk"),
        PayloadError,
        "line 2, byte 2 is not utf-8",
    ),
    "NUL in a cell": ("list_2026-01-02.csv", b"id,title\n1,\x00\n", PayloadError, "line 2 holds a NUL"),
    "half a quoted cell": ("list_2026-01-02.csv", b'id,title\n1,"a', PayloadError, "unexpected end of data"),
    "column twice": ("list_2026-01-02.csv", b"id,id\n1,2\n", PayloadError, "column 'id' stands twice"),
    "truncated gzip": ("list_2026-01-02.csv.gz", gzip.compress(GOOD)[:-5], PayloadError, "cut off"),
    "gzip of something else": ("list_2026-01-02.csv.gz", GOOD, PayloadError, "damaged"),
    "truncated zstd": (
        "list_2026-01-02.csv.zst",
        zstandard.compress(GOOD)[:-3],
        PayloadError,
        "cannot be decompressed",
    ),
    "truncated zip": ("list_2026-01-02.csv.zip", zipped(GOOD)[:-9], PayloadError, "cannot be decompressed"),
    "gzip bomb": ("list_2026-01-02.csv.gz", gzip.compress(bytes(1 << 25)), PayloadError, "unpacks to more than"),
    "zip bomb": ("list_2026-01-02.csv.zip", zipped(bytes(1 << 25)), PayloadError, "more than allowed"),
    "no date in the name": ("list_latest.csv", GOOD, FetchError, "list_latest.csv has no date"),
    "impossible date in the name": ("list_2026-02-30.csv", GOOD, FetchError, "'2026-02-30' is no date"),
}


@pytest.fixture
def fed(house) -> Any:
    """One good delivery is committed; the contract takes csv, packed or not."""
    house.contract(servers=[house.server("*.csv*")])
    house.deliver("list_2026-01-01.csv", GOOD)
    house.ingest()
    house.undeliver("list_2026-01-01.csv")
    return house


def assert_nothing_changed(house: Any) -> None:
    assert [e.kind for e in house.entries()] == ["committed"]
    assert {r["id"]: r["title"] for r in house.current()} == {"1": "a", "2": "b"}
    report = verify(house.settings)
    assert (report["problems"], report["uncommitted"]) == ([], [])


@pytest.mark.parametrize(("name", "content", "error", "says"), FAULTS.values(), ids=FAULTS)
def test_a_broken_file_is_a_clear_error_and_costs_nothing(fed, name: str, content: bytes, error: type, says: str):
    fed.deliver(name, content)
    with pytest.raises(error) as e:
        fed.ingest()
    assert says in e.value.message
    assert_nothing_changed(fed)
    fed.undeliver(name)
    fed.deliver("list_2026-01-03.csv", GOOD + b"3,c\n")
    [batch] = fed.ingest()
    assert (batch.seq, batch.new) == (2, 1), "the next good file is taken as if nothing had happened"


REFUSED = {
    "unknown column": (b"id,title,extra\n1,a,x\n2,b,y\n", ["unknown_field:extra"] * 2, {}),
    "missing key": (b"id,title\n,a\n2,b\n", ["required:id"], {"2": "b"}),
    "key column lost": (b"title\na\nb\n", ["required:id"] * 2, {}),
    "leaked header row": (b"id,title\n1,a\nid,title,\n", ["ragged_row:3 of 2 cells"], {"1": "a"}),
    "half a row at the end": (b"id,title\n1,a\n2", ["ragged_row:1 of 2 cells"], {"1": "a"}),
    "duplicate keys": (b"id,title\n1,a\n1,b\n2,b\n", ["duplicate_key"] * 2, {"2": "b"}),
}


@pytest.mark.parametrize(("content", "reasons", "kept"), REFUSED.values(), ids=REFUSED)
def test_a_broken_record_is_refused_and_kept(house, content: bytes, reasons: list[str], kept: dict[str, str]):
    house.contract()
    house.deliver("list_2026-01-01.csv", content)
    [batch] = house.ingest()
    assert [r for i in house.refused() for r in i["reasons"]] == reasons
    assert {r["id"]: r["title"] for r in house.current()} == kept
    assert batch.received == batch.new + batch.quarantined == len(kept) + len(reasons)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, zipped], ids=["gz", "zst", "zip"])
def test_packed_files_are_landed_as_they_came(house, pack: Callable[[bytes], bytes]):
    ending = {"compress": "gz", "zipped": "zip"}[pack.__name__] if pack is not zstandard.compress else "zst"
    house.contract(servers=[house.server("*.csv*")])
    body = pack(GOOD)
    house.deliver(f"list_2026-01-01.csv.{ending}", body)
    house.ingest()
    assert {r["id"]: r["title"] for r in house.current()} == {"1": "a", "2": "b"}
    from ingest.landing import Segment

    [(entry, landed)] = Segment(house.settings.home / house.entries()[0].data["landing"]["segment"]).bodies()
    assert landed == body and entry.size == len(body) and "Last-Modified" in entry.headers


def test_a_file_larger_than_the_contract_allows_is_not_read(house):
    house.contract(servers=[house.server(limits={"maxBytes": 10})])
    house.deliver("list_2026-01-01.csv", GOOD)
    with pytest.raises(FetchError, match="more than the contract's maxBytes"):
        house.ingest()


def test_a_file_that_may_not_be_read_is_an_error(house, monkeypatch: pytest.MonkeyPatch):
    house.contract()
    house.deliver("list_2026-01-01.csv", GOOD)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(FetchError, match=r"list_2026-01-01\.csv cannot be read: Permission denied$"):
        house.ingest()


def test_nothing_outside_the_drop_is_read(house):
    """Neither by a pattern that climbs out nor by a link that leads out."""
    secret = house.root / "outside" / "list_2026-01-01.csv"
    secret.parent.mkdir()
    secret.write_bytes(GOOD)
    (house.dropped / "list_2026-01-02.csv").symlink_to(secret)
    for pattern in ("*.csv", "../outside/*.csv", "**/*.csv"):
        house.contract(servers=[house.server(pattern)])
        server = load_sources(house.settings)["toy"].servers[0]
        assert find_files(server, house.settings) == [], pattern
        with pytest.raises(FetchError, match="toy: nothing to fetch"):
            house.ingest()


def test_files_are_found_in_the_order_of_date_then_name(house):
    house.contract(servers=[house.server("**/*.csv", asOf=r"(\d{8})")])
    for name in ("b_20260102.csv", "a_20260103.csv", "sub/z_20260101.csv", "a_20260102.csv"):
        house.deliver(name, GOOD)
    server = load_sources(house.settings)["toy"].servers[0]
    assert [(f.address, f.as_of) for f in find_files(server, house.settings)] == [
        ("sub/z_20260101.csv", date(2026, 1, 1)),
        ("a_20260102.csv", date(2026, 1, 2)),
        ("b_20260102.csv", date(2026, 1, 2)),
        ("a_20260103.csv", date(2026, 1, 3)),
    ]
