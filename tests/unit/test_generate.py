"""dbt's sources derive from the contracts, whole."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from brain.settings import ROOT
from ingest import generate
from ingest.contract import load_sources


def test_the_committed_file_is_what_the_contracts_say():
    command = [sys.executable, "-m", "ingest.generate", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_file_that_says_something_else_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    before = generate.TARGET.read_bytes()
    monkeypatch.setattr(generate, "sources_yaml", lambda sources: "another text")
    assert generate.main(["--check"]) == 1
    assert "python -m ingest.generate" in capsys.readouterr().err
    assert generate.TARGET.read_bytes() == before, "--check only looks"


def test_a_table_has_the_columns_of_its_contract_and_says_who_edits_it(house):
    house.contract(
        [
            house.field("id", key=1),
            house.field("amount", "number", props={"unit": "万元"}),
            house.field("phone", classification="personal", props={"mask": "phone"}),
        ]
    )
    text = generate.sources_yaml(load_sources(house.settings))
    assert text.splitlines()[0].startswith("# Generated from ingest/sources/")
    [source] = yaml.safe_load(text)["sources"]
    table = next(t for t in source["tables"] if t["name"] == "toy__thing")
    columns = {c["name"]: c for c in table["columns"]}
    assert list(columns)[:4] == ["amount", "id", "phone", "phone_pseudonym"]
    assert {"_record_id", "_content_hash", "_batch", "_version", "_is_current", "_is_withdrawn"} <= set(columns)
    assert columns["amount"]["config"]["meta"] == {"label": "amount标签", "classification": "public", "unit": "万元"}
    assert columns["phone"]["config"]["meta"]["classification"] == "personal"
    assert columns["phone_pseudonym"]["config"]["meta"] == {"label": "phone标签假名", "classification": "internal"}
    assert {"ledger__batches", "quarantine__records"} <= {t["name"] for t in source["tables"]}
