"""File drops: which files, of which day, in which archive; one that is still written is told, never entered."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from brain.errors import ContractError, FetchError, PayloadError
from ingest.contract import load_source
from ingest.fetch import files
from ingest.fetch.files import as_of_date, fetch_file, find_files

pytestmark = pytest.mark.usefixtures("open_gate")


def zipped(*members: tuple[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content.encode("gb18030"))
    return out.getvalue()


def register(house: Any, **server: Any) -> Any:
    """A daily register of shops, GB18030 CSV in zip."""
    f = house.field
    fields = [f("shop_no", key=1, physicalName="店号"), f("name", physicalName="店名")]
    given = {"asOf": r"shops_(\d{8})\.zip", **server}
    return load_source(
        house.contract(fields, name="shops", servers=[house.server("daily/shops_*.zip", encoding="gb18030", **given)])
    )


ROWS = "店号,店名\n1,东街𠮷店\n2,西街店\n"


def test_daily_snapshots_come_in_the_order_of_their_names(house: Any) -> None:
    register(house)
    house.deliver("daily/shops_20260102.zip", zipped(("s.csv", "店号,店名\n1,改名店\n")))
    house.deliver("daily/shops_20260101.zip", zipped(("s.csv", ROWS)))
    first, second = house.ingest("shops")
    assert [(b.received, b.new, b.withdrawn) for b in (first, second)] == [(2, 2, 0), (1, 1, 1)]
    assert house.versions("shop_no, name, _change", name="shops") == [
        {"shop_no": "1", "name": "东街𠮷店", "_change": "upsert"},
        {"shop_no": "1", "name": "改名店", "_change": "upsert"},
        {"shop_no": "2", "name": "西街店", "_change": "upsert"},
        {"shop_no": None, "name": None, "_change": "withdrawn"},
    ]


def test_the_declared_member_of_an_archive_is_read(house: Any) -> None:
    f = house.field
    records = [
        house.record("shop", [f("shop_no", key=1, physicalName="店号"), f("name", physicalName="店名")]),
        house.record("owner", [f("owner_no", key=1, physicalName="主号")]),
    ]
    servers = [
        house.server("*.zip", encoding="gb18030", name=n, records=[n], member=m, asOf=r"(\d{8})")
        for n, m in (("shop", "店*.csv"), ("owner", "all/owners.csv"))
    ]
    house.contract(records=records, servers=servers)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        # a name in GB18030 that nothing marks as such, as archives of Windows have it
        name = zipfile.ZipInfo("店铺.csv".encode("gb18030").decode("cp437"))
        archive.writestr(name, ROWS.encode("gb18030"))
        archive.writestr("all/owners.csv", "主号\no\n".encode("gb18030"))
    raw = bytearray(content.getvalue())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + at + 1] &= ~0x08  # the writer marked it as UTF-8: it knows no other way
    utf8, gb = name.filename.encode(), "店铺.csv".encode("gb18030")
    house.deliver("a_20260101.zip", rename(bytes(raw), utf8, gb))
    assert [(b.record, b.new) for b in house.ingest()] == [("shop", 2), ("owner", 1)]
    house.deliver("a_20260102.zip", zipped(("店1.csv", ROWS), ("店2.csv", ROWS), ("all/owners.csv", "主号\n")))
    with pytest.raises(PayloadError, match=r"a_20260102.zip: .*holds 2 files named 店\*.csv, one is expected"):
        house.ingest()


def rename(content: bytes, old: bytes, new: bytes) -> bytes:
    """The archive with the name of its first member replaced byte for byte, lengths and places mended."""
    shorter = len(old) - len(new)
    local, central, end = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    second = content.index(b"PK\x01\x02", central + 4)
    out = bytearray(content)

    def number(at: int, size: int, change: int) -> None:
        out[at : at + size] = (int.from_bytes(out[at : at + size], "little") + change).to_bytes(size, "little")

    number(local + 26, 2, -shorter)
    number(central + 28, 2, -shorter)
    number(second + 42, 4, -shorter)
    number(end + 12, 4, -shorter)
    number(end + 16, 4, -shorter)
    return bytes(out).replace(old, new)


def test_a_file_that_grows_while_it_is_read_is_not_entered(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = register(house)
    path = house.deliver("daily/shops_20260101.zip", zipped(("s.csv", ROWS)))
    read_bytes = Path.read_bytes

    def grows(self: Path) -> bytes:
        found = read_bytes(self)
        if self == path:
            with open(path, "ab") as f:
                f.write(b"more")
        return found

    monkeypatch.setattr(Path, "read_bytes", grows)
    [file] = find_files(source.servers[0], house.settings)
    with pytest.raises(FetchError, match=r"shops_20260101.zip changed while it was read") as e:
        list(fetch_file(file, source.servers[0]))
    assert "rename" in e.value.hint


def test_a_file_that_grows_after_it_was_read_is_read_again_next_time(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is entered as delivered is what was landed, not what lies there when the entry is made."""
    house.contract()
    path = house.deliver("list_2026-01-01.csv", "id,title\n1,a\n")
    fetch = files.fetch_file

    def then_grows(*given: Any) -> Any:
        yield from fetch(*given)
        path.write_text("id,title\n1,a\n2,b\n")

    monkeypatch.setattr("ingest.run.fetch_file", then_grows)
    assert house.ingest()[0].new == 1
    monkeypatch.undo()
    monkeypatch.setattr("expectations.arrival.check_batch", lambda *_: [])
    assert house.ingest()[0].new == 1


