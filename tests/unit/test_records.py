"""Payloads become records, each with a locator that finds it again; what is no record is told, never guessed."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from brain.errors import PayloadError
from brain.keys import load_keys
from ingest.contract import Field, Record, Server, load_source
from ingest.landing import Entry
from ingest.privacy import Pseudonymiser
from ingest.records import Reader, Shape, as_utf8, content_of, csv_rows, locate


class Bench:
    """One server of a small contract and what it reads."""

    def __init__(self, house: Any, format_: str, fields: list[Any] | None = None, **server: Any):
        fields = fields or [house.field("id", key=1), house.field("title")]
        self.source = load_source(house.contract(fields, servers=[house.server(f"*.{format_}", format_, **server)]))
        self.server = self.source.servers[0]
        pseudonymiser = Pseudonymiser(load_keys(house.settings))
        self.shapes = [Shape(r, pseudonymiser) for r in self.source.records]
        self.reader = Reader(self.server, self.shapes, keep_raw=not self.source.is_personal)

    def read(self, content: bytes) -> tuple[list[tuple[str, dict[str, Any]]], list[tuple[str, str]]]:
        """(locator, values) of the records, (locator, reason) of what is none."""
        rows, rejected = [], []
        for read in self.reader.read(0, content):
            rows += [
                (p, json.loads(self.shapes[0].canonical(r))) for p, r in zip(read.pointers, read.rows, strict=True)
            ]
            rejected += [(r.pointer, r.reason) for r in read.rejected]
        return rows, rejected

    def locate(self, content: bytes, pointer: str) -> Any:
        return locate(self.server, content, pointer)


@pytest.fixture
def bench(house) -> Callable[..., Bench]:
    return lambda format_="csv", fields=None, **server: Bench(house, format_, fields, **server)


# -- csv ----------------------------------------------------------------------------------------------------------


def test_csv_locators_count_lines_and_give_the_very_bytes(bench):
    b = bench()
    content = b'id,title\r\n1,one\r\n2,"two\nlines"\r\n\r\n3,"a ""quoted"" word"\r\n'
    rows, rejected = b.read(content)
    assert rows == [
        ("L2", {"id": "1", "title": "one"}),
        ("L3-4", {"id": "2", "title": "two\nlines"}),
        ("L6", {"id": "3", "title": 'a "quoted" word'}),
    ]
    assert rejected == []
    assert b.locate(content, "L2") == b"1,one\r\n"
    assert b.locate(content, "L3-4") == b'2,"two\nlines"\r\n'
    assert b.locate(content, "L6") == b'3,"a ""quoted"" word"\r\n'


def test_an_empty_cell_is_absent_not_an_empty_text(bench):
    rows, _ = bench().read(b"id,title\n1,\n")
    assert rows == [("L2", {"id": "1"})]


def test_a_byte_order_mark_is_no_part_of_the_first_column(bench):
    content = "id,title\n1,西安\n".encode("utf-8-sig")
    b = bench(encoding="utf-8-sig")
    assert b.read(content)[0] == [("L2", {"id": "1", "title": "西安"})]
    assert b.locate(content, "L2") == "1,西安\n".encode()


def test_gbk_is_read_and_its_bytes_are_given_back(bench):
    content = "id,title\n1,西安电子科技大学\n".encode("gbk")
    b = bench(encoding="gbk")
    assert b.read(content)[0] == [("L2", {"id": "1", "title": "西安电子科技大学"})]
    assert b.locate(content, "L2") == "1,西安电子科技大学\n".encode("gbk")


def test_another_encoding_is_an_error_with_line_and_byte(bench):
    content = b"id,title\n1,a\n" + "2,西安\n".encode("gbk")
    with pytest.raises(PayloadError, match="line 3, byte 2 is not utf-8") as e:
        bench().read(content)
    assert "encoding" in e.value.hint


def test_a_nul_character_is_an_error(bench):
    with pytest.raises(PayloadError, match="line 2 holds a NUL"):
        bench().read(b"id,title\n1,a\x00b\n")


def test_an_open_quote_is_an_error(bench):
    with pytest.raises(PayloadError, match="line 2: unexpected end of data"):
        bench().read(b'id,title\n1,"never closed\n')


@pytest.mark.parametrize(("row", "cells"), [(b"2", 1), (b"2,two,three", 3)])
def test_a_ragged_row_is_refused_the_others_are_read(bench, row: bytes, cells: int):
    rows, rejected = bench().read(b"id,title\n1,one\n" + row + b"\n3,three\n")
    assert [p for p, _ in rows] == ["L2", "L4"]
    assert rejected == [("L3", f"ragged_row:{cells} of 2 cells")]


def test_a_column_twice_is_an_error(bench):
    with pytest.raises(PayloadError, match="column 'title' stands twice"):
        bench().read(b"id,title,title\n1,a,b\n")


def test_an_unknown_column_refuses_every_row(bench):
    rows, rejected = bench().read(b"id,title,extra\n1,a,b\n2,c,\n")
    assert rows == []
    assert rejected == [("L2", "unknown_field:extra"), ("L3", "unknown_field:extra")]


def test_a_nameless_column_passes_as_long_as_it_is_empty(bench):
    rows, rejected = bench().read(b"id,title,,\n1,a,,\n2,b,,surprise\n")
    assert rows == [("L2", {"id": "1", "title": "a"})]
    assert rejected == [("L3", "ragged_row:4 of 2 cells")]


def test_a_lost_header_of_personal_data_is_not_quoted(bench, house):
    """Then the first person stands where the names of the columns should be."""
    fields = [house.field("id", key=1), house.field("phone", classification="personal", props={"mask": "phone"})]
    rows, rejected = bench("csv", fields).read(b"1,13812345678\n2,13987654321\n")
    assert rows == []
    assert rejected == [("L2", "unknown_field:column 1")]


def test_a_known_alias_takes_the_place_of_the_name(bench, house):
    fields = [house.field("id", key=1, props={"aliases": ["编号"]}), house.field("title")]
    assert bench("csv", fields).read("编号,title\n7,a\n".encode())[0] == [("L2", {"id": "7", "title": "a"})]


def test_two_columns_that_are_one_field_are_an_error(bench, house):
    fields = [house.field("id", key=1, props={"aliases": ["编号"]}), house.field("title")]
    with pytest.raises(PayloadError, match="two columns are both the field id"):
        bench("csv", fields).read("id,编号,title\n1,2,a\n".encode())


def test_a_nested_value_in_a_cell_is_json(bench, house):
    fields = [house.field("id", key=1), house.field("names", "array")]
    rows, rejected = bench("csv", fields).read(b'id,names\n1,"[""a""]"\n2,[\'a\']\n3,\n')
    assert rows == [("L2", {"id": "1", "names": '["a"]'}), ("L4", {"id": "3"})]
    assert rejected == [("L3", "type:names")]


def test_a_missing_column_is_absent(bench):
    assert bench().read(b"id\n1\n")[0] == [("L2", {"id": "1"})]


def test_no_header_is_an_error(bench):
    with pytest.raises(PayloadError, match="no header row"):
        bench().read(b"\n\n")


def test_another_delimiter_and_a_second_header_row(bench):
    content = "编号;标题\nid;title\n1;a,b\n".encode()
    assert bench(delimiter=";", headerRows=2).read(content)[0] == [("L3", {"id": "1", "title": "a,b"})]


PLAIN = Server("files", "local", "open", "*.csv", "csv", "utf-8", ("thing",))
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_whatever_stands_in_cells_is_read_and_found_again(rows: list[tuple[str, str]], line_end: str):
    """Every row comes back as written, and its locator gives the bytes that Python's own writer made of it."""
    written = []
    for row in [("id", "title"), *rows]:
        text = io.StringIO()
        csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerow(row)
        written.append(text.getvalue().encode())
    content = b"".join(written)
    found = list(csv_rows(PLAIN, 0, content))
    assert [tuple(cells) for _, cells in found] == [("id", "title"), *rows]
    assert [locate(PLAIN, content, pointer) for pointer, _ in found] == written


