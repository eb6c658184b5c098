"""The build: only committed batches, whole or not at all, the same content every time."""

from __future__ import annotations

import fcntl
import json
import shutil
from dataclasses import replace
from importlib import metadata

import duckdb
import pytest

from brain.errors import BrainError, LockedError
from brain.settings import Settings
from ingest.ledger import Ledger, LedgerEntry
from ingest.run import ingest_source
from warehouse import connect, content, publish, state
from warehouse.build import BuildError, as_of_date, code_version, today, without_values

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


def test_rules_count_from_the_day_that_is_given_else_from_the_stand_in_citys_own(tmp_path):
    entries = [LedgerEntry(1, "committed", "s", "r", "2026-11-01T00:00:00.000000+00:00", "{}", "")]
    settings = Settings.from_env({"BRAIN_HOME": str(tmp_path)})
    assert today(settings, entries) == "2026-11-01"
    settings.demo_calendar.parent.mkdir(parents=True)
    settings.demo_calendar.write_text('{"day": 3, "today": "2026-07-03"}')
    assert today(settings, entries) == "2026-07-03"
    assert today(settings, []) == "1970-01-01"
    assert today(replace(settings, profile="open"), entries) == "2026-11-01"
    given = Settings.from_env({"BRAIN_HOME": str(tmp_path), "BRAIN_AS_OF": "2026-01-02"})
    assert today(given, entries) == "2026-01-02"


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
    told = [p for p in small_house.settings.home.rglob("*") if p.suffix in (".json", ".log", ".txt")]
    assert small_house.settings.home / "dbt" / "target" / "manifest.json" in told
    assert [p for p in told if "王某" in p.read_text(encoding="utf-8")] == [], "nor do dbt's own files keep it"
    assert not list(small_house.project.rglob("*.log"))
    assert {r.name: r.status for r in failure.value.models}["dim_labs"] == "error"
    assert state.build_path(small_house.settings).read_text() == last
    assert state.require_build(small_house.settings)


@pytest.mark.parametrize(
    "sql",
    [
        "select cast(v as integer) from (select '王\"某''\n王某' as v)",
        "select cast('王某' as date)",
        "select cast('王某' as json)",
        "select json_extract('{王某', '$.a')",
        "select strptime('王某', '%Y-%m-%d')",
        "select error('王某')",
        "select 1 where error('Binder Error: 王某') is null",
        "create temp table t (a varchar primary key); insert into t values ('王某'), ('王某')",
        "create temp table t (a varchar check (a <> '王某')); insert into t values ('王某')",
        "from (pivot (select '王某' as v, 1 as n) on v using sum(n)) select a",
    ],
)
@pytest.mark.parametrize("prefix", ["", "Database Error in model m (models/m.sql)\n  ", "Runtime Error\n  Hm: "])
def test_no_error_of_the_database_gives_a_value_away(sql, prefix):
    with connect.memory() as con, pytest.raises(duckdb.Error) as failure:
        con.execute(sql).fetchall()
    said = without_values(prefix + str(failure.value))
    assert "王" in str(failure.value) and "王" not in said
    assert " Error" in said.removeprefix("Database Error in model m").removeprefix("Runtime Error"), "its class is kept"
    assert "models/m.sql" in said or "models/m.sql" not in prefix


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Got 3 results, configured to fail if != 0", "Got 3 results, configured to fail if != 0"),
        ('Binder Error: Referenced column "a" not found!\nCandidate bindings: "b"', 'Referenced column "a" not found!'),
        ("Constraint Error: NOT NULL constraint failed: dim_labs.head", "NOT NULL constraint failed: dim_labs.head"),
        ("Conversion Error: 'x'\n\nLINE 12: select 'x'", "Conversion Error LINE 12"),
        ("Compilation Error in model m (models/m.sql)\n  'foo' is undefined", "(models/m.sql) 'foo' is undefined"),
        ("unknown wording 'a' and 'b', \"c\", as it is", "unknown wording '…', \"…\", as it is"),
    ],
)
def test_what_is_no_value_is_kept(message, kept):
    assert kept in without_values(message)


def test_the_version_is_that_of_the_installed_project():
    assert code_version().split("+")[0] == metadata.version("science-brain")


def test_a_batch_committed_while_a_build_starts_belongs_to_the_next_one(small_house, monkeypatch):
    small_house.deliver("2024-01-01", small_house.labs(3))
    ledger = Ledger(small_house.settings)
    before, entries = ledger.head(), Ledger.entries

    def read(self, *given):
        found = entries(self, *given)
        monkeypatch.setattr(Ledger, "entries", entries)
        small_house.deliver("2025-01-01", small_house.labs(4))
        return found

    monkeypatch.setattr(Ledger, "entries", read)
    small_house.build()
    built = state.read_build(small_house.settings)
    assert ledger.head().size > before.size
    assert (built.ledger_size, built.ledger_root) == (before.size, before.root)
    assert raw(small_house, "select count(*) from raw.labs__lab") == [(3,)]


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


def test_a_file_gone_bad_leaves_the_release_as_it_was(small_house):
    """A delivery in the wrong encoding fails, one that shrank is held: what officials read stays, byte by byte."""
    released = small_house.release("2024-01-01", small_house.labs(40))
    labs = small_house.query("select * from dim_labs order by 1")
    assert len(labs) == 40

    def unchanged() -> None:
        assert publish.current(small_house.settings) == released
        notes = json.loads((released.path / "release.json").read_text(encoding="utf-8"))
        assert {n: state.sha256_file(released.path / n) for n in notes["files"]} == notes["files"]
        assert small_house.query("select * from dim_labs order by 1") == labs

    head = Ledger(small_house.settings).head()
    (small_house.settings.drop / "labs_2024-01-01.csv").unlink()
    bad = small_house.settings.drop / "labs_2025-01-01.csv"
    bad.write_bytes("code,name,field,budget,head,visited\nL1,第一实验室,光子,1,王某,\n".encode("gb18030"))
    with pytest.raises(BrainError, match="is not utf-8"):
        ingest_source(small_house.settings, "labs")
    assert Ledger(small_house.settings).head() == head, "nothing of it is committed"
    unchanged()
    small_house.build()
    small_house.check()
    assert small_house.publish() == released, "a run over what is left has nothing new to say"
    unchanged()
    (batch,) = small_house.deliver("2025-02-01", small_house.labs(3))
    assert batch.held
    small_house.build()
    small_house.check()
    assert small_house.publish().content_hash == released.content_hash
    assert small_house.query("select * from dim_labs order by 1") == labs
