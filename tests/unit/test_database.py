"""A table of any database becomes records from YAML alone; SQLite here, PostgreSQL in tests/pipeline."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from brain.errors import ContractError, FetchError
from ingest.contract import load_source
from ingest.fetch import FetchContext, Payload
from ingest.fetch.database import address_of, fetch_database
from ingest.ledger import live_entries
from warehouse.trace import trace
from warehouse.verify import verify

pytestmark = pytest.mark.usefixtures("open_gate")


def server(location: str, **props: Any) -> dict[str, Any]:
    """One server over SQLAlchemy; the grants of an invented office by default."""
    given = {"table": "grants", **props}
    return {
        "server": "ledger_of_grants",
        "type": "custom",
        "environment": "open",
        "location": location,
        "customProperties": [{"property": k, "value": v} for k, v in given.items() if v is not None],
    }


class Office:
    """An SQLite file of an office and the house that reads it."""

    def __init__(self, house: Any, path: Path):
        self.house, self.path = house, path
        self.location = f"sqlite:///{path}"

    def sql(self, *statements: str) -> None:
        with sqlite3.connect(self.path) as db:
            for s in statements:
                db.execute(s)
        db.close()

    def contract(self, fields: list[Any] | None = None, record: dict[str, Any] | None = None, **props: Any) -> Any:
        f = self.house.field
        fields = fields or [
            f("grant_no", key=1, physicalName="NO"),
            f("sum_cny", "number", physicalName="amount"),
            f("changed_at", "timestamp", physicalName="changed"),
        ]
        location = props.pop("location", self.location)
        return load_source(
            self.house.contract(fields, name="office", servers=[server(location, **props)], **(record or {}))
        )

    def payloads(self, mark: str | None = None, **props: Any) -> list[Payload]:
        source = self.contract(**props)
        return list(fetch_database(source.servers[0], FetchContext(self.house.settings, source, mark)))


@pytest.fixture
def office(house: Any, tmp_path: Path) -> Office:
    found = Office(house, tmp_path / "office.db")
    found.sql(
        "create table grants (NO text, amount numeric, changed text)",
        "insert into grants values ('b', 2.5, '2026-03-02 08:00:00'), ('a', 1, '2026-03-01T08:00:00'), "
        "('c', null, '2026-03-03T00:00:00Z')",
    )
    return found


def lines(payloads: list[Payload]) -> list[Any]:
    return [json.loads(line) for p in payloads for line in p.body.splitlines()]


def test_a_table_comes_as_json_lines_in_the_order_of_its_key(office: Office) -> None:
    [payload] = office.payloads()
    assert payload.body == (
        b'{"NO":"a","amount":1,"changed":"2026-03-01T08:00:00"}\n'
        b'{"NO":"b","amount":2.5,"changed":"2026-03-02 08:00:00"}\n'
        b'{"NO":"c","amount":null,"changed":"2026-03-03T00:00:00Z"}\n'
    )
    assert (payload.url, payload.status, payload.declared_total) == ("sqlite:///office.db/grants?rows=1-3", 200, 3)
    assert str(office.path.parent) not in payload.url, "no path of a machine is recorded"


def test_it_comes_in_payloads_of_the_declared_size(office: Office) -> None:
    payloads = office.payloads(batchRows=2)
    assert [len(p.body.splitlines()) for p in payloads] == [2, 1]
    assert [p.url.partition("?")[2] for p in payloads] == ["rows=1-2", "rows=3-3"]


def test_ingest_knows_what_is_new_changed_and_gone(office: Office) -> None:
    office.contract()
    [first] = office.house.ingest("office")
    assert (first.received, first.new) == (3, 3)
    assert office.house.current("grant_no, sum_cny, changed_at::VARCHAR AS at", name="office") == [
        {"grant_no": "a", "sum_cny": 1.0, "at": "2026-03-01 08:00:00"},
        {"grant_no": "b", "sum_cny": 2.5, "at": "2026-03-02 08:00:00"},
        {"grant_no": "c", "sum_cny": None, "at": "2026-03-03 00:00:00"},
    ]
    office.sql("update grants set amount = 9 where NO = 'a'", "delete from grants where NO = 'b'")
    [second] = office.house.ingest("office")
    assert (second.received, second.new, second.unchanged, second.withdrawn) == (2, 1, 1, 1)


def test_an_empty_table_is_an_answer_and_withdraws(office: Office) -> None:
    office.contract()
    office.house.ingest("office")
    office.sql("delete from grants")
    [batch] = office.house.ingest("office")
    assert (batch.received, batch.withdrawn) == (0, 3)
    report = verify(office.house.settings)
    assert (report["problems"], report["uncommitted"]) == ([], [])


def test_a_row_is_traced_to_the_line_that_was_landed(office: Office) -> None:
    office.contract(record={"class": "finance"})
    office.house.ingest("office")
    [record] = trace(office.house.settings, "office:thing:b")["records"]
    [version] = record["versions"]
    assert (version["pointer"], version["verified"]) == ("L2", True)
    assert version["raw"] == '{"NO":"b","amount":2.5,"changed":"2026-03-02 08:00:00"}'
    assert version["payload"]["url"] == "sqlite:///office.db/grants?rows=1-3"


def test_only_what_changed_is_asked_for(office: Office) -> None:
    since = {"param": "changed", "field": "changed_at"}
    office.contract(record={"delivery": "changes"}, since=since)
    office.house.ingest("office")
    office.sql("insert into grants values ('d', 4, '2026-03-03T00:00:01Z'), ('old', 4, '2026-01-01T00:00:00')")
    [batch] = office.house.ingest("office")
    assert (batch.received, batch.new, batch.unchanged) == (2, 1, 1), "the mark itself is asked for again"
    entry = live_entries(office.house.entries())[-1].data
    assert (entry["since"], entry["watermark"]) == ("2026-03-03T00:00:00Z", "2026-03-03T00:00:01")
    [batch] = office.house.ingest("office", full=True)
    assert batch.received == 5


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2026-03-02T08:00:00Z", ["b", "c"]),
        ("2026-03-02T08:00:01Z", ["c"]),
        ("2026-03-01T09:00:00Z", ["a", "b", "c"]),  # text with a T: that whole day, rather too much
        ("2026-03-03", ["c"]),
        ("2027-01-01T00:00:00Z", []),
    ],
)
def test_the_mark_is_compared_as_text_and_never_loses_a_row(office: Office, since: str, found: list[str]) -> None:
    payloads = office.payloads(since, since={"param": "changed", "field": "changed_at"})
    assert [r["NO"] for r in lines(payloads)] == found
    assert len(payloads) == 1 and payloads[0].declared_total == len(found)
    assert f"since={since.replace(':', '%3A')}" in payloads[0].url


def test_a_row_without_a_mark_of_its_own_comes_every_time(office: Office) -> None:
    """It would never come again otherwise, whatever changes in it."""
    office.sql("insert into grants values ('n', 4, null)")
    payloads = office.payloads("2026-03-03T00:00:00Z", since={"param": "changed", "field": "changed_at"})
    assert {r["NO"] for r in lines(payloads)} == {"c", "n"}


@pytest.mark.parametrize(
    "written",
    ["'2026-9-3'", "'03.09.2026'", "'2026/09/03'", "20260903", "1788393600", "'2026-03-02T20:00:00-08:00'"],
)
def test_a_mark_that_does_not_sort_as_text_comes_every_time(office: Office, written: str) -> None:
    """2026-9-3 stands before 2026-10-01 in time and behind it in text: it would be left out or not by chance."""
    office.sql(f"insert into grants values ('odd', 4, {written})")
    for mark in ("2026-03-03T00:00:00Z", "2026-10-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        payloads = office.payloads(mark, since={"param": "changed", "field": "changed_at"})
        assert "odd" in {r["NO"] for r in lines(payloads)}


@pytest.mark.parametrize("zone", ["", "Z", ".250Z", "+00:00"])
def test_a_mark_in_utc_sorts_however_it_is_written(office: Office, zone: str) -> None:
    office.sql(f"insert into grants values ('old', 4, '2026-03-01T08:00:00{zone}')")
    payloads = office.payloads("2026-03-03T00:00:00Z", since={"param": "changed", "field": "changed_at"})
    assert {r["NO"] for r in lines(payloads)} == {"c"}


def test_no_log_holds_a_row(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """SQLAlchemy writes every row where somebody turns its messages on."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "sqlalchemy")
    office.sql("insert into grants values ('13812345678', 1, '13812345678')")
    office.payloads("2026-03-03T00:00:00Z", since={"param": "changed", "field": "changed_at"})
    assert "138" not in caplog.text and "2026-03-03" not in caplog.text