def test_half_an_archive_stops_what_comes_after_it_and_keeps_what_was_before(house: Any) -> None:
    register(house)
    house.deliver("daily/shops_20260101.zip", zipped(("s.csv", ROWS)))
    house.deliver("daily/shops_20260102.zip", zipped(("s.csv", ROWS))[:-30])
    house.deliver("daily/shops_20260103.zip", zipped(("s.csv", ROWS)))
    with pytest.raises(PayloadError, match=r"shops_20260102.zip: .*cannot be decompressed") as e:
        house.ingest("shops")
    assert "left out, for they come after it: drop:daily/shops_20260103.zip" in e.value.message
    assert [b.new for b in e.value.batches] == [2] and len(house.entries()) == 1
    house.deliver("daily/shops_20260102.zip", zipped(("s.csv", ROWS)))
    assert [b.new for b in house.ingest("shops")] == [0, 0, 0]


def test_a_snapshot_that_comes_late_is_held(house: Any) -> None:
    register(house)
    house.deliver("daily/shops_20260102.zip", zipped(("s.csv", ROWS)))
    house.ingest("shops")
    house.deliver("daily/shops_20260101.zip", zipped(("s.csv", "店号,店名\n")))
    held = [b for b in house.ingest("shops") if b.held]
    assert [b.reasons[0].split(":")[0] for b in held] == ["older_snapshot"]
    assert len(house.current(name="shops")) == 2


@pytest.fixture
def counties(house: Any) -> Callable[[str, str, str], Path]:
    """Yearly lists, one file a county; all of a year are one delivery."""
    f = house.field
    fields = [f("county", key=1, physicalName="县"), f("shop", key=2, physicalName="店")]
    taken = [{"name": "县", "from": "file", "pattern": r"/(.+)_"}]
    servers = [house.server("yearly/*.csv", together=True, asOf=r"_(\d{4})\.", taken=taken)]
    house.contract(fields, servers=servers)
    return lambda county, year, rows: house.deliver(f"yearly/{county}_{year}.csv", "店\n" + rows)