# -- json and jsonl -----------------------------------------------------------------------------------------------


def test_jsonl_judges_every_line_by_itself(bench):
    content = (
        b'{"id":"1","title":"a"}\n\n{"id":"2",\n{"id":"3","titel":"c"}\r\n'
        b'{"id":"4","title":{"no":"scalar"}}\n{"id":"5"}'
    )
    b = bench("jsonl")
    rows, rejected = b.read(content)
    assert rows == [("L1", {"id": "1", "title": "a"}), ("L6", {"id": "5"})]
    assert [p for p, _ in rejected] == ["L3", "L4", "L5"]
    assert rejected[0][1].startswith("not_json:")
    assert rejected[1][1] == "unknown_field:titel"
    assert rejected[2][1].startswith("type:")
    assert b.locate(content, "L1") == b'{"id":"1","title":"a"}'
    assert b.locate(content, "L6") == b'{"id":"5"}'


def test_a_line_of_another_encoding_is_refused_alone(bench):
    rows, rejected = bench("jsonl").read(b'{"id":"1"}\n' + '{"id":"2","title":"西安"}\n'.encode("gbk"))
    assert rows == [("L1", {"id": "1"})]
    assert rejected == [("L2", "not_utf8")]


def test_json_is_read_at_its_pointer_and_found_again(bench):
    content = json.dumps({"meta": {"x": 1}, "data": {"items": [{"id": "1", "title": "西安"}, {"id": "2"}]}}).encode()
    b = bench("json", items="/data/items")
    assert b.read(content) == ([("/data/items/0", {"id": "1", "title": "西安"}), ("/data/items/1", {"id": "2"})], [])
    assert b.locate(content, "/data/items/1") == {"id": "2"}