def test_one_select_is_read_like_a_table(office: Office) -> None:
    office.sql("create table names (NO text, name text)", "insert into names values ('a', '甲:x %'), ('b', '乙')")
    f = office.house.field
    [payload] = office.payloads(
        fields=[f("grant_no", key=1, physicalName="NO"), f("holder", physicalName="name")],
        table=None,
        query="select g.NO, n.name from grants g join names n using (NO) where n.name like '%:x %'",
    )
    assert lines([payload]) == [{"NO": "a", "name": "甲:x %"}]
    assert payload.url == "sqlite:///office.db/query%3Aledger_of_grants?rows=1-1"


def test_columns_that_are_not_taken_are_not_fetched_and_new_ones_are_refused(office: Office) -> None:
    office.sql("alter table grants add column remark text", "update grants set remark = 'r'")
    assert "remark" not in office.payloads(record={"ignoredFields": ["remark"]})[0].body.decode()
    office.contract()
    [batch] = office.house.ingest("office")
    assert (batch.new, batch.quarantined) == (0, 3)
    assert {r for i in office.house.refused() for r in i["reasons"]} == {"unknown_field:remark"}


def test_values_come_without_loss(office: Office) -> None:
    office.sql(
        "create table odd (i, big, f, t, b, n)",
        "insert into odd values (9223372036854775807, -9223372036854775808, 0.1, 'a\nb\"' || char(9), x'00ff', null), "
        "(0, 0, 9e999, '', '', null), (0, 0, -9e999, '', '', null), (0, 0, 1e16, '', '', null)",
    )
    f = office.house.field
    fields = [f(n) for n in ("i", "big", "f", "t", "b", "n")]
    first, plus, minus, large = lines(office.payloads(fields=fields, table="odd"))
    assert first == {"i": 2**63 - 1, "big": -(2**63), "f": 0.1, "t": 'a\nb"\t', "b": "AP8=", "n": None}
    assert (plus["f"], minus["f"], large["f"]) == ("Infinity", "-Infinity", 1e16)