def test_files_that_belong_together_are_one_snapshot(house: Any, counties: Callable[..., Path]) -> None:
    counties("甲县", "2024", "a\nb\n")
    counties("乙县", "2024", "c\n")
    counties("甲县", "2025", "a\n")
    last = counties("乙县", "2025", "c\n")
    first, second = house.ingest()
    assert [(b.received, b.new, b.withdrawn) for b in (first, second)] == [(3, 3, 0), (2, 0, 1)]
    one, two = house.entries()
    assert (one.data["as_of"], one.data["landing"]["payloads"], one.data["address"]) == (
        "2024-12-31", 2, "drop:yearly/*.csv")  # fmt: skip
    assert [b.unchanged for b in house.ingest()] == [2], "the same bytes as before; a later year is committed"
    assert [e.data.get("same_as") for e in house.entries()[2:]] == [two.seq]
    last.write_text("店\nc\nd\n")
    assert [(b.new, b.unchanged) for b in house.ingest()] == [(1, 2)]
    counties("丙县", "2025", "e\n")
    assert [(b.new, b.received) for b in house.ingest()] == [(1, 4)]
    assert {r["_as_of"] for r in house.current()} == {date(2024, 12, 31), date(2025, 12, 31)}


@pytest.fixture
def years(house: Any) -> Callable[..., Path]:
    """Lists of a year in a folder of the year, one file a county; `together` of the contract."""

    def declare(together: Any, version: str = "1.0.0") -> Callable[..., Path]:
        fields = [house.field("county", key=1, physicalName="县"), house.field("shop", key=2, physicalName="店")]
        taken = [{"name": "县", "from": "file", "pattern": r"/([^/]+)_"}]
        servers = [house.server("yearly/*/*.csv", together=together, asOf=r"_(\d{4})\.", taken=taken)]
        house.contract(fields, servers=servers, version=version)
        return lambda county, year, rows: house.deliver(f"yearly/{year}/{county}_{year}.csv", "店\n" + rows)

    return declare


def test_a_group_without_a_part_that_it_had_withdraws_nothing(house: Any, years: Callable[..., Any]) -> None:
    counties = years(True)
    for county in ("甲县", "乙县"):
        counties(county, 2024, "a\nb\n")
    house.ingest()
    counties("甲县", 2025, "a\n")
    _, held = house.ingest()
    assert held.held and held.reasons == (
        "incomplete_group: 1 files, without what were yearly/2024/乙县_2024.csv in the delivery before",
    )
    assert len(house.current()) == 4
    before = len(house.entries())
    assert [b.held for b in house.ingest()] == [False], "2024 comes again; the rest of 2025 is waited for"
    assert [e.kind for e in house.entries()[before:]] == ["committed"]
    counties("乙县", 2025, "a\nb\n")
    assert [(b.held, b.withdrawn) for b in house.ingest() if b.received == 3] == [(False, 1)]
    assert len(house.current()) == 3


def test_a_part_that_is_taken_out_of_the_drop_withdraws_nothing(house: Any, years: Callable[..., Any]) -> None:
    counties = years(True)
    counties("甲县", 2024, "a\n")
    gone = counties("乙县", 2024, "b\n")
    house.ingest()
    gone.unlink()
    assert [b.reasons[0].partition(":")[0] for b in house.ingest()] == ["incomplete_group"]
    assert len(house.current()) == 2


def test_the_contract_may_say_how_many_parts_there_are(house: Any, years: Callable[..., Any]) -> None:
    counties = years(3)
    counties("甲县", 2024, "a\n")
    counties("乙县", 2024, "b\n")
    assert [b.reasons for b in house.ingest()] == [("incomplete_group: 2 of 3 files",)]
    counties("丙县", 2024, "c\n")
    assert [b.new for b in house.ingest()] == [3]
    years(2, "1.1.0")  # the third county was made part of the second
    counties("甲县", 2025, "a\n")
    counties("乙县", 2025, "b\nc\n")
    [batch] = [b for b in house.ingest() if b.received == 3 and b.new]
    assert (batch.held, batch.new, batch.withdrawn) == (False, 1, 1)


def test_a_contract_that_expects_fewer_parts_lets_the_held_group_in(house: Any, years: Callable[..., Any]) -> None:
    counties = years(2)
    counties("甲县", 2024, "a\n")
    assert [b.held for b in house.ingest()] == [True]
    assert house.ingest() == []
    years(True, "1.1.0")
    assert [(b.held, b.new) for b in house.ingest()] == [(False, 1)]


