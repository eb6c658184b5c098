"""The journal: append-only, whole lines, one shape."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import duckdb
import pytest

from brain import journal
from warehouse import views

ROW = {"gate": "arrival", "check_name": "volume", "success": True}


def test_a_row_gets_its_run_and_time_and_every_column(settings, monkeypatch):
    monkeypatch.setenv("BRAIN_RUN_ID", "run-7")
    path = journal.append(settings, "checks", [ROW])
    (row,) = journal.read(settings, "checks")
    assert list(row) == list(journal.COLUMNS["checks"])
    assert (row["run_id"], row["check_name"], row["observed"]) == ("run-7", "volume", None)
    assert datetime.fromisoformat(row["checked_at"]).tzinfo is None
    assert path.parent == settings.journal / "checks"


def test_times_are_kept_in_utc(settings):
    at = datetime(2026, 1, 1, 7, 30, tzinfo=timezone(timedelta(hours=8)))
    journal.append(settings, "models", [{"model": "m", "built_at": at}, {"model": "n", "built_at": at.isoformat()}])
    assert {r["built_at"] for r in journal.read(settings, "models")} == {"2025-12-31T23:30:00.000000"}


def test_an_unknown_column_is_an_error_and_nothing_is_written(settings):
    with pytest.raises(ValueError, match="severty"):
        journal.append(settings, "checks", [ROW, {**ROW, "severty": "hold"}])
    assert list(journal.read(settings, "checks")) == []


def test_appending_changes_no_earlier_line_and_closes_a_torn_one(settings):
    path = journal.append(settings, "checks", [ROW])
    before = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"run_id": "cut o')
    journal.append(settings, "checks", [{**ROW, "check_name": "second"}])
    assert path.read_bytes().startswith(before)
    assert [r["check_name"] for r in journal.read(settings, "checks")] == ["volume", "second"]


def test_duckdb_reads_the_same_rows_and_skips_the_torn_line(settings):
    journal.ensure(settings, "checks")
    with duckdb.connect() as con:
        con.execute("create schema raw")
        views._journal(con, settings, "checks")
        assert con.execute("select count(*) from raw.journal__checks").fetchone() == (0,), (
            "an empty journal is no error"
        )
        described = con.execute("describe raw.journal__checks").fetchall()
        assert {c[0]: c[1] for c in described} == journal.COLUMNS["checks"]
        path = journal.append(settings, "checks", [{**ROW, "observed": '一 "二"\n'}])
        with path.open("ab") as file:
            file.write(b'{"run_id": "cut o')
        assert con.execute("select observed from raw.journal__checks").fetchall() == [('一 "二"\n',)]
        assert json.loads(path.read_text().splitlines()[0])["success"] is True
