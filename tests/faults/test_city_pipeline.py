"""From the city's systems to committed batches: exactly the planted dirt is refused, no fault leaves a gap.

Every test here asks all sources, so a new system is tested by being there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import pytest

from brain.errors import FetchError
from brain.settings import Settings
from demo import commands, systems
from demo.city import City
from demo.register import Register
from demo.server import CityServer, serve
from demo.state import State, read_state, write_state
from ingest.contract import Source, load_sources
from ingest.fetch import http as http_module
from ingest.ledger import Ledger, live_entries
from ingest.quarantine import list_items
from ingest.raw import relation_sql
from ingest.run import Batch, ingest_source, uncommitted

SOURCES = sorted({cls.source for cls in systems.register_types()})
ASKED = sorted({e.register.source for e in systems.endpoints().values() if e.register and e.since and not e.handler})
Truth = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def _quick(open_gate, monkeypatch):
    monkeypatch.setattr(http_module, "BACKOFF_SECONDS", 0.01)


@contextmanager
def city(
    root: Path, *faults: str, seed: int = 1, scale: float = 0.1, day: int = 0, drops: bool = False
) -> Iterator[tuple[Settings, CityServer]]:
    """A city on a day, and the settings of a house that reads it. `drops`: its files and rows are delivered too."""
    settings = Settings.from_env({"BRAIN_HOME": str(root / "var"), "BRAIN_SECRETS": str(root.parent / "secrets")})
    state = State(seed, scale, day)
    if drops:
        commands.deliver(settings, state)
    else:
        write_state(settings.home, state)
    with serve(0, home=settings.home, secrets_dir=settings.secrets, faults=faults) as server:
        yield replace(settings, demo_url=server.url), server


@cache
def city_of(state: State) -> City:
    return state.city()


def registers(settings: Settings, source: str) -> list[Register]:
    state = read_state(settings.home)
    assert state
    return [r for (name, _), r in systems.registers(city_of(state)).items() if name == source]


def current(settings: Settings, source: str, record: str) -> dict[str, tuple]:
    """Record id → what staging sees of it: current and not withdrawn, without columns about batches and versions."""
    found = load_sources(settings)[source].record(record)
    files = [
        settings.home / f["path"] for e in live_entries(Ledger(settings).entries(source, record)) for f in e.data["raw"]
    ]
    columns = ", ".join(f'"{name}"' for name, _ in found.columns)
    sql = f"SELECT _record_id, {columns} FROM ({relation_sql(found, files)}) WHERE _is_current AND NOT _is_withdrawn"
    with duckdb.connect() as con:
        return {row[0]: row[1:] for row in con.execute(sql).fetchall()}


def last_state(source: Source, record: str, batches: list[Batch]) -> list[Batch]:
    """The batches that together are what a register delivers today: of a snapshot the last one."""
    own = [b for b in batches if b.record == record]
    return own[-1:] if source.record(record).delivery == "snapshot" else own


def planted_as_refused(source: Source, register: Register) -> Truth:
    """Record id and reason of every row that must be refused, as the quarantine names them."""
    found = []
    for row, reason in register.walk():
        if reason:
            if source.is_personal and reason.startswith(
                "unknown_field"
            ):  # there a strange name may be somebody's datum
                reason = "unknown_field:?"
            # a row with an unannounced field is refused before its key is read
            found.append(("" if reason.startswith("unknown_field") else register.record_id(row), reason))
    return sorted(found)


@pytest.fixture(scope="module", params=[(1, 1), (2, 0.3)], ids=["seed 1, scale 1", "seed 2, scale 0.3"])
def whole(request, tmp_path_factory):
    """A whole city that all sources are asked of, one after the other, by one house."""
    seed, scale = request.param
    with city(tmp_path_factory.mktemp("whole") / "house", seed=seed, scale=scale, drops=True) as (settings, _):
        yield settings


@pytest.mark.parametrize("source", SOURCES)
def test_exactly_the_planted_rows_are_refused(whole, source):
    settings = whole
    contract = load_sources(settings)[source]
    batches = ingest_source(settings, source)
    assert {b.record for b in batches} >= {r.record for r in registers(settings, source)}
    assert all(b.received == b.new + b.unchanged + b.quarantined for b in batches)
    refused = list_items(settings, source)
    for register in registers(settings, source):
        today = last_state(contract, register.record, batches)
        assert sum(b.received for b in today) == sum(1 for _ in register.rows()), register.record
        seqs = {b.seq for b in today}
        items = [i for i in refused if i["record"] == register.record and i["batch"] in seqs]
        end = "@" if register.version else "\n"  # in a history the version stands behind the key
        found = sorted(((i["record_id"] or "").partition(end)[0], why) for i in items for why in i["reasons"])
        assert found == planted_as_refused(contract, register), register.record


@pytest.mark.parametrize("source", ASKED)
def test_a_second_run_asks_only_for_what_changed(tmp_path, source):
    with city(tmp_path) as (settings, server):
        first = ingest_source(settings, source)
        server.requests.clear()
        second = ingest_source(settings, source)
        pages = [r for r in server.requests if r.partition("?")[0] in server.endpoints]
        assert pages
        assert all("since=" in r or "from=" in r for r in pages)
        assert sum(b.new for b in second) == 0
        assert sum(b.received for b in second) < sum(b.received for b in first) / 10


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """A house that asked every source on some days of a month, another that asked on the last; what came then."""
    root = tmp_path_factory.mktemp("month")
    days = (0, 1, 10, 20, 30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("expectations.arrival.check_batch", lambda *_: [])
        for day in days:
            with city(root / "steps", day=day, drops=True) as (settings, _):
                steps = {source: ingest_source(settings, source) for source in SOURCES}
        with city(root / "once", day=days[-1], drops=True) as (other, _):
            once = {source: ingest_source(other, source) for source in SOURCES}
    return settings, other, steps, once


@pytest.mark.parametrize("source", SOURCES)
def test_day_by_day_ends_where_one_load_of_the_last_day_does(month, source):
    settings, other, *batches = month
    steps, once = (b[source] for b in batches)
    for register in registers(other, source):
        there, here = (current(s, source, register.record) for s in (other, settings))
        assert there, register.record
        assert {k for k in {*there, *here} if there.get(k) != here.get(k)} == set(), register.record
    assert sum(b.received for b in steps) <= sum(b.received for b in once)


def test_time_brings_changes_to_every_source_that_lives(tmp_path):
    """A month brings new or changed rows to every system; what it brings follows from the day alone."""
    young, old = City(1, 1), City(1, 1, 30)
    before, after = systems.registers(young), systems.registers(old)
    still = set()
    for source in SOURCES:
        changed = 0
        for name in (n for n in before if n[0] == source):
            rows = [Counter(map(repr, r[name].rows())) for r in (before, after)]
            changed += sum(((rows[0] - rows[1]) + (rows[1] - rows[0])).values())
        if not changed:
            still.add(source)
    assert still <= {"carriers", "statistics", "steward"}, "forms of a year and decisions may rest for a month"


def test_a_source_that_moves_once_is_read_once_more(tmp_path):
    said: list[str] = []
    path = "/market/contracts"
    with city(tmp_path, f"moving-total:{path}@2", scale=0.3) as (settings, server):
        batches = ingest_source(settings, "market", progress=said.append)
        register = server.city.slice(server.endpoints[path].register)
        assert sum(b.received for b in batches if b.record == register.record) == register.total()
        size = next(s.paging.size for s in load_sources(settings)["market"].servers if s.location.endswith(path))
        pages = -(-register.total() // size)
        assert pages > 2
        assert sum(r.startswith(path) for r in server.requests) == 2 + pages
        assert uncommitted(settings, Ledger(settings).entries()) == []
    assert any("reading it once more" in s for s in said)


@pytest.mark.parametrize(
    "faults",
    [
        ("reset:{path}@2x0",),
        ("truncated-gzip:{path}@2x0",),
        ("half-page:{path}@2x0",),
        ("401:{path}@2x0",),
        ("wrong-total:{path}x0",),
        ("nan:{path}@2x0",),
        ("nul:{path}@2x0",),
        ("overlap:{path}@2x0",),
        ("lost-row:{path}@2x0",),
        ("moving-total:{path}@2", "moving-total:{path}@4"),  # it moves in both readings
    ],
    ids=lambda faults: faults[0].partition(":")[0],
)
def test_a_fault_leaves_the_last_state_as_it_was(tmp_path, faults):
    path = "/market/contracts"
    with city(tmp_path) as (settings, _):
        ingest_source(settings, "market")
        before = [e.leaf for e in Ledger(settings).entries()]
    with city(tmp_path, *(f.format(path=path) for f in faults)) as (settings, _):
        with pytest.raises(FetchError):
            ingest_source(settings, "market", full=True)
        ledger = Ledger(settings)
        kept = [e for e in ledger.entries() if e.record == "contract"]
        assert [e.leaf for e in kept] == [leaf for leaf in before if leaf in {e.leaf for e in kept}]
        assert uncommitted(settings, ledger.entries()) == []
    with city(tmp_path) as (settings, _):
        batches = [b for b in ingest_source(settings, "market", full=True) if b.record == "contract"]
        assert [(b.new, b.withdrawn) for b in batches] == [(0, 0)]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("gbk", "not_utf8"),
        ("escaped-nul", "pattern:contract_no"),
        ("new-field", "unknown_field:新增字段"),
        ("missing-field", "required:updated_at"),
        ("new-codes", "code:contract_kind"),
    ],
)
def test_a_fault_in_the_contents_is_refused_row_by_row(tmp_path, kind, reason):
    """Nothing is guessed: what is not as agreed is kept aside and counted, the other rows come through."""
    with city(tmp_path, f"{kind}:/market/contracts@2") as (settings, _):
        batch = next(b for b in ingest_source(settings, "market") if b.record == "contract")
        refused = [i for i in list_items(settings, "market") if i["record"] == "contract"]
    assert batch.received == batch.new + batch.unchanged + batch.quarantined
    assert batch.quarantined == len(refused)
    assert sum(reason in i["reasons"] for i in refused) >= (1 if kind == "escaped-nul" else 10)
    assert batch.new > 300


def test_a_source_that_is_down_leaves_the_others_alone(tmp_path):
    with city(tmp_path, drops=True) as (settings, _):
        ingest_source(settings, "statistics")
    with pytest.raises(FetchError, match=r"market/.*: cannot be reached"):
        ingest_source(settings, "market")
    assert {e.source for e in Ledger(settings).entries()} == {"statistics"}


def test_no_personal_value_is_stored_in_the_clear(tmp_path):
    """Whatever a person's number, phone, address or mail is, no file of the house holds it."""
    with city(tmp_path, scale=0.3, drops=True) as (settings, server):
        sources = [s.name for s in load_sources(settings).values() if s.is_personal]
        for source in sources:
            ingest_source(settings, source)
        people = [server.city.person(n) for n in range(0, server.city.count("person"), 3)]
        plain = [v.encode() for p in people for v in (p.id_number, p.phone, p.email, p.home_address)]
    stored = _readable(settings.home)
    assert len(plain) >= 1_000
    assert len(stored) > 100_000
    assert not [p for p in plain if p in stored]
    # the search would find what is there: masks keep the last four digits
    assert b"999***********" in stored


def _readable(home: Path) -> bytes:
    """Everything below a folder, with Parquet files opened; what the city itself dropped is no part of the house."""
    parts = []
    for path in sorted(p for p in home.rglob("*") if p.is_file() and home / "demo" not in p.parents):
        parts.append(path.read_bytes())
        if path.suffix == ".parquet":
            with duckdb.connect() as con:
                rows = con.execute(f"SELECT to_json(t) FROM read_parquet('{path}') t").fetchall()
            parts += [r[0].encode() for r in rows]
    return b"\n".join(parts)