@pytest.mark.parametrize("value", [0, 1, -3, "yes", 2.5])
def test_parts_are_told_by_their_number(house: Any, value: Any) -> None:
    with pytest.raises(ContractError, match="neither true nor a number of files"):
        load_source(house.contract(servers=[house.server(together=value)]))


def test_a_broken_file_of_several_is_named(house: Any, counties: Callable[..., Path]) -> None:
    counties("甲县", "2024", "a\n")
    counties("乙县", "2024", "b\n").write_bytes(b"\xff")
    with pytest.raises(PayloadError, match=r"yearly/乙县_2024.csv: payload \d of files"):
        house.ingest()
    assert house.entries() == []


@pytest.mark.parametrize(
    ("name", "found"),
    [("x_2026.csv", date(2026, 12, 31)), ("x_202602.csv", date(2026, 2, 28)), ("x_2024-02.csv", date(2024, 2, 29)),
     ("x_20260630.csv", date(2026, 6, 30)), ("x_2026-06-30.csv", date(2026, 6, 30))],
)  # fmt: skip
def test_the_date_of_a_period_is_its_end(house: Any, name: str, found: date) -> None:
    source = load_source(house.contract(servers=[house.server(asOf=r"_([\d-]+)\.")]))
    assert as_of_date(source.servers[0], name) == found


def test_an_impossible_month_is_told(house: Any) -> None:
    source = load_source(house.contract(servers=[house.server(asOf=r"_([\d-]+)\.")]))
    with pytest.raises(FetchError, match="'202613' is no date"):
        as_of_date(source.servers[0], "x_202613.csv")


def test_a_file_that_is_gone_before_it_is_read_is_told(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = [house.field("id", key=1), house.field("title", required=True)]
    house.contract(fields, delivery="history", versionFields=["title"])
    gone = house.deliver("list_2026-01-01.csv", "id,title\n1,a\n")
    house.deliver("list_2026-01-02.csv", "id,title\n1,b\n")

    def then_gone(*given: Any) -> list[Any]:
        found = find_files(*given)
        gone.unlink()
        return found

    monkeypatch.setattr("ingest.run.find_files", then_gone)
    with pytest.raises(FetchError, match=r"list_2026-01-01\.csv cannot be read") as told:
        house.ingest()
    assert len(told.value.batches) == 1, "what does not depend on it is entered"


def test_no_file_outside_the_drop_is_read(house: Any, tmp_path: Path) -> None:
    (tmp_path / "list_2026-01-01.csv").write_text("id,title\n1,a\n")
    (house.dropped / "list_2026-01-01.csv").symlink_to(tmp_path / "list_2026-01-01.csv")
    source = load_source(house.contract())
    assert find_files(source.servers[0], house.settings) == []


@pytest.mark.parametrize(
    "name",
    ["~$list_2026-01-02.csv", ".~list_2026-01-02.csv", "._list_2026-01-02.csv", ".list_2026-01-02.csv.swp",
     "list_2026-01-02.csv~", "list_2026-01-02.csv.tmp", "list_2026-01-02.csv.part", "~WRL_list_2026-01-02.csv",
     ".stversions/list_2026-01-02.csv", "list_2026-01-02.csv.crdownload"],
)  # fmt: skip
def test_what_editors_leave_beside_a_file_is_never_taken(house: Any, name: str) -> None:
    """Excel lays ~$list.xlsx beside an open list.xlsx; it matches what list.xlsx matches."""
    source = load_source(house.contract(servers=[house.server("**/*list*", asOf=r"(\d{4}-\d{2}-\d{2})")]))
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n")
    house.deliver(name, "id,title\n2,b\n")
    assert [f.address for f in find_files(source.servers[0], house.settings)] == ["list_2026-01-01.csv"]


def test_members_and_groups_are_of_files(house: Any) -> None:
    server = {"server": "s", "type": "api", "environment": "open", "location": "https://x.test/"}
    for name in ("member", "together"):
        with pytest.raises(ContractError, match=f"{name}: means nothing for type api"):
            load_source(house.contract(servers=[{**server, "customProperties": [{"property": name, "value": "x"}]}]))