def test_json_at_the_root(bench):
    b = bench("json")
    assert b.read(b'[{"id":"1"}]')[0] == [("/0", {"id": "1"})]
    assert b.locate(b'[{"id":"1"}]', "/0") == {"id": "1"}


def test_null_in_place_of_the_list_is_no_items(bench):
    """As it is for the pager; a missing list is not."""
    b = bench("json", items="/data/rows")
    assert b.read(b'{"data":{"rows":null,"count":0}}') == ([], [])
    for broken in (b'{"data":{"count":0}}', b'{"data":null}', b'{"data":{"rows":"none"}}'):
        with pytest.raises(PayloadError, match="no list at /data/rows"):
            b.read(broken)


@pytest.mark.parametrize("name", ["13812345678", "a`b", "x` - at `$.y"])
def test_an_unknown_name_beside_personal_data_is_not_quoted(bench, house, name: str):
    fields = [house.field("id", key=1), house.field("phone", classification="personal", props={"mask": "phone"})]
    line = json.dumps({"id": "1", name: "x"}).encode()
    assert bench("jsonl", fields).read(line) == ([], [("L1", "unknown_field:?")])


def test_one_bad_element_does_not_cost_the_page(bench):
    content = b'[{"id":"1"},{"id":"2","extra":true},{"id":["3"]},{"id":"4"}]'
    rows, rejected = bench("json").read(content)
    assert [p for p, _ in rows] == ["/0", "/3"]
    assert rejected[0] == ("/1", "unknown_field:extra")
    assert rejected[1][0] == "/2" and rejected[1][1].startswith("type:")


def test_a_reason_never_holds_the_value(bench):
    _, rejected = bench("json").read(b'[{"id":"1","title":{"phone":"13812345678"}}]')
    assert rejected and "138" not in rejected[0][1]


@pytest.mark.parametrize(
    "content", [b'{"data":{"rows":[]}}', b'{"data":null}', b'{"data":{"items":{"id":"1"}}}', b"[]", b'"items"']
)
def test_json_without_the_list_is_an_error(bench, content: bytes):
    with pytest.raises(PayloadError, match="has no list at /data/items") as e:
        bench("json", items="/data/items").read(content)
    assert "items" in e.value.hint


@pytest.mark.parametrize("content", [b"", b"<html>busy</html>", b'[{"id":"1"},', b'[{"id":"1"}] trailing'])
def test_what_is_not_json_is_an_error(bench, content: bytes):
    with pytest.raises(PayloadError, match="is not JSON"):
        bench("json").read(content)


@pytest.mark.parametrize("encoding", ["gbk", "utf-8-sig"])
def test_json_in_its_declared_encoding(bench, encoding: str):
    b = bench("json", encoding=encoding)
    content = json.dumps([{"id": "1", "title": "西安"}], ensure_ascii=False).encode(encoding)
    assert b.read(content)[0] == [("/0", {"id": "1", "title": "西安"})]
    assert b.locate(content, "/0") == {"id": "1", "title": "西安"}


def test_json_of_another_encoding_is_an_error():
    gbk = Server("files", "local", "open", "*.json", "json", "gbk", ("thing",))
    with pytest.raises(PayloadError, match="byte 2 is not gbk"):
        as_utf8(gbk, 0, b'["\xff"]')


