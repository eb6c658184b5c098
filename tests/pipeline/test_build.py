"""The build: only committed batches, whole or not at all, the same content every time."""

from __future__ import annotations

import fcntl
import json
import shutil

import duckdb
import pytest

from brain.errors import LockedError
from ingest.ledger import Ledger, LedgerEntry
from warehouse import connect, content, state
from warehouse.build import BuildError, as_of_date

# dbt leaves its log file open.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def hashes(small_house) -> dict[str, str]:
    manifest = content.read_manifest(state.manifest_path(small_house.settings))
    return content.content_hashes(small_house.settings.warehouse_dir, manifest)


def raw(house, sql: str) -> list[tuple]:
    with connect.read_only(house.settings.warehouse_dir / "brain.duckdb", allow=[house.settings.home]) as con:
        return con.execute(sql).fetchall()


def test_raw_holds_every_version(built_house):
    columns = "lab_code, lab_name, _batch, _change, _version, _is_current, _is_withdrawn"
    keys = "('labs:lab:L1', 'labs:lab:L10', 'labs:lab:L11')"
    first, second = (e.seq for e in Ledger(built_house.settings).entries("labs", "lab"))
    assert raw(
        built_house, f"select {columns} from raw.labs__lab where _record_id in {keys} order by _record_id, _version"
    ) == [
        ("L1", "第1实验室", first, "upsert", 1, False, False),
        ("L1", "新名实验室", second, "upsert", 2, True, False),
        ("L10", "第10实验室", first, "upsert", 1, False, False),
        (None, None, second, "withdrawn", 2, True, True),
        ("L11", "第11实验室", second, "upsert", 1, True, False),
    ]


def test_every_model_is_reported_with_its_rows(built_house):
    models = {m["name"]: m for m in state.read_build(built_house.settings).models}
    assert {m["status"] for m in models.values()} == {"success"}
    rows = {name: m["rows"] for name, m in models.items()}
    assert rows["dim_labs"] == 10, "ten current laboratories"
    assert rows["record_proofs"] == 11, "and one that was withdrawn"
    assert rows["stg_labs__lab"] is None, "a view has no rows of its own"


def test_a_record_type_without_a_batch_is_an_empty_typed_relation(built_house):
    with duckdb.connect(str(built_house.settings.warehouse_dir / "official.duckdb"), read_only=True) as con:
        assert con.execute("describe fct_visits").fetchall()[1][:2] == ("visited_on", "DATE")
        assert con.execute("select count(*) from fct_visits").fetchone() == (0,)


def test_ledger_payloads_and_quarantine_stand_beside_the_records(built_house):
    batches = raw(
        built_house,
        "select seq, received, new, unchanged, withdrawn, quarantined, fetch_id from raw.ledger__batches "
        "where record = 'lab' order by seq",
    )
    assert [b[1:6] for b in batches] == [(11, 10, 0, 0, 1), (10, 2, 8, 1, 0)]
    refused = raw(built_house, "select quarantine_id, source, record, batch, reasons from raw.quarantine__records")
    first = batches[0][0]
    assert refused == [(f"{first}-1", "labs", "lab", first, ["pattern:lab_code"])]
    payloads = raw(built_house, "select fetch_id, url, length(stored_sha256) from raw.ledger__payloads order by url")
    assert [p[0] for p in payloads] == [b[6] for b in batches]
    assert [p[1].rsplit("_", 1)[1] for p in payloads] == ["2024-01-01.csv", "2025-01-01.csv"]
    assert {p[2] for p in payloads} == {64}


def test_build_json_says_what_was_built(built_house):
    built = json.loads(state.build_path(built_house.settings).read_text())
    ledger = Ledger(built_house.settings)
    head = ledger.head()
    assert (built["ledger_size"], built["ledger_root"]) == (head.size, head.root)
    assert built["as_of"] == as_of_date(ledger.entries())
    assert not list(built_house.settings.warehouse_dir.glob("*.wal"))
    assert not (built_house.settings.warehouse_dir / "next").exists()


def test_the_journal_knows_the_run(built_house):
    rows = raw(
        built_house, "select model, status, row_count from raw.journal__models where run_id = 'run-of-this-test'"
    )
    assert ("dim_labs", "success", 10) in rows


