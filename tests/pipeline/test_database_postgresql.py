"""A real PostgreSQL is read from YAML alone: exact values, one state, only what changed, and no secret anywhere."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from brain.errors import FetchError
from brain.settings import ROOT
from ingest.contract import load_source
from ingest.fetch import FetchContext, Payload
from ingest.fetch.database import fetch_database
from ingest.landing import Segment
from ingest.ledger import Ledger

pytestmark = pytest.mark.usefixtures("open_gate")

PASSWORD = "a pass/word: @ ü"
ROWS = 2000


@pytest.fixture(scope="session")
def archive(postgresql: Any) -> Any:
    """A database of loans of an invented archive, with one login that may read."""
    postgresql.create(
        "archive",
        "clerk",
        PASSWORD,
        "create table loans (id bigint primary key, sum numeric(20, 4), at timestamptz, local timestamp, due date)",
        f"""insert into loans select n, n / 8.0, timestamptz '2026-01-01 08:00+08' + n * interval '1 hour',
            timestamp '2026-01-01 08:00' + n * interval '1 hour', date '2026-01-01' + (n / 24)::int
            from generate_series(1, {ROWS}) n""",
        """create table odd (id int, n numeric, r float8, small float4, b bytea, d date, t timestamptz, l timestamp,
            i interval, j json, jb jsonb, u uuid, a int[], ok boolean, s text, nothing text)""",
        """insert into odd values
            (1, 123456789012345678901234567890.123456789, 0.1, 0.1, '\\x00ff', '0044-03-15 BC', 'infinity',
             '2026-06-30 08:00:00.123456', '1 day 02:03:04.5', E'{"a" :\\n 1.50}', '{"b": 1, "a": null}',
             '00000000-0000-0000-0000-000000000001', '{1,null,3}', true, E'甲\\t"乙"\\n', null),
            (2, 'NaN', 'NaN', '-Infinity', '', '9999-12-31', '2026-06-30 08:00+08', '12026-01-01 00:00', '0', 'null',
             'null', null, '{}', false, '', null)""",
        'create table "Mixed Case" ("Select" text, "a%b" text)',
        "insert into \"Mixed Case\" values ('x', 'y')",
        'create table notes ("when" text, id int)',
        "create sequence counter",
    )
    postgresql.run("archive", "create table closed (id int)")
    return postgresql


class Reader:
    """A house whose one source is that database."""

    def __init__(self, house: Any, port: int):
        self.house, self.port = house, port
        house.settings.secrets.mkdir(parents=True, exist_ok=True)
        (house.settings.secrets / "ARCHIVE_DB").write_text(PASSWORD + "\n", encoding="utf-8")

    def source(self, fields: list[Any], record: dict[str, Any] | None = None, **given: Any) -> Any:
        props = {"table": "loans", "auth": {"scheme": "password", "user": "clerk", "secret": "ARCHIVE_DB"}, **given}
        server = {
            "server": "main",
            "type": props.pop("type", "postgresql"),
            "environment": "open",
            "host": "127.0.0.1",
            "port": props.pop("port", self.port),
            "database": props.pop("database", "archive"),
            "schema": "public",
            "customProperties": [{"property": k, "value": v} for k, v in props.items() if v is not None],
        }
        return load_source(self.house.contract(fields, name="archive", servers=[server], **(record or {})))

    def walk(self, fields: list[Any], mark: str | None = None, **given: Any) -> Iterator[Payload]:
        source = self.source(fields, **given)
        return fetch_database(source.servers[0], FetchContext(self.house.settings, source, mark))

    def rows(self, fields: list[Any], mark: str | None = None, **given: Any) -> list[dict[str, Any]]:
        return [json.loads(line) for p in self.walk(fields, mark, **given) for line in p.body.splitlines()]

    def loan(self) -> list[Any]:
        f = self.house.field
        return [
            f("loan_no", "integer", key=1, physicalName="id"),
            f("sum_cny", "number", physicalName="sum"),
            f("changed_at", "timestamp", physicalName="at"),
            f("noted_at", "timestamp", physicalName="local"),
            f("due_date", "date", physicalName="due"),
        ]


@pytest.fixture
def reader(house: Any, archive: Any) -> Reader:
    return Reader(house, archive.port)


def test_a_table_is_ingested_from_yaml_alone(reader: Reader) -> None:
    reader.source(reader.loan(), batchRows=300)
    [batch] = reader.house.ingest("archive")
    assert (batch.received, batch.new, batch.quarantined) == (ROWS, ROWS, 0)
    [row] = reader.house.versions(
        "loan_no, sum_cny, changed_at::VARCHAR AS at, noted_at::VARCHAR AS l, due_date::VARCHAR AS due",
        name="archive",
        where="loan_no = 3",
    )
    assert row == {
        "loan_no": 3,
        "sum_cny": 0.375,
        "at": "2026-01-01 03:00:00",
        "l": "2026-01-01 11:00:00",
        "due": "2026-01-01",
    }
    [entry] = reader.house.entries()
    assert (entry.data["address"], entry.data["declared_total"], entry.data["landing"]["payloads"]) == (
        f"postgresql://127.0.0.1:{reader.port}/archive/public.loans",
        ROWS,
        7,
    )
    [again] = reader.house.ingest("archive")
    assert (again.received, again.unchanged) == (ROWS, ROWS)


def test_the_password_is_nowhere_but_among_the_secrets(reader: Reader, capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    reader.source(reader.loan())
    reader.house.ingest("archive", progress=said.append)
    needles = [PASSWORD, PASSWORD.replace(" ", "+"), "a%20pass", "pass/word", "pass%2Fword"]
    shown = "".join(said) + "".join(capfd.readouterr())
    assert not [n for n in needles if n in shown]
    files = [p for p in reader.house.settings.home.rglob("*") if p.is_file()]
    assert files and not [p for p in files for n in needles if n.encode() in p.read_bytes()]


def test_values_are_exact(reader: Reader) -> None:
    names = ("id", "n", "r", "small", "b", "d", "t", "l", "i", "j", "jb", "u", "a", "ok", "s", "nothing")
    fields = [reader.house.field(f"f_{n}", physicalName=n) for n in names]
    [payload] = reader.walk(fields, table="odd", record={"keyNote": "none"})
    first, second = payload.body.splitlines()
    assert first.decode() == (
        '{"id":1,"n":"123456789012345678901234567890.123456789","r":0.1,"small":0.1,"b":"AP8=","d":"0044-03-15 BC",'
        '"t":"infinity","l":"2026-06-30T08:00:00.123456","i":"P1DT2H3M4.5S","j":{"a" :  1.50},'
        '"jb":{"a": null, "b": 1},"u":"00000000-0000-0000-0000-000000000001","a":[1,null,3],"ok":true,'
        '"s":"甲\\t\\"乙\\"\\n","nothing":null}'
    )
    assert json.loads(second) == {
        "id": 2, "n": "NaN", "r": "NaN", "small": "-Infinity", "b": "", "d": "9999-12-31", "t": "2026-06-30T00:00:00Z",
        "l": "12026-01-01T00:00:00", "i": "PT0S", "j": None, "jb": None, "u": None, "a": [], "ok": False, "s": "",
        "nothing": None,
    }  # fmt: skip


def test_names_are_quoted_where_the_database_wants_it(reader: Reader) -> None:
    f = reader.house.field
    fields = [f("one", key=1, physicalName="Select"), f("two", physicalName="a%b")]
    assert reader.rows(fields, table="Mixed Case") == [{"Select": "x", "a%b": "y"}]
    query = 'select "Select", \'a:b\'::text as "a%b" from "Mixed Case" where "a%b" like \'%\''
    assert reader.rows(fields, table=None, query=query) == [{"Select": "x", "a%b": "a:b"}]


@pytest.mark.parametrize(
    ("column", "field", "mark", "first"),
    [
        ("at", "changed_at", "2026-03-01T00:00:00Z", 59 * 24),
        ("local", "noted_at", "2026-03-01T08:00:00Z", 59 * 24),  # without zone: read as UTC, here as in raw
        ("due", "due_date", "2026-03-01T00:00:00Z", 59 * 24),
        ("due", "due_date", "2026-03-01", 59 * 24),
    ],
)
def test_the_mark_is_compared_in_the_database(reader: Reader, column: str, field: str, mark: str, first: int) -> None:
    since = {"param": column, "field": field}
    rows = reader.rows(reader.loan(), mark, since=since, record={"delivery": "changes"})
    assert [r["id"] for r in rows] == list(range(first, ROWS + 1))


def test_only_what_changed_is_fetched(reader: Reader, archive: Any) -> None:
    archive.run("archive", "create table moving as select * from loans", "grant select on moving to clerk")
    since = {"param": "at", "field": "changed_at"}
    reader.source(reader.loan(), table="moving", since=since, record={"delivery": "changes"})
    reader.house.ingest("archive")
    archive.run("archive", "update moving set sum = 0, at = timestamptz '2026-03-25 10:00:00.5+00' where id in (7, 8)")
    [batch] = reader.house.ingest("archive")
    assert (batch.received, batch.new, batch.unchanged) == (3, 2, 1)  # the row at the mark comes once more
    archive.run("archive", "insert into moving (id, sum) values (0, 1)")
    [batch] = reader.house.ingest("archive")
    assert (batch.received, batch.new) == (3, 1), "a row without a time is not lost"


def test_everything_is_of_one_state(reader: Reader, archive: Any) -> None:
    archive.run("archive", "create table busy as select * from loans", "grant select on busy to clerk")
    came = []
    for payload in reader.walk(reader.loan(), table="busy", batchRows=500):
        if not came:
            archive.run("archive", "delete from busy where id > 600", "insert into busy (id) values (100000)")
        came += [json.loads(line)["id"] for line in payload.body.splitlines()]
    assert came == list(range(1, ROWS + 1))


def test_memory_does_not_grow_with_the_table(reader: Reader) -> None:
    def resident() -> int:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024

    query = "select n as id, repeat('x', 200) as text from generate_series(1, 500000) n"
    f = reader.house.field
    walk = reader.walk([f("id", "integer", key=1), f("text")], table=None, query=query)
    next(walk)
    begin = most = resident()
    for _ in walk:
        most = max(most, resident())
    assert most - begin < 60, "500,000 rows are above 100 MB of text, and much more as objects"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"table": "nowhere"}, "has no table nowhere"),
        ({"table": "closed"}, "user clerk may not read the table closed"),
        ({"database": "nowhere"}, "has no database nowhere"),
        (
            {"auth": {"scheme": "password", "user": "clerk", "secret": "WRONG"}},
            "refuses user clerk with the secret WRONG",
        ),
        (
            {"auth": {"scheme": "password", "user": "ghost", "secret": "WRONG"}},
            "refuses user ghost with the secret WRONG",
        ),
        ({"auth": {"scheme": "password", "user": "clerk", "secret": "ABSENT"}}, "the secret ABSENT is missing"),
        ({"auth": None}, "refuses user"),
        ({"table": None, "query": "select id, id from loans"}, "two columns id"),
        ({"table": None, "query": "select nothing from loans"}, "names a column that is not there"),
        ({"table": None, "query": "select id from from loans"}, "does not understand the query"),
        ({"table": None, "query": "select nextval('counter') as id"}, "may not read|would write"),
        (
            {"table": None, "query": "with gone as (delete from loans returning *) select * from gone"},
            "does not understand the query",
        ),
        (
            {"table": None, "query": "select id, pg_sleep(9)::text from loans", "limits": {"timeoutSeconds": 0.5}},
            "not done within 0 s|not done within 1 s",
        ),
        ({"table": "notes", "since": {"param": "when", "field": "at"}}, "the column when is no date or time"),
        ({"port": 1, "limits": {"retries": 1}}, r"connection refused\) \(2 tries\)"),
    ],
)
def test_what_is_wrong_is_told_without_a_secret(
    reader: Reader, given: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.fetch.database.BACKOFF_SECONDS", 0)
    (reader.house.settings.secrets / "WRONG").write_text("hunter2")
    f = reader.house.field
    fields = [f("id", "integer", key=1), f("at", "timestamp")]
    with pytest.raises(FetchError, match=told) as e:
        list(reader.walk(fields, "2026-01-01", **given))
    assert "hunter2" not in str(e.value) and PASSWORD not in str(e.value)


def test_the_reader_cannot_write_even_where_it_may(reader: Reader, archive: Any) -> None:
    archive.run("archive", "grant usage on sequence counter to clerk")
    with pytest.raises(FetchError, match="the query would write"):
        reader.rows([reader.house.field("id", key=1)], table=None, query="select nextval('counter') as id")
    assert archive.run("archive", "select last_value, is_called from counter") == [(1, False)]


def test_a_lock_is_told_from_slowness(reader: Reader, archive: Any) -> None:
    import psycopg2

    archive.run("archive", "create table held (id int)", "grant select on held to clerk")
    holder = psycopg2.connect(
        host="127.0.0.1", port=archive.port, dbname="archive", user="owner", password=archive.password
    )
    try:
        holder.cursor().execute("lock table held in access exclusive mode")
        with pytest.raises(FetchError, match="somebody else holds a lock"):
            reader.rows([reader.house.field("id", key=1)], table="held", limits={"timeoutSeconds": 0.6})
    finally:
        holder.close()


def test_the_example_of_the_guide_works(house: Any, archive: Any) -> None:
    page = (ROOT / "docs/sources.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^```yaml\n(servers:\n  - server: grants$.*?)^```", page, re.M | re.S)
    given = yaml.safe_load(example)
    archive.create(
        "city",
        "reader",
        "r",
        "create table grants (id int primary key, amount numeric, state text, clerk text, changed timestamptz)",
        "insert into grants select n, 1.5, 'paid', '某人', timestamptz '2026-06-01+08' + n * interval '1 day' "
        "from generate_series(1, 20) n",
    )
    given["servers"][0] |= {"host": "127.0.0.1", "port": archive.port}
    house.contract(servers=given["servers"], records=given["schema"])
    house.settings.secrets.mkdir(exist_ok=True)
    (house.settings.secrets / "CITY_DB").write_text("r")
    assert [(b.received, b.new) for b in house.ingest()] == [(20, 20)]
    archive.run("city", "update grants set state = 'deleted', changed = '2026-06-22+08' where id = 3")
    [batch] = house.ingest()
    assert (batch.received, batch.new, batch.withdrawn) == (3, 1, 1), "a day more than the mark is asked for again"
    assert len(house.current(record="grant")) == 19
    landed = b"".join(body for s in house.settings.landing.rglob("*.zst") for _, body in Segment(s).bodies())
    assert b"paid" in landed and "某人".encode() not in landed, "what is not taken is not fetched"


class Wire:
    """Passes bytes on to a server until it is cut or falls silent."""

    def __init__(self, port: int):
        self.to = port
        self.silent = threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                near, _ = self.server.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
                self.ends += [near, far]
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(a, b), daemon=True).start()
        except OSError:
            return

    def _pass(self, a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(65536):
                if self.silent.is_set():
                    return
                b.sendall(data)
        except OSError:
            return

    def cut(self) -> None:
        self.server.close()
        for end in self.ends:
            end.close()


@pytest.fixture
def wire(archive: Any) -> Iterator[Wire]:
    found = Wire(archive.port)
    yield found
    found.cut()


def test_a_server_that_falls_silent_is_given_up(reader: Reader, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """No timeout of the server reaches a reader whose server is gone."""
    monkeypatch.setattr("ingest.fetch.database.GRACE_SECONDS", 0.2)
    walk = reader.walk(reader.loan(), port=wire.port, batchRows=10, limits={"timeoutSeconds": 2})
    next(walk)
    wire.silent.set()
    with pytest.raises(FetchError, match="no answer within 2 s"):
        list(walk)


def test_a_connection_that_breaks_leaves_nothing(reader: Reader, wire: Wire) -> None:
    reader.source(reader.loan(), port=wire.port, batchRows=10)

    def cut(message: str) -> None:
        if "pages" in message:
            wire.cut()

    with pytest.raises(FetchError, match="the connection was lost"):
        reader.house.ingest("archive", progress=cut)
    assert reader.house.entries() == []
    assert not [p for p in reader.house.settings.landing.rglob("*") if p.is_file()]


def test_the_citys_money_is_the_same_from_either_database(
    postgresql: Any, new_house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its contract says of one engine holds of the other: the same records, refusals and watermarks."""
    from demo.city import City
    from demo.systems.finance import fill
    from ingest.run import ingest_source

    postgresql.run("postgres", "create database money")
    monkeypatch.setenv("PGPASSWORD", postgresql.password)
    addresses = {
        "sqlite": f"sqlite:///{tmp_path}/money.sqlite",
        "postgresql": f"postgresql://owner@127.0.0.1:{postgresql.port}/money",
    }
    found: dict[str, list[Any]] = {}
    for engine, address in addresses.items():
        sources = (ROOT / "ingest/sources",)
        settings = replace(new_house(profile="demo").settings, source_dirs=sources, demo_database=address)
        found[engine] = []
        for day in (0, 40):
            fill(City(1, 0.1, day), address)
            batches = ingest_source(settings, "finance")
            counts = [(b.record, b.received, b.new, b.unchanged, b.quarantined, b.withdrawn) for b in batches]
            reasons = [e.data["reasons"] for e in Ledger(settings).entries()[-len(batches) :]]
            watermarks = [e.data["watermark"] for e in Ledger(settings).entries()[-len(batches) :]]
            found[engine].append((counts, reasons, watermarks))
    assert found["sqlite"] == found["postgresql"]
    first, later = found["postgresql"]
    assert sum(c[1] for c in first[0]) > 5 * sum(c[1] for c in later[0]) > 0, "only what changed was asked for"
