"""A workbook is read in a child process: whatever it does there, the run gets rows or a clear error."""

from __future__ import annotations

import io
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from brain.errors import PayloadError
from ingest import workbook
from ingest.workbook import read_workbook


@pytest.fixture(autouse=True)
def _a_child_of_its_own() -> Iterator[None]:
    """Limits count from the start of a child."""
    workbook.end_children()
    yield
    workbook.end_children()


def book(*rows: list[Any], sheet: str = "Sheet1") -> bytes:
    made = openpyxl.Workbook()
    made.active.title = sheet
    for row in rows:
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_cells_come_as_text():
    day, minute = date(2024, 2, 29), datetime.fromisoformat("2024-02-29T12:30")
    content = book(["a", 12, 12.5, 3.0, True, day, minute, None, "=1+1"])
    [(where, cells)] = list(read_workbook(content))
    assert where == "Sheet1!1"
    assert cells[:5] == ["a", "12", "12.5", "3", "True"]
    assert cells[5:8] == ["2024-02-29T00:00:00", "2024-02-29T12:30:00", None]
    assert cells[8] == "\0=1+1", "a formula that no program has worked out has no value"


def test_a_formula_that_came_to_the_empty_text_is_blank():
    """`=IF(B2="","",B2)`: Excel keeps the empty text it came to (t="str"); a formula never worked out has no type."""
    written = {b"A1": b' t="str"', b"B1": b"", b"C1": b' t="str"'}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book(['=""', '=""', '="x"', "y"]))) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            text = old.read(member)
            for cell, type_ in written.items() if "sheet1" in member.filename else ():
                value = b"x" if cell == b"C1" else b""
                text, n = re.subn(
                    rb'<c r="%s"( s="\d+")?>(<f>.*?</f>)<v ?/?>(</v>)?</c>' % cell,
                    rb'<c r="%s"%s>\2<v>%s</v></c>' % (cell, type_, value),
                    text,
                )
                assert n == 1
            new.writestr(member, text)
    assert [c for _, c in read_workbook(out.getvalue())] == [[None, '\0=""', "x", "y"]]


def test_empty_rows_are_left_out_and_counted():
    assert [w for w, _ in read_workbook(book(["a"], [], ["b"]))] == ["Sheet1!1", "Sheet1!3"]


def test_short_rows_are_as_wide_as_the_sheet():
    assert [c for _, c in read_workbook(book(["a", "b", "c"], ["1"]))] == [["a", "b", "c"], ["1", None, None]]


def test_no_workbook_is_an_error():
    with pytest.raises(PayloadError, match="the workbook cannot be read") as e:
        list(read_workbook(b"PK\x03\x04 and then nothing"))
    assert "xlsx" in e.value.hint


def test_an_old_or_other_archive_is_an_error():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hello.txt", "not a workbook")
    with pytest.raises(PayloadError, match="the workbook cannot be read"):
        list(read_workbook(out.getvalue()))


def test_the_error_does_not_quote_cells():
    content = bytearray(book(["13812345678"] * 50))
    content[len(content) // 2] ^= 0xFF
    try:
        list(read_workbook(bytes(content)))
    except PayloadError as e:
        assert "138" not in e.message


def test_a_sheet_that_eats_memory_ends_its_child_alone(monkeypatch: pytest.MonkeyPatch):
    """One cell of 400 MiB is a file of 400 KiB, and more than the child may hold."""
    monkeypatch.setattr(workbook, "MEMORY_BYTES", 256 * 1024**2)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book(["cell"]))) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            before, found, after = old.read(member).partition(b"cell")
            with new.open(member.filename, "w") as file:
                file.write(before)
                for _ in range(400 if found and "sheet" in member.filename else 0):
                    file.write(b"x" * 1024**2)
                file.write(after)
    assert len(out.getvalue()) < 1024**2
    with pytest.raises(PayloadError, match="the workbook cannot be read"):
        list(read_workbook(out.getvalue()))