def test_as_of_is_the_day_in_xian_of_the_newest_batch():
    entry = LedgerEntry(1, "committed", "s", "r", "2026-03-01T16:30:00.000000+00:00", "{}", "")
    held = LedgerEntry(2, "held", "s", "r", "2026-05-01T00:00:00.000000+00:00", "{}", "")
    assert as_of_date([entry, held]) == "2026-03-02"
    assert as_of_date([]) == "1970-01-01"


def test_files_without_an_entry_are_not_read(small_house):
    small_house.deliver("2024-01-01", small_house.labs(3))
    folder = small_house.settings.raw / "labs" / "lab"
    committed = next(folder.rglob("*.parquet"))
    (folder / "batch=000099").mkdir()
    shutil.copy(committed, folder / "batch=000099" / committed.name)
    small_house.build()
    assert raw(small_house, "select count(*) from raw.labs__lab") == [(3,)]


def test_a_warehouse_built_again_from_nothing_says_the_same(small_house):
    small_house.deliver("2024-01-01", small_house.labs(50))
    small_house.deliver("2025-01-01", small_house.labs(55, budget=101.0))
    small_house.build()
    before = hashes(small_house)
    shutil.rmtree(small_house.settings.warehouse_dir)
    shutil.rmtree(small_house.settings.home / "dbt")
    small_house.build()
    assert hashes(small_house) == before
    assert set(before) == {
        "official.dim_labs",
        "official.fct_visits",
        "audit.audit_lab_heads",
    }  # none that describes runs


def test_another_content_has_another_hash_and_only_there(small_house):
    small_house.deliver("2024-01-01", small_house.labs(5))
    small_house.build()
    before = hashes(small_house)
    changed = small_house.labs(5)
    changed[2] = (*changed[2][:4], "李某新")  # only the head, which the official mart does not hold
    small_house.deliver("2025-01-01", changed)
    small_house.build()
    after = hashes(small_house)
    assert after["audit.audit_lab_heads"] != before["audit.audit_lab_heads"]
    assert after["official.fct_visits"] == before["official.fct_visits"]


def test_a_failing_model_names_itself_and_leaves_the_last_build(small_house):
    small_house.deliver("2024-01-01", small_house.labs(3))
    small_house.build()
    last = state.build_path(small_house.settings).read_text()
    (small_house.project / "models" / "dim_labs.sql").write_text(
        "select cast(head_name as integer) as lab_code from {{ ref('stg_labs__lab') }}"
    )
    with pytest.raises(BuildError, match=r"model dim_labs: .*Conversion Error") as failure:
        small_house.build()
    assert "王某" not in str(failure.value), "an error of the database quotes the value it stumbled over"
    assert {r.name: r.status for r in failure.value.models}["dim_labs"] == "error"
    assert state.build_path(small_house.settings).read_text() == last
    assert state.require_build(small_house.settings)


def test_a_failing_test_names_itself(small_house):
    small_house.deliver("2024-01-01", small_house.labs(3))
    (small_house.project / "models" / "dim_labs.sql").write_text(
        "select 'L1' as lab_code from {{ ref('stg_labs__lab') }}"
    )
    with pytest.raises(BuildError, match="test unique_dim_labs_lab_code"):
        small_house.build()
    assert state.read_build(small_house.settings) is None


def test_a_removed_model_leaves_no_ghost(small_house):
    small_house.deliver("2024-01-01", small_house.labs(3))
    small_house.build()
    (small_house.project / "models" / "fct_visits.sql").unlink()
    small_house.build()
    with duckdb.connect(str(small_house.settings.warehouse_dir / "official.duckdb"), read_only=True) as con:
        assert con.execute("select table_name from duckdb_tables() order by 1").fetchall() == [
            ("dim_labs",),
            ("record_proofs",),
        ]


def test_one_writer_at_a_time(small_house):
    small_house.deliver("2024-01-01", small_house.labs(3))
    with connect.writer_lock(small_house.settings, "publish"), pytest.raises(LockedError, match="brain publish"):
        small_house.build()
    assert LockedError("").exit_code == 75


def test_a_lock_file_left_behind_locks_nobody_out(small_house):
    small_house.deliver("2024-01-01", small_house.labs(3))
    small_house.settings.run_dir.mkdir(exist_ok=True)
    (small_house.settings.run_dir / "warehouse.lock").write_text('{"pid": 1, "purpose": "build"}')
    small_house.build()
    with (small_house.settings.run_dir / "warehouse.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