def test_rows_written_meanwhile_do_not_mix_in(office: Office) -> None:
    """Counted and read of one state: what another connection writes between two payloads is for the next run."""
    office.sql("pragma journal_mode = wal")  # else the writer would have to wait for the reader
    source = office.contract(batchRows=1)
    came = []
    for payload in fetch_database(source.servers[0], FetchContext(office.house.settings, source)):
        if not came:
            office.sql("insert into grants values ('z', 1, ''), ('0', 1, '')", "delete from grants where NO = 'c'")
        came.append(payload)
    assert [r["NO"] for r in lines(came)] == ["a", "b", "c"]


def test_the_engine_itself_refuses_to_write(office: Office) -> None:
    from ingest.fetch.database import _Fetch

    source = office.contract()
    fetch = _Fetch(source.servers[0], FetchContext(office.house.settings, source))
    con = fetch._open_sqlite()
    for statement in ("delete from grants", "create temp table t (x)", "pragma user_version = 3"):
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            con.execute(statement)
    con.close()


def test_what_is_missing_is_named(office: Office) -> None:
    f = office.house.field
    cases: list[tuple[str, Callable[[], Any]]] = [
        ("has no table grunts", lambda: office.payloads(table="grunts")),
        ("no column id", lambda: office.payloads(fields=[f("id", key=1)])),
        ("has no column at", lambda: office.payloads(since={"param": "at", "field": "changed_at"})),
        ("names a column that is not there", lambda: office.payloads(table=None, query="select missing from grants")),
        ("does not understand the query", lambda: office.payloads(table=None, query="select from where")),
        (
            "nowhere.db cannot be opened",
            lambda: office.payloads(location="sqlite:////nowhere.db", limits={"retries": 0}),
        ),
    ]
    for told, act in cases:
        with pytest.raises(FetchError, match=told) as e:
            act()
        assert "office/ledger_of_grants" in e.value.message and e.value.hint
    assert not Path("/nowhere.db").exists()


def test_a_column_that_may_be_missing_is_absent(office: Office) -> None:
    f = office.house.field
    fields = [f("grant_no", key=1, physicalName="NO"), f("note")]
    assert len(lines(office.payloads(fields=fields, record={"ignoredFields": ["amount", "changed"]}))) == 3


def test_a_file_that_is_no_database_is_told(office: Office) -> None:
    office.path.write_bytes(b"no database" * 1000)
    with pytest.raises(FetchError, match=r"office\.db is no sound database"):
        office.payloads()


def test_a_text_of_another_encoding_is_an_error_that_does_not_quote_it(office: Office) -> None:
    office.sql("insert into grants values (cast(x'313338ff' as text), 1, '')")
    with pytest.raises(FetchError, match="not in the encoding") as e:
        office.payloads()
    assert "138" not in str(e.value)


