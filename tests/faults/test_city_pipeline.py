"""From the stand-in's systems to committed batches: exactly the planted dirt is refused, no fault leaves a gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from brain.errors import FetchError
from brain.settings import Settings
from demo.server import CityServer, serve
from ingest.contract import load_sources
from ingest.fetch import http as http_module
from ingest.ledger import Ledger
from ingest.quarantine import list_items
from ingest.run import ingest_source, uncommitted

REGISTERS = {
    "pds": ("project", "talent"),
    "market": ("institution",),
    "carriers": ("platform",),
    "integrity": ("case",),
}


@pytest.fixture(autouse=True)
def _quick(open_gate, monkeypatch):
    monkeypatch.setattr(http_module, "BACKOFF_SECONDS", 0.01)


@contextmanager
def city(root: Path, *faults: str, seed: int = 1) -> Iterator[tuple[Settings, CityServer]]:
    """A city, and the settings of a house that reads it."""
    with serve(0, seed, 1, secrets_dir=root / "secrets", faults=faults) as server:
        env = {"BRAIN_HOME": str(root / "var"), "BRAIN_SECRETS": str(root / "secrets"), "BRAIN_DEMO_URL": server.url}
        yield Settings.from_env(env), server


@pytest.mark.parametrize("seed", [1, 2])
def test_exactly_the_planted_rows_are_refused(tmp_path, seed):
    from demo.city import City
    from demo.registers import Registers

    registers = Registers(City(seed, 1))
    with city(tmp_path, seed=seed) as (settings, _):
        for source, records in REGISTERS.items():
            for batch in ingest_source(settings, source):
                assert batch.received == len(registers.rows(batch.record))
                assert batch.received == batch.new + batch.unchanged + batch.quarantined
            for record in records:
                refused = [i for i in list_items(settings, source) if i["record"] == record]
                planted = registers.planted(record)
                if load_sources(settings)[source].is_personal:  # there a strange name may be a person's datum
                    planted = [(k, "unknown_field:?" if r.startswith("unknown_field") else r) for k, r in planted]
                assert Counter(r for i in refused for r in i["reasons"]) == Counter(reason for _, reason in planted)
                # a row with an unannounced field is refused before its key is read
                keyed = [
                    f"{source}:{record}:{key}" for key, reason in planted if not reason.startswith("unknown_field")
                ]
                assert Counter(i["record_id"] for i in refused if i["record_id"]) == Counter(keyed)


def test_a_second_run_asks_only_for_what_changed(tmp_path):
    with city(tmp_path) as (settings, server):
        first = ingest_source(settings, "pds")
        server.requests.clear()
        second = ingest_source(settings, "pds")
        assert all("updated_since=" in r for r in server.requests)
    assert [b.new for b in second] == [0, 0]
    assert sum(b.received for b in second) < sum(b.received for b in first) / 100


def test_a_source_that_moves_once_is_read_once_more(tmp_path):
    said: list[str] = []
    with city(tmp_path, "moving-total:/market@2") as (settings, server):
        (batch,) = ingest_source(settings, "market", progress=said.append)
        assert batch.received == len(server.encoded("institution")[0])
        assert len(server.requests) == 2 + 3
        assert uncommitted(settings, Ledger(settings).entries()) == []
    assert any("reading it once more" in s for s in said)


@pytest.mark.parametrize(
    "faults",
    [
        ("reset:/market@3x0",),
        ("truncated-gzip:/market@3x0",),
        ("half-page:/market@3x0",),
        ("401:/market@3x0",),
        ("wrong-total:/marketx0",),
        ("moving-total:/market@2", "moving-total:/market@4"),  # it moves in both readings
    ],
    ids=lambda faults: faults[0].partition(":")[0],
)
def test_a_fault_leaves_the_last_state_as_it_was(tmp_path, faults):
    with city(tmp_path) as (settings, _):
        ingest_source(settings, "market")
        before = [e.leaf for e in Ledger(settings).entries()]
    with city(tmp_path, *faults) as (settings, _):
        with pytest.raises(FetchError):
            ingest_source(settings, "market")
        ledger = Ledger(settings)
        assert [e.leaf for e in ledger.entries()] == before
        assert uncommitted(settings, ledger.entries()) == []
    with city(tmp_path) as (settings, _):
        (batch,) = ingest_source(settings, "market")
        assert (batch.new, batch.withdrawn) == (0, 0)


def test_a_source_that_is_down_leaves_the_others_alone(tmp_path):
    with city(tmp_path) as (settings, _):
        ingest_source(settings, "carriers")
    with pytest.raises(FetchError, match="market/institutions: cannot be reached"):
        ingest_source(settings, "market")
    assert {e.source for e in Ledger(settings).entries()} == {"carriers"}


def test_no_personal_value_is_stored_in_the_clear(tmp_path):
    with city(tmp_path) as (settings, server):
        ingest_source(settings, "pds")
        ingest_source(settings, "integrity")
        from demo.registers import Registers

        registers = Registers(server.city)
        talents = registers.rows("talent")
        plain = [t[name].encode() for t in talents[:100] for name in ("idNumber", "phone", "email", "homeAddress")]
        plain += [c["subject_id_number"].encode() for c in registers.rows("case") if c["subject_id_number"]][:50]
    stored = _readable(settings.home)
    assert len(plain) > 400
    assert len(stored) > 100_000
    assert not [p for p in plain if p in stored]
    # the search would find what is there: masks keep the last four digits
    assert b"999***********" in stored


def _readable(home: Path) -> bytes:
    """Everything below a folder, with Parquet files opened."""
    import duckdb

    parts = []
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        parts.append(path.read_bytes())
        if path.suffix == ".parquet":
            with duckdb.connect() as con:
                rows = con.execute(f"SELECT to_json(t) FROM read_parquet('{path}') t").fetchall()
            parts += [r[0].encode() for r in rows]
    return b"\n".join(parts)