def test_fields_lie_at_pointers_and_nested_values_stay_as_sent(bench, house):
    fields = [
        house.field("id", key=1, physicalName="/record/id"),
        house.field("names", "array", physicalName="/record/names"),
        house.field("lang", physicalName="/record/labels/zh", props={"aliases": ["/lang"]}),
    ]
    content = (
        b'[{"record":{"id":"1","names":[ "a",  "b" ],"labels":{"zh":"x"}}},'
        b'{"record":{"id":"2","labels":null},"lang":"y"}]'
    )
    rows, rejected = bench("json", fields).read(content)
    assert rejected == []
    assert rows == [("/0", {"id": "1", "lang": "x", "names": ["a", "b"]}), ("/1", {"id": "2", "lang": "y"})]


def test_ignored_fields_are_known_but_not_taken(house):
    source = load_source(
        house.contract(servers=[house.server("*.json", "json")], ignoredFields=["noise", "/deep/noise"])
    )
    shape = Shape(source.records[0], None)
    [read] = Reader(source.servers[0], [shape], keep_raw=True).read(0, b'[{"id":"1","noise":[1],"deep":{"noise":2}}]')
    assert [shape.canonical(r) for r in read.rows] == [b'{"id":"1"}']
    [read] = Reader(source.servers[0], [shape], keep_raw=True).read(0, b'[{"id":"1","deep":{"other":2}}]')
    assert [r.reason for r in read.rejected] == ["unknown_field:other"]


# -- canonical form -----------------------------------------------------------------------------------------------


def _three() -> tuple[Shape, Reader]:
    names = ("amount", "id", "title")
    fields = tuple(Field(n, (n,), n, n, "string", "public", key_position=1 if n == "id" else None) for n in names)
    record = Record("toy", "thing", "thing", "", "project", "snapshot", fields)
    shape = Shape(record, None)
    return shape, Reader(replace(PLAIN, format="json"), [shape], keep_raw=True)


THREE = _three()
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=8), st.floats(-1e9, 1e9)
)


@given(
    st.fixed_dictionaries({"id": st.text(max_size=5), "title": SCALARS, "amount": SCALARS}), st.permutations(range(3))
)
def test_the_canonical_form_depends_on_values_alone(row: dict[str, Any], order: list[int]):
    """Neither the order of the names, nor white space, nor a null in place of an absent field changes the hash."""
    shape, reader = THREE
    plain = json.dumps(row, ensure_ascii=False)
    items = list(row.items())
    other = json.dumps({items[i][0]: items[i][1] for i in order if items[i][1] is not None}, indent=2)
    [first], [second] = ([r for read in reader.read(0, f"[{t}]".encode()) for r in read.rows] for t in (plain, other))
    assert shape.hashes([first]) == shape.hashes([second])


def _texts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    return st.builds(lambda v, ascii_: json.dumps(v, ensure_ascii=ascii_).encode(), values, st.booleans())


WORDS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\x7f\0市'), max_size=6)
SENT = st.one_of(
    _texts(WORDS),
    _texts(WORDS),
    _texts(st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(-1e9, 1e9))),
    st.sampled_from([b"1.50", b"1E3", b"-0", b"5e-324", b'"\\u0041"', b'"\\/"', b'"\\ud83d\\ude00"']),
    st.sampled_from([b"[]", b'{ "a": [1, 2]}', b'["\xff"]', b'"\xff"', b'"\xed\xa0\x80"']),
)
MEMBERS = ("amount", "at", "id", "list", "title")


@given(st.lists(st.dictionaries(st.sampled_from(MEMBERS), SENT), min_size=1, max_size=6))
def test_a_page_reads_as_its_records_one_by_one(sent: list[dict[str, bytes]]):
    """Pages take the text of strings over as it was sent where they may; nothing of a record depends on that."""
    types = ("number", "timestamp", "string", "array", "string")
    fields = tuple(
        Field(n, (n,), n, n, t, "public", key_position=1 if n == "id" else None)
        for n, t in zip(MEMBERS, types, strict=True)
    )
    shape = Shape(Record("toy", "thing", "thing", "", "project", "snapshot", fields), None)
    rows = [b"{%s}" % b",".join(b'"%s":%s' % (n.encode(), v) for n, v in row.items()) for row in sent]

    def read(format_: str, content: bytes, prefix: str, first: int) -> tuple[dict[int, bytes], dict[int, str]]:
        forms, reasons = {}, {}
        for some in Reader(replace(PLAIN, format=format_), [shape], keep_raw=True).read(0, content):
            numbers = [int(p.removeprefix(prefix)) - first for p in some.pointers]
            forms |= dict(zip(numbers, map(shape.canonical, some.rows), strict=True))
            reasons |= {int(r.pointer.removeprefix(prefix)) - first: r.reason for r in some.rejected}
            for name, column in some.columns.items():
                shown = [json.loads(form).get(name) for form in map(shape.canonical, some.rows)]
                column.validate(full=True)
                assert [json.loads(v) if v and name == "list" else v for v in column.to_pylist()] == shown
            for name, values in some.values.items():
                assert list(values) == [getattr(row, name) for row in some.rows]
        return forms, reasons

    assert read("json", b"[%s]" % b", ".join(rows), "/", 0) == read("jsonl", b"\n".join(rows), "L", 1)


