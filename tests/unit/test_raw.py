"""Raw holds typed versions of what keeps its contract; what breaks it is refused with every reason, never guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from ingest.contract import load_sources
from ingest.raw import relation_sql

pytestmark = pytest.mark.usefixtures("open_gate")


def take(
    house: Any, field: dict[str, Any], values: list[Any], format_: str = "csv"
) -> tuple[list[Any], list[list[str]]]:
    """Deliver one value per record: what raw holds of each (in order), and the reasons of those it refused."""
    house.contract([house.field("id", "integer", key=1), field], servers=[house.server(f"*.{format_}", format_)])
    if format_ == "csv":
        lines = [f'{i},"{v}"' for i, v in enumerate(values, 1)]
        house.deliver("x_2026-01-01.csv", "\n".join([f"id,{field['name']}", *lines]) + "\n")
    else:
        rows = [{"id": i, field["name"]: v} for i, v in enumerate(values, 1)]
        house.deliver("x_2026-01-01.json", json.dumps(rows))
    house.ingest()
    name = field["name"]
    held = {r["id"]: r[name] for r in house.current()}
    return [held[i] for i in sorted(held)], [r["reasons"] for r in house.refused()]


TYPED = [
    ("string", {}, [" x ", "x"], [" x ", "x"]),
    ("integer", {}, ["12", "-3", "+4", " 5 ", ""], [12, -3, 4, 5, None]),
    ("number", {}, ["1.5", "-2", ".5", "1e3", ""], [1.5, -2.0, 0.5, 1000.0, None]),
    ("boolean", {}, ["true", "false", "1", ""], [True, False, True, None]),
    ("date", {}, ["2024-02-29", ""], [date(2024, 2, 29), None]),
    ("date", {"format": "yyyyMMdd"}, ["20240229"], [date(2024, 2, 29)]),
    ("date", {"format": "M/d/yyyy"}, ["2/29/2024", "02/09/2024"], [date(2024, 2, 29), date(2024, 2, 9)]),
    (
        "timestamp",
        {},
        ["2024-02-29T08:00:00+08:00", "2024-02-29T00:00:00Z", "2024-02-29 00:00:00"],
        [datetime.fromisoformat("2024-02-29T00:00:00")] * 3,
    ),
]


@pytest.mark.parametrize(("type_", "options", "texts", "values"), TYPED, ids=[f"{t}{o}" for t, o, _, _ in TYPED])
def test_text_is_typed_as_declared(house, type_: str, options: dict[str, Any], texts: list[str], values: list[Any]):
    more = {"logicalTypeOptions": options} if options else {}
    assert take(house, house.field("x", type_, **more), texts) == (values, [])


REFUSED = [
    ("integer", {}, ["12.5", "1e3", "twelve", "99999999999999999999", "0x1F"], "type:x"),
    ("number", {}, ["nan", "inf", "1,5", "--1", "十"], "type:x"),
    ("boolean", {}, ["maybe"], "type:x"),
    ("date", {}, ["2023-02-29", "29.02.2024", "0000-00-00"], "type:x"),
    ("date", {"logicalTypeOptions": {"format": "yyyyMMdd"}}, ["2024-02-29", "20241301"], "type:x"),
    ("timestamp", {}, ["2024-02-30T00:00:00Z", "soon"], "type:x"),
    ("string", {"required": True}, ["", " ", "　"], "required:x"),
    ("string", {"enum": [{"value": "a"}, {"value": "b"}]}, ["c", "A"], "code:x"),
    ("string", {"logicalTypeOptions": {"pattern": r"^\d{4}$"}}, ["123", "12345", "12a4"], "pattern:x"),
    ("string", {"logicalTypeOptions": {"minLength": 2}}, ["a"], "length:x"),
    ("string", {"logicalTypeOptions": {"maxLength": 2}}, ["西安市"], "length:x"),
    ("integer", {"logicalTypeOptions": {"minimum": 1, "maximum": 5}}, ["0", "6", "-9"], "range:x"),
    ("number", {"logicalTypeOptions": {"minimum": 0.5}}, ["0.4999"], "range:x"),
    ("date", {"logicalTypeOptions": {"minimum": "2000-01-01"}}, ["1999-12-31"], "range:x"),
]


@pytest.mark.parametrize(("type_", "more", "texts", "reason"), REFUSED, ids=[f"{r}-{t}{m}" for t, m, _, r in REFUSED])
def test_what_breaks_a_rule_is_refused_with_its_reason(
    house, type_: str, more: dict[str, Any], texts: list[str], reason: str
):
    assert take(house, house.field("x", type_, **more), texts) == ([], [[reason]] * len(texts))


ACCEPTED = [
    ("string", {"enum": [{"value": "a"}]}, ["a", " a ", ""]),
    ("string", {"logicalTypeOptions": {"pattern": r"^\d{4}$"}}, ["1234", ""]),
    ("string", {"logicalTypeOptions": {"minLength": 2, "maxLength": 3}}, ["西安", "西安市", ""]),
    ("integer", {"logicalTypeOptions": {"minimum": 1, "maximum": 5}}, ["1", "5", ""]),
    ("date", {"logicalTypeOptions": {"minimum": "2000-01-01"}}, ["2000-01-01"]),
]


@pytest.mark.parametrize(("type_", "more", "texts"), ACCEPTED, ids=[f"{t}{m}" for t, m, _ in ACCEPTED])
def test_the_edge_of_a_rule_and_nothing_at_all_are_accepted(house, type_: str, more: dict[str, Any], texts: list[str]):
    values, refused = take(house, house.field("x", type_, **more), texts)
    assert len(values) == len(texts) and refused == []


def test_every_reason_is_named_at_once(house):
    fields = [
        house.field("id", key=1),
        house.field("n", "integer"),
        house.field("day", "date"),
        house.field("s", required=True),
    ]
    house.contract(fields)
    house.deliver("x_2026-01-01.csv", "id,n,day,s\n1,many,never,\n")
    house.ingest()
    assert [sorted(r["reasons"]) for r in house.refused()] == [["required:s", "type:day", "type:n"]]


def test_a_sentinel_is_nothing_not_a_value(house):
    field = house.field("x", "date", props={"nullValues": ["0000-00-00", "-", "无"]})
    assert take(house, field, ["0000-00-00", " - ", "无", "2024-02-29"]) == ([None, None, None, date(2024, 2, 29)], [])


def test_a_required_sentinel_is_missing(house):
    field = house.field("x", required=True, props={"nullValues": ["未知"]})
    assert take(house, field, ["未知", "known"]) == (["known"], [["required:x"]])


JSON_VALUES = [
    ("integer", [1, "2", -3], [1, 2, -3], []),
    ("integer", [1.5, True, 10**20], [], [["type:x"]] * 3),
    ("number", [1, 1.5, "2.5"], [1.0, 1.5, 2.5], []),
    ("number", [True, "x"], [], [["type:x"]] * 2),
    ("boolean", [True, False, "true"], [True, False, True], []),
    ("string", ["a", 7, True, 1.5], ["a", "7", "true", "1.5"], []),
    ("array", [[1, {"a": "西"}], [], None], ['[1, {"a": "\\u897f"}]', "[]", None], []),
]


@pytest.mark.parametrize(
    ("type_", "sent", "values", "reasons"), JSON_VALUES, ids=[f"{t}-{s}" for t, s, _, _ in JSON_VALUES]
)
def test_json_values_are_typed_like_text(
    house, type_: str, sent: list[Any], values: list[Any], reasons: list[list[str]]
):
    assert take(house, house.field("x", type_), sent, "json") == (values, reasons)


@pytest.mark.parametrize(
    ("type_", "sent", "values", "reasons"), JSON_VALUES, ids=[f"{t}-{s}" for t, s, _, _ in JSON_VALUES]
)
def test_values_of_different_runs_are_typed_together(
    house, monkeypatch: pytest.MonkeyPatch, type_: str, sent: list[Any], values: list[Any], reasons: list[list[str]]
):
    """A column may come native in one run and as text in the next."""
    monkeypatch.setattr("ingest.records.CHUNK", 1)
    assert take(house, house.field("x", type_), sent, "json") == (values, reasons)


# -- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["", " ", "\t", "　", '"\n"', "无"])
def test_a_record_without_a_key_is_refused_and_has_no_id(house, blank: str):
    house.contract([house.field("id", key=1, props={"nullValues": ["无"]}), house.field("title")])
    house.deliver("x_2026-01-01.csv", f"id,title\n{blank},a\n2,b\n")
    [batch] = house.ingest()
    assert (batch.received, batch.new, batch.quarantined) == (2, 1, 1)
    assert [r["_record_id"] for r in house.versions()] == ["toy:thing:2"]
    [item] = house.refused()
    assert (item["reasons"], item["record_id"]) == (["required:id"], None)


def test_a_composite_key_is_required_whole_and_joined_in_order(house):
    house.contract([house.field("b", key=2), house.field("a", key=1)])
    house.deliver("x_2026-01-01.csv", "a,b\n1,2\n1|,2\n1,|2\n,2\n1,\n")
    [batch] = house.ingest()
    assert [r["_record_id"] for r in house.versions()] == ["toy:thing:1%7C|2", "toy:thing:1|%7C2", "toy:thing:1|2"]
    assert [i["reasons"] for i in house.refused()] == [["required:a|b"]] * 2 and batch.new == 3


def test_without_a_declared_key_the_content_is_the_key(house):
    house.contract([house.field("a"), house.field("b")])
    house.deliver("x_2026-01-01.csv", "a,b\n1,2\n1,3\n1,2\n")
    [batch] = house.ingest()
    assert (batch.new, batch.unchanged) == (2, 1), "an exact repeat is no other record"
    assert all(r["_record_id"] == f"toy:thing:{r['_content_hash'][:32]}" for r in house.versions())


def test_spaces_around_a_key_are_no_part_of_it(house):
    house.contract()
    house.deliver("x_2026-01-01.csv", "id,title\n 7 ,a\n")
    house.ingest()
    assert [r["_record_id"] for r in house.versions()] == ["toy:thing:7"]


# -- files --------------------------------------------------------------------------------------------------------


def test_raw_is_open_parquet_with_the_documented_columns(house):
    house.contract([house.field("id", key=1), house.field("n", "integer"), house.field("x", "array")])
    house.deliver("x_2026-01-01.csv", "id,n,x\n1,5,[]\n")
    house.ingest()
    [path] = (house.settings.raw / "toy" / "thing" / "batch=000001").iterdir()
    table = pq.read_table(path, partitioning=None)
    assert table.column_names == [
        "id", "n", "x", "_record_id", "_hash", "_payload", "_pointer", "_change", "_version_order", "_received_at",
        "_as_of", "_warnings",
    ]  # fmt: skip
    types = {f.name: str(f.type) for f in table.schema}
    assert types["n"] == "int64" and types["_as_of"] == "date32[day]" and types["_received_at"] == "timestamp[us]"
    [row] = table.to_pylist()
    assert (row["_pointer"], row["_change"], row["_as_of"], len(row["_hash"])) == ("L2", "upsert", date(2026, 1, 1), 32)


def test_a_record_type_without_files_is_an_empty_typed_relation(house):
    house.contract([house.field("id", key=1), house.field("n", "integer"), house.field("day", "date")])
    record = load_sources(house.settings)["toy"].record("thing")
    with duckdb.connect() as con:
        found = con.execute(f"DESCRIBE {relation_sql(record, [])}").fetchall()
        assert con.execute(f"SELECT count(*) FROM ({relation_sql(record, [])})").fetchone() == (0,)
    assert {name: type_ for name, type_, *_ in found} == {
        "id": "VARCHAR", "n": "BIGINT", "day": "DATE", "_record_id": "VARCHAR", "_content_hash": "VARCHAR",
        "_batch": "BIGINT", "_payload": "INTEGER", "_pointer": "VARCHAR", "_change": "VARCHAR",
        "_received_at": "TIMESTAMP", "_as_of": "DATE", "_warnings": "VARCHAR[]", "_version": "BIGINT",
        "_is_current": "BOOLEAN", "_is_withdrawn": "BOOLEAN",
    }  # fmt: skip


def test_folders_that_look_like_partitions_change_nothing(new_house, tmp_path):
    house = new_house()
    house.settings = replace(house.settings, home=tmp_path / "title=not this" / "var")
    house.contract()
    house.deliver("x_2026-01-01.csv", "id,title\n1,a\n")
    house.ingest()
    assert [r["title"] for r in house.versions()] == ["a"]


def test_more_rows_than_one_run_takes(house, monkeypatch: pytest.MonkeyPatch):
    """Repeats and conflicts are found across the parts of a batch too."""
    monkeypatch.setattr("ingest.raw.FLUSH_ROWS", 3)
    monkeypatch.setattr("ingest.records.CHUNK", 2)
    house.contract()
    rows = [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (1, "a"), (2, "other"), (5, "e"), (6, "f"), (4, "d"), (7, "g")]
    house.deliver("x_2026-01-01.csv", "id,title\n" + "".join(f"{i},{t}\n" for i, t in rows))
    [batch] = house.ingest()
    assert (batch.received, batch.new, batch.unchanged, batch.quarantined) == (10, 6, 2, 2)
    assert [(r["id"], r["_pointer"]) for r in house.versions()] == [
        ("1", "L2"), ("3", "L4"), ("4", "L5"), ("5", "L8"), ("6", "L9"), ("7", "L11"),
    ]  # fmt: skip
    assert sorted(i["pointer"] for i in house.refused()) == ["L3", "L7"]
