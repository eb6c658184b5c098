"""Faults on request: how they are written, when they strike, what they leave of rows and files."""

import json
import zipfile

import openpyxl
import pytest

from demo import spoil
from demo.city import City
from demo.faults import KINDS, PASSING, STOPPING, Fault, Faults, random_plan, read_faults
from demo.register import Register, setting


class Things(Register):
    source, record, key = "toy", "thing", ("id",)
    breaks = (("required:id", setting("id", value=None)), ("code:kind", setting("kind", value="new")))


ROWS = [b'{"id":"T1","kind":"a","n":1.5}', '{"id":"T2","kind":"b","n":2,"名":"西安"}'.encode()]


def test_faults_are_read_and_strike_when_they_should():
    assert Fault.parse("429:/pds@3x2") == Fault("429", "/pds", 3, 2)
    assert Fault.parse("truncated-gzip") == Fault("truncated-gzip")
    assert Fault.parse(str(Fault("slow", "/market", 2, 0))) == Fault("slow", "/market", 2, 0)
    faults = Faults(["500:/pds@2x2", "slow:/marketx0"])
    assert [faults.strike("/pds/a") for _ in range(4)] == [set(), {"500"}, {"500"}, set()]
    assert [faults.strike("/market") for _ in range(2)] == [{"slow"}, {"slow"}]
    with pytest.raises(ValueError, match="no such fault: 'flood'"):
        Fault.parse("flood")


def test_a_random_plan_follows_its_seed():
    paths = ["/pds", "/market"]
    assert random_plan(7, paths) == random_plan(7, paths) != random_plan(8, paths)
    assert set(PASSING) | set(STOPPING) <= set(KINDS)
    plan = read_faults(["500:/pds", "random:7"], paths)
    assert plan == [Fault("500", "/pds"), *random_plan(7, paths)]
    assert {f.path for seed in range(20) for f in random_plan(seed, paths)} == set(paths)


def spoilt(kind: str) -> list[bytes]:
    return spoil.spoil_rows(frozenset({kind}), list(ROWS), Things(City(1, 0.1)))


def test_contents_are_spoilt_as_announced():
    assert spoilt("500") == ROWS
    assert all("新增字段" in json.loads(row) for row in spoilt("new-field"))
    assert [set(json.loads(row)) for row in spoilt("missing-field")] == [{"id", "kind"}, {"id", "kind", "n"}]
    assert [json.loads(row)["kind"] for row in spoilt("new-codes")] == ["new", "new"]
    assert b"\x00" in spoilt("nul")[0]
    assert "\0" in json.loads(spoilt("escaped-nul")[0])["id"]
    assert b'"n":NaN' in spoilt("nan")[0]
    assert spoilt("duplicate-key")[0].count(b'"id"') == 2
    for kind in ("nul", "escaped-nul", "nan", "duplicate-key"):
        assert spoilt(kind)[1:] == ROWS[1:], "one row is struck"
    assert spoil.spoil_rows(frozenset({"nan"}), [], Things(City(1, 0.1))) == []


def workbook(path):
    book = openpyxl.Workbook()
    for row in (("编号", "名称", "数", "备注"), ("A1", "甲", 1, "x"), ("A2", "乙", 2, "y")):
        book.active.append(row)
    book.save(path)


def test_a_formula_lands_in_a_cell(tmp_path):
    workbook(tmp_path / "a.xlsx")
    spoil.spoil_file(tmp_path / "a.xlsx", frozenset({"formula"}))
    assert openpyxl.load_workbook(tmp_path / "a.xlsx").active["D3"].value == spoil.FORMULA
    (tmp_path / "a.csv").write_bytes("编号,名称\nA1,甲\n".encode("gb18030"))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.csv", "a.csv")
    for name in ("a.csv", "a.zip"):
        spoil.spoil_file(tmp_path / name, frozenset({"formula"}))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("a.csv") == (tmp_path / "a.csv").read_bytes()
    assert "HYPERLINK" in (tmp_path / "a.csv").read_text("gb18030").splitlines()[-1]


def test_a_workbook_unpacks_to_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setattr(spoil, "BOMB_BYTES", 64 << 20)
    path = tmp_path / "a.xlsx"
    workbook(path)
    small = path.stat().st_size
    spoil.spoil_file(path, frozenset({"workbook-bomb"}))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert sum(i.file_size for i in archive.infolist()) > spoil.BOMB_BYTES
    assert path.stat().st_size < small + spoil.BOMB_BYTES // 100


@pytest.mark.parametrize(("kind", "left"), [("cut-file", b"12345,7812345"), ("empty-file", b"")])
def test_files_lose_their_end(tmp_path, kind, left):
    path = tmp_path / "a.csv"
    path.write_bytes(b"12345,78" * 4)
    spoil.spoil_file(path, frozenset({kind}))
    assert path.read_bytes() == left, "in the middle of a row"