def test_another_value_or_type_is_another_hash(bench):
    b = bench("json")
    texts = [
        '{"id":"1","title":"a"}',
        '{"id":"1","title":"b"}',
        '{"id":"1","title":1}',
        '{"id":"1","title":"1"}',
        '{"id":"1"}',
    ]
    rows = [r for read in b.reader.read(0, f"[{','.join(texts)}]".encode()) for r in read.rows]
    assert len(set(b.shapes[0].hashes(rows))) == len(texts)


def test_the_canonical_form_is_sorted_and_tight(bench):
    b = bench("json")
    [read] = b.reader.read(0, '[{"title": "西安", "id": "1"}]'.encode())
    assert b.shapes[0].canonical(read.rows[0]) == '{"id":"1","title":"西安"}'.encode()


# -- several record types in a row --------------------------------------------------------------------------------


@pytest.fixture
def project_and_outcome(house):
    fields = [house.field("id", key=1), house.field("title")]
    outcome = house.record("outcome", fields, when={"field": "title", "present": True})
    source = load_source(
        house.contract(
            records=[
                house.record("project", [house.field("id", key=1)], ignoredFields=["title"]),
                outcome,
            ]
        )
    )
    return Reader(source.servers[0], [Shape(r, None) for r in source.records], keep_raw=True)


def test_a_row_is_a_record_of_every_type_whose_condition_holds(project_and_outcome):
    reads = list(project_and_outcome.read(0, b"id,title\n1,paper\n2,\n3, \n"))
    assert {r.record: r.pointers for r in reads} == {"project": ["L2", "L3", "L4"], "outcome": ["L2"]}


def test_an_unreadable_row_counts_once_and_is_told_to_all(project_and_outcome):
    """It is refused for the first type, and may have held a record of each: none of them is complete then."""
    reads = list(project_and_outcome.read(0, b"id,title\n1,paper\n2\n"))
    assert {r.record: (len(r.rejected), r.unread) for r in reads} == {"project": (1, 1), "outcome": (0, 1)}


# -- doubts and masks ---------------------------------------------------------------------------------------------


def test_a_failing_check_digit_is_a_warning(bench, house):
    fields = [house.field("id", key=1), house.field("uscc", props={"checkDigit": "uscc"})]
    b = bench("csv", fields)
    [read] = b.reader.read(0, b"id,uscc\n1,91350200MA2YJ1XR9G\n2,91350100M0001TGQXM\n3,\n")
    assert read.warnings == [None, ["check_digit:uscc"], None]


def test_a_masked_text_stays_a_text_and_gives_no_pseudonym(bench, house):
    b = bench(fields=[house.field("id", key=1), house.field("note", props={"mask": "text"})])
    assert b.source.is_personal, "what the bytes hold is personal, so they are encrypted"
    rows, _ = b.read(b"id,note\n1,call 13812345678 or a@b.cn today\n")
    assert rows == [("L2", {"id": "1", "note": "call 138****5678 or a***@b.cn today"})]


def test_a_masked_field_gives_mask_and_pseudonym_before_anything_is_hashed(bench, house):
    fields = [house.field("id", key=1), house.field("phone", classification="personal", props={"mask": "phone"})]
    b = bench("csv", fields)
    rows, _ = b.read(b"id,phone\n1,13812345678\n2,138-1234-5678\n3,\n4,13900000000\n")
    first, same, none, other = (values for _, values in rows)
    assert first["phone"] == same["phone"] == "138****5678"
    assert first["phone_pseudonym"] == same["phone_pseudonym"] != other["phone_pseudonym"]
    assert first["phone_pseudonym"].startswith("v1:") and len(first["phone_pseudonym"]) == 35
    assert none == {"id": "3"}