def test_a_lock_is_waited_for_and_then_told(office: Office) -> None:
    holder = sqlite3.connect(office.path, isolation_level=None)
    holder.execute("begin exclusive")
    with pytest.raises(FetchError, match="somebody else holds a lock"):
        office.payloads(limits={"timeoutSeconds": 0.2, "retries": 0})
    holder.execute("rollback")
    holder.close()


def test_a_statement_that_takes_too_long_is_ended(office: Office) -> None:
    endless = "with recursive n(NO) as (select 1 union all select NO + 1 from n) select NO from n"
    with pytest.raises(FetchError, match="not done within 0 s") as e:
        office.payloads(fields=[office.house.field("NO".lower(), key=1, physicalName="NO")], table=None, query=endless,
                        limits={"timeoutSeconds": 0.3})  # fmt: skip
    assert "timeoutSeconds" in e.value.hint


def test_a_deadline_counts_the_sources_time_and_not_the_readers(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("ingest.fetch.database.time", clock)
    source = office.contract(batchRows=1, limits={"deadlineSeconds": 50})
    for _ in fetch_database(source.servers[0], FetchContext(office.house.settings, source)):
        clock.now += 100
    walk = fetch_database(source.servers[0], FetchContext(office.house.settings, source))
    monkeypatch.setattr("ingest.fetch.database._plain", lambda value: (setattr(clock, "now", clock.now + 20), value)[1])
    with pytest.raises(FetchError, match="not done within 50 s"):
        list(walk)


def test_more_than_was_counted_or_less_is_no_fetch(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.fetch.database import _Fetch

    start = _Fetch._start

    def miscounted(self: Any, *given: Any) -> Any:
        rows, total = start(self, *given)
        return rows, total + 1

    monkeypatch.setattr(_Fetch, "_start", miscounted)
    office.contract()
    with pytest.raises(FetchError, match="4 rows were counted and 3 came"):
        office.house.ingest("office")
    assert office.house.entries() == [] and not list(office.house.settings.landing.rglob("*.zst"))


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("postgresql://reader:hunter2@db.test/x", "a password stands in the address"),
        ("postgresql://db.test/x?password=hunter2", "a password stands in the address"),
        ("postgresql://${BRAIN_SECRET_DB}@db.test/x", "a secret stands in the address"),
        ("${NO_SUCH_PLACE}", "needs NO_SUCH_PLACE, which is not set"),
        ("no address", "is no SQLAlchemy address"),
        ("sqlite://", "names no file"),
        ("quill://db.test/x", "no driver for quill"),
    ],
)
def test_an_address_that_cannot_be_used_is_not_quoted(office: Office, location: str, told: str) -> None:
    with pytest.raises(FetchError, match=told) as e:
        office.payloads(location=location)
    assert "hunter2" not in str(e.value)


def test_the_citys_database_is_where_the_settings_say(office: Office) -> None:
    source = office.contract(location="${BRAIN_DEMO_DATABASE}")
    assert address_of(source.servers[0], office.house.settings) == "sqlite:///finance.sqlite/grants"


@pytest.mark.parametrize("name", ["x.zip", "grants.gz", "t.ZST"])
def test_no_table_is_taken_for_an_archive(office: Office, name: str) -> None:
    office.sql(f'create table "{name}" as select * from grants')
    office.contract(table=name)
    [batch] = office.house.ingest("office")
    assert batch.new == 3


@pytest.mark.parametrize(
    ("props", "told"),
    [
        ({"table": None}, "needs `table` or `query`"),
        ({"query": "select 1"}, "needs `table` or `query`"),
        ({"table": None, "query": "delete from grants"}, "is not one SELECT"),
        ({"table": None, "query": "select 1; drop table grants"}, "is not one SELECT"),
        ({"batchRows": 0}, "is no number of rows"),
        ({"items": "/data"}, "items: means nothing for a database"),
        ({"skipRows": 1}, "skipRows: means nothing for a database"),
        ({"auth": {"scheme": "bearer", "secret": "DB"}}, "is not of the form|is unknown"),
        ({"auth": {"scheme": "password", "secret": "DB"}}, "auth/user: is missing"),
        ({"auth": {"scheme": "password", "user": "u", "secret": "hunter 2"}}, "is no secret's name"),
    ],
)
def test_a_contract_that_means_nothing_is_refused(office: Office, props: dict[str, Any], told: str) -> None:
    with pytest.raises(ContractError, match=told):
        office.contract(**props)


def test_a_table_stands_in_no_other_server(house: Any) -> None:
    with pytest.raises(ContractError, match="table: means nothing for type local"):
        load_source(house.contract(servers=[house.server(table="grants")]))
