"""From a record back to the very bytes: for every format, also through compression and encryption, or it says so."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from typing import Any

import openpyxl
import pytest

from brain.errors import BrainError
from warehouse.trace import trace

pytestmark = pytest.mark.usefixtures("open_gate")


def book() -> bytes:
    made = openpyxl.Workbook()
    made.active.title = "表"
    for row in (["id", "title"], ["1", "甲"], ["2", 7]):
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


CSV = 'id,title\r\n1,"two\nlines"\r\n2,乙\r\n'
FORMATS = {
    "csv": ("csv", CSV.encode(), "L2-3", '1,"two\nlines"\r\n'),
    "csv.gz": ("csv", gzip.compress(CSV.encode()), "L2-3", '1,"two\nlines"\r\n'),
    "jsonl": ("jsonl", b'{"id":"2"}\n{ "id" : "1" , "title":"a"}\n', "L2", '{ "id" : "1" , "title":"a"}'),
    "json": ("json", b'{"data":[{"id":"2"},{"title":"a","id":"1"}]}', "/data/1", {"title": "a", "id": "1"}),
    "xlsx": ("xlsx", book(), "表!2", ["1", "甲"]),
}


@pytest.mark.parametrize(("ending", "given"), FORMATS.items(), ids=FORMATS)
def test_a_record_leads_to_its_payload_and_is_read_again_at_its_locator(house, ending: str, given: tuple[Any, ...]):
    format_, content, pointer, raw = given
    props = {"items": "/data"} if format_ == "json" else {}
    house.contract(servers=[house.server(f"*.{ending}", format_, asOf="2026-01-31", **props)])
    house.deliver(f"list.{ending}", content)
    house.ingest()
    found = trace(house.settings, "toy:thing:1")
    assert (found["ref"], found["entities"], found["models"], found["checks"]) == ("toy:thing:1", [], [], [])
    [record] = found["records"]
    assert (record["record_id"], record["source"], record["record"]) == ("toy:thing:1", "toy", "thing")
    [version] = record["versions"]
    assert (version["raw"], version["pointer"], version["verified"]) == (raw, pointer, True)
    assert (version["batch"], version["change"], version["as_of"]) == (1, "upsert", "2026-01-31")
    payload = version["payload"]
    assert payload["url"] == f"drop:list.{ending}" and payload["encrypted"] is False
    assert payload["sha256"] == hashlib.sha256(content).hexdigest()
    segment = (house.settings.home / payload["segment"]).read_bytes()
    frame = segment[payload["offset"] : payload["offset"] + payload["length"]]
    assert hashlib.sha256(frame).hexdigest() == payload["stored_sha256"]
    json.dumps(found)


def test_every_version_is_told_with_its_own_bytes(house):
    house.contract()
    for day, rows in ((1, "1,a\n2,b\n"), (2, "1,A\n"), (3, "1,A\n2,b\n")):
        for old in house.dropped.iterdir():
            old.unlink()
        house.deliver(f"list_2026-01-0{day}.csv", f"id,title\n{rows}")
        house.ingest()

    def told(key: str) -> list[tuple[Any, ...]]:
        [record] = trace(house.settings, f"toy:thing:{key}")["records"]
        return [(v["version"], v["change"], v["batch"], v["raw"], v["verified"]) for v in record["versions"]]

    assert told("1") == [(1, "upsert", 1, "1,a\n", True), (2, "upsert", 2, "1,A\n", True)]
    assert told("2") == [
        (1, "upsert", 1, "2,b\n", True),
        (2, "withdrawn", 2, None, None),
        (3, "upsert", 3, "2,b\n", True),
    ]


def test_gbk_bytes_are_shown_as_text(house):
    house.contract(servers=[house.server(encoding="gbk")])
    house.deliver("list_2026-01-01.csv", "id,title\n1,西安\n".encode("gbk"))
    house.ingest()
    [version] = trace(house.settings, "toy:thing:1")["records"][0]["versions"]
    assert (version["raw"], version["verified"]) == ("1,西安\n", True)


def test_an_encrypted_payload_is_opened_by_the_key_and_its_hash_is_that_of_the_stored_bytes(house):
    phone = house.field("phone", classification="personal", props={"mask": "phone"})
    house.contract([house.field("id", key=1), phone])
    house.deliver("list_2026-01-01.csv", "id,phone\n1,13812345678\n")
    house.ingest()
    [version] = trace(house.settings, "toy:thing:1")["records"][0]["versions"]
    payload = version["payload"]
    assert (version["verified"], version["raw"], payload["encrypted"]) == (True, "1,13812345678\n", True)
    assert payload["sha256"] == payload["stored_sha256"], "a hash of the plain bytes could be guessed"
    [journal] = (house.settings.journal / "access").glob("*.jsonl")
    assert json.loads(journal.read_text())["ref"] == "toy:thing:1", "who looked is noted"


def test_a_released_record_is_traced_to_where_it_was_refused(house):
    from ingest.quarantine import release

    house.contract([house.field("id", key=1), house.field("title", enum=[{"value": "a"}])])
    house.deliver("list_2026-01-01.csv", "id,title\n1,z\n")
    house.ingest()
    with pytest.raises(BrainError, match="no committed version of") as e:
        trace(house.settings, "toy:thing:1")
    assert "quarantine list" in e.value.hint
    release(house.settings, "1-1", "why")
    [version] = trace(house.settings, "toy:thing:1")["records"][0]["versions"]
    assert (version["batch"], version["raw"], version["verified"]) == (2, "1,z\n", True)


@pytest.mark.parametrize("what", ["segment", "index"])
def test_changed_bytes_are_never_called_verified(house, what: str):
    house.contract()
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n")
    house.ingest()
    path = house.settings.home / house.entries()[0].data["landing"]["segment"]
    if what == "index":
        path = path.with_suffix(".index.jsonl")
        path.write_text(path.read_text().replace("drop:list", "drop:lost"))
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    [version] = trace(house.settings, "toy:thing:1")["records"][0]["versions"]
    assert version["verified"] is False and version["raw"] is None


def test_a_key_may_hold_colons_and_bars(house):
    house.contract([house.field("a", key=1), house.field("b", key=2)])
    house.deliver("list_2026-01-01.csv", "a,b\nhttps://x.test/1,2|3\n")
    house.ingest()
    [version] = trace(house.settings, "toy:thing:https://x.test/1|2%7C3")["records"][0]["versions"]
    assert version["verified"] is True


@pytest.mark.parametrize("ref", ["", "nothing", "toy:thing", "toy:other:1", "fct_projects:1", "other:thing:1"])
def test_what_nobody_knows_is_an_error_with_a_hint(house, ref: str):
    house.contract()
    house.deliver("list_2026-01-01.csv", "id,title\n1,a\n")
    house.ingest()
    with pytest.raises(BrainError, match="nothing is known as") as e:
        trace(house.settings, ref)
    assert "record id" in e.value.hint


def test_a_record_type_with_two_payloads_is_found_in_the_right_one(house, monkeypatch: pytest.MonkeyPatch):
    """The locator counts within a payload: line 2 of the second page is another record than line 2 of the first."""
    from datetime import UTC, datetime

    from ingest.fetch import Payload

    house.contract()
    house.deliver("list_2026-01-01.csv", "-")
    pages = [b"id,title\n1,a\n", b"id,title\n2,b\n"]
    payloads = [Payload(p, f"https://source.test/{i}", 200, datetime.now(UTC)) for i, p in enumerate(pages)]
    monkeypatch.setattr("ingest.run.fetch_file", lambda file, server: iter(payloads))
    house.ingest()
    for key, page in (("1", 0), ("2", 1)):
        [version] = trace(house.settings, f"toy:thing:{key}")["records"][0]["versions"]
        assert version["payload"]["url"] == f"https://source.test/{page}"
        assert version["raw"].startswith(key) and version["verified"] is True