def test_a_child_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workbook, "WALL_SECONDS", 0.01)
    with pytest.raises(PayloadError, match="not read within"):
        list(read_workbook(book(["a"])))


def test_one_child_reads_many_and_another_follows_one_that_died(monkeypatch: pytest.MonkeyPatch):
    list(read_workbook(book(["a"])))
    [first] = workbook._idle
    assert [c for _, c in read_workbook(book(["b"]))] == [["b"]] and workbook._idle == [first]
    with pytest.raises(PayloadError, match="BadZipFile"):
        list(read_workbook(b"no workbook"))
    assert workbook._idle == [first], "what cannot be read does not cost the child"
    first.process.kill()
    first.process.wait()
    assert [c for _, c in read_workbook(book(["c"]))] == [["c"]]
    [second] = workbook._idle
    assert second is not first
    monkeypatch.setattr(workbook, "BOOKS", 1)
    assert [c for _, c in read_workbook(book(["d"]))] == [["d"]] and workbook._idle != [second]
    assert second.process.poll() is not None


def test_two_workbooks_may_be_read_side_by_side():
    """Rows come while the child reads on, so each reading has a child of its own."""
    rows = [[f"{i}", "x" * 500] for i in range(1000)]  # more than a pipe holds
    one, other = read_workbook(book(*rows)), read_workbook(book(*reversed(rows)))
    assert [(a, b) for (_, (a, _)), (_, (b, _)) in zip(one, other, strict=True)] == [
        (f"{i}", f"{999 - i}") for i in range(1000)
    ]


def test_the_child_of_a_reading_that_was_given_up_is_ended():
    rows = read_workbook(book(*([f"{i}", "x" * 500] for i in range(1000))))
    assert next(rows)[0] == "Sheet1!1"
    process = rows.gi_frame.f_locals["child"].process
    rows.close()
    assert process.poll() is not None and workbook._idle == []


def open_paths(pid: int) -> set[str]:
    """What a process holds open by a path of a disk, also where the path is gone."""
    found = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # of this listing itself
            found.add(str(fd.readlink()))
    return {f for f in found if f.startswith("/") and not f.startswith(("/dev/", "/memfd:"))}


def test_no_clear_copy_of_a_workbook_touches_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither a file of a name nor one without: a disk keeps what was in both."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = open_paths(os.getpid())
    rows = read_workbook(book(*(["61012219900101123X", "x" * 500] for _ in range(1000))))
    next(rows)  # it stands in mid-reading
    child = rows.gi_frame.f_locals["child"].process.pid
    assert open_paths(os.getpid()) <= before and open_paths(child) == set()
    assert list(tmp_path.iterdir()) == []
    rows.close()


def test_a_wrong_size_of_a_sheet_is_not_believed():
    out = io.BytesIO()
    content = book(*([str(i), "x"] for i in range(5)))
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            new.writestr(member, old.read(member).replace(b'ref="A1:B5"', b'ref="A1"'))
    assert out.getvalue() != content and len(list(read_workbook(out.getvalue()))) == 5


def test_a_workbook_that_unpacks_to_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch):
    content = book(*([f"{i} " + "x" * 1000] for i in range(300)))
    assert len(list(read_workbook(content))) == 300
    monkeypatch.setattr(workbook, "UNPACKED_BYTES", 20_000)
    assert len(content) < 20_000
    with pytest.raises(PayloadError, match="unpacks to more than 20,000 bytes"):
        list(read_workbook(content))


def test_a_hundred_thousand_merged_ranges_are_enough():
    out = io.BytesIO()
    ranges = b"".join(b'<mergeCell ref="A%d:B%d"/>' % (i, i) for i in range(1, workbook.MERGED_RANGES + 3))
    with zipfile.ZipFile(io.BytesIO(book(["a"]))) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            more = b"</sheetData><mergeCells>" + ranges + b"</mergeCells>"
            new.writestr(member, old.read(member).replace(b"</sheetData>", more))
    with pytest.raises(PayloadError, match="more than 100000 merged ranges"):
        list(read_workbook(out.getvalue()))