# -- compression --------------------------------------------------------------------------------------------------

CSV = b"id,title\n" + b"".join(b"%d,title of %d\n" % (i, i * i) for i in range(200))


def _entry(name: str, **headers: str) -> Entry:
    return Entry(0, 0, 0, 0, "", None, f"drop:{name}", 200, headers, datetime.now(UTC).isoformat())


def _zip(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


PACKED = {
    "list.csv.gz": gzip.compress(CSV),
    "list.csv.zst": zstandard.compress(CSV),
    "list.csv.zip": _zip(("l.csv", CSV)),
}


@pytest.mark.parametrize(("name", "body"), [("list.csv", CSV), *PACKED.items()])
def test_compression_is_told_by_the_ending(name: str, body: bytes):
    assert content_of(PLAIN, _entry(name), body) == CSV


def test_compression_on_the_way_is_told_by_the_header():
    assert content_of(PLAIN, _entry("list.csv", **{"Content-Encoding": "gzip"}), gzip.compress(CSV)) == CSV


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("damage", ["cut in half", "last byte lost", "a byte changed"])
def test_damaged_compression_is_an_error(name: str, damage: str):
    body = PACKED[name]
    middle = len(body) // 2
    changed = bytes([body[middle] ^ 0x5A])
    bodies = {
        "cut in half": body[:middle],
        "last byte lost": body[:-1],
        "a byte changed": body[:middle] + changed + body[middle + 1 :],
    }
    with pytest.raises(PayloadError, match="payload 0 of files cannot be decompressed"):
        content_of(PLAIN, _entry(name), bodies[damage])


BOMB = bytes(64 * 1024 * 1024)


@pytest.mark.parametrize(
    ("name", "body"),
    [("b.gz", gzip.compress(BOMB, 9)), ("b.zst", zstandard.compress(BOMB, 3)), ("b.zip", _zip(("b", BOMB)))],
)
def test_a_body_that_unpacks_to_two_hundred_times_its_size_is_refused(name: str, body: bytes):
    with pytest.raises(PayloadError, match=r"cannot be decompressed.*more than"):
        content_of(PLAIN, _entry(name), body)


def test_an_archive_of_two_files_is_refused():
    with pytest.raises(PayloadError, match="holds 2 files"):
        content_of(PLAIN, _entry("two.zip"), _zip(("a.csv", CSV), ("b.csv", CSV)))


def test_an_archive_behind_a_password_is_refused():
    body = bytearray(_zip(("l.csv", CSV)))
    body[6] |= 1  # general purpose flag, bit 0: encrypted (local header)
    body[body.rindex(b"PK\x01\x02") + 8] |= 1  # and in the central directory
    with pytest.raises(PayloadError, match="cannot be decompressed"):
        content_of(PLAIN, _entry("locked.zip"), bytes(body))


# -- workbooks ----------------------------------------------------------------------------------------------------


def _book(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_sheet_is_read_by_rows(bench):
    content = _book(名单=[["id", "title"], [1, "西安"], [], [2, None], ["3", "x"]])
    b = bench("xlsx")
    assert b.read(content) == (
        [("名单!2", {"id": "1", "title": "西安"}), ("名单!4", {"id": "2"}), ("名单!5", {"id": "3", "title": "x"})],
        [],
    )
    assert b.locate(content, "名单!4") == ["2", None]


def test_the_declared_sheet_is_read(bench):
    content = _book(notes=[["read me"]], data=[["id", "title"], ["1", "a"]])
    assert bench("xlsx", sheet="data").read(content)[0] == [("data!2", {"id": "1", "title": "a"})]
    with pytest.raises(PayloadError, match="no sheet of the declared name"):
        bench("xlsx", sheet="other").read(content)


def test_a_locator_outside_is_an_error(bench):
    content = _book(s=[["id", "title"], ["1", "a"]])
    with pytest.raises(PayloadError, match="is not in the workbook"):
        bench("xlsx").locate(content, "s!9")
    with pytest.raises(PayloadError, match="behind the payload's end"):
        bench().locate(b"id,title\n", "L9")
    with pytest.raises(PayloadError, match="no line locator"):
        bench().locate(b"id,title\n", "/0")
