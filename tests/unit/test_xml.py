"""XML as records: what becomes of elements, and what no document may do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from brain.errors import PayloadError
from ingest import xml
from ingest.contract import Server
from ingest.records import Reader, Shape, locate
from tests.conftest import House

ITEMS = "/list/item"


def read(
    document: str | bytes, *known: str, arrays: tuple[str, ...] = (), encoding: str = "utf-8", **names: str
) -> list:
    """Values of the items; `known` and `arrays` are paths below an item, `names` prefixes with their namespaces."""
    paths = [*((k, False) for k in known), *((a, True) for a in arrays)]
    shaper = xml.Shaper((tuple(p.split("/")), is_array) for p, is_array in paths)
    content = document.encode() if isinstance(document, str) else document
    return [json.loads(text) for _, text in xml.records(content, encoding, ITEMS, names, shaper)]


def item(inner: str, attributes: str = "") -> str:
    return f"<list><item {attributes}>{inner}</item></list>"


@pytest.mark.parametrize(
    ("inner", "value"),
    [
        ("<a>甲</a><b> 2 </b>", {"a": "甲", "b": " 2 "}),
        ("<a/><b>  \n </b><c></c>", {"a": None, "b": None, "c": None}),
        ("<a>x<!-- not this --> y<?nor this?></a>", {"a": "x y"}),
        ("<a><![CDATA[<x>&]]></a><b>&lt;&#x4E2D;&quot;</b>", {"a": "<x>&", "b": '<中"'}),
        ('<a n="1">x</a>', {"a": {"@n": "1", "#text": "x"}}),
        ("<a><b>1</b><c><d>2</d></c></a>", {"a": {"b": "1", "c": {"d": "2"}}}),
        ("<a>1</a><b>2</b><a>3</a><a/>", {"a": ["1", "3", None], "b": "2"}),
        ("<a><n>1</n></a><a><n>2</n></a>", {"a": [{"n": "1"}, {"n": "2"}]}),
        ("text <a>1</a> around", {"a": "1", "#text": "text  around"}),
        ("", {}),
    ],
)
def test_what_becomes_of_elements(inner: str, value: Any) -> None:
    assert read(item(inner)) == [value]


def test_an_array_of_the_contract_is_one_even_of_one_element() -> None:
    one, many = item("<w><a>1</a></w>"), item("<w><a>1</a><a>2</a></w>")
    assert read(one, arrays=("w/a",)) == [{"w": {"a": ["1"]}}]
    assert read(many, arrays=("w/a",)) == [{"w": {"a": ["1", "2"]}}]
    assert read(item("<w/>"), arrays=("w/a",)) == [{"w": {}}]


def test_an_element_of_which_the_contract_names_members_is_always_an_object() -> None:
    plain, marked = item("<a>x</a>"), item('<a lang="zh">x</a>')
    assert read(plain, "a/#text", "a/@lang") == [{"a": {"#text": "x"}}]
    assert read(marked, "a/#text", "a/@lang") == [{"a": {"@lang": "zh", "#text": "x"}}]


def test_attributes_of_the_record_itself() -> None:
    assert read(item("x", 'no="7" state="new"')) == [{"@no": "7", "@state": "new", "#text": "x"}]


def test_namespaces_are_local_names_or_the_prefixes_of_the_contract() -> None:
    document = (
        '<l:list xmlns:l="urn:l" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><l:item xmlns="urn:a" '
        'xmlns:other="urn:b" xsi:schemaLocation="urn:a there"><t>1</t><other:t xml:lang="zh" other:k="2">3</other:t>'
        "</l:item></l:list>"
    )
    assert read(document, b="urn:b") == [{"t": "1", "b:t": {"@xml:lang": "zh", "@b:k": "2", "#text": "3"}}]
    assert read(document) == [{"t": ["1", {"@xml:lang": "zh", "@k": "2", "#text": "3"}]}]


def test_only_elements_at_the_path_are_records() -> None:
    document = "<list><item><item>in</item></item><other><item>no</item></other><item>two</item></list>"
    assert read(document) == [{"item": "in"}, {"#text": "two"}]


def test_records_come_in_order_from_a_document_of_many_chunks() -> None:
    document = "<list>" + "".join(f"<item><n>{i}</n><t>{'中' * 500}</t></item>" for i in range(3000)) + "</list>"
    assert len(document.encode()) > 4 * xml.CHUNK
    assert [v["n"] for v in read(document)] == [str(i) for i in range(3000)]


@pytest.mark.parametrize(
    ("declared", "encoding"), [("gb2312", "gb18030"), ("GBK", "gb18030"), (None, "gb18030"), ("UTF-16", "utf-16")]
)
def test_other_encodings(declared: str | None, encoding: str) -> None:
    prolog = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    assert read((prolog + item("<a>西安</a>")).encode(encoding), encoding=encoding) == [{"a": "西安"}]


# -- what no document may do ------------------------------------------------------------------------------------------

LAUGHS = '<!DOCTYPE list [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (LAUGHS + item("&b;"), "document type"),
        ('<!DOCTYPE list SYSTEM "file:///etc/passwd">' + item(""), "document type"),
        ('<!DOCTYPE list [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + item("&x;"), "document type"),
        (item("&nowhere;"), "undefined entity"),
        ("<list>" + "<item>" * 200, "nested more than 100 deep"),
        ("<list><item>" + "<a/>" * (xml.MAX_NODES + 1) + "</item></list>", "more than 100,000 elements"),
        (item("x" * (xml.MAX_TEXT + 1)), "characters"),
        ("<list><item " + "x" * (xml.MAX_TOKEN + 2 * xml.CHUNK) + "='1'/></list>", "tag of more than"),
        ("<list><item><a>1</a></item>", "no element found"),
        ("<list><item><a>1</a></ite", "broken"),
        (item("")[:-7] + "</lost>", "mismatched tag"),
        (item("") + "<list/>", "junk"),
        ("", "no element found"),
        ("<html><body>login</body></html>", "has no /list"),
        ('{"items": []}', "broken"),
        (item('<a x="1" x="2"/>'), "duplicate attribute"),
        (item("a\0b"), "broken"),
        (item("").encode() + b"\xff", "broken"),
        (item("<a>\xff</a>").encode("latin-1"), "broken"),
        ('<?xml version="1.0" encoding="GBK"?>' + item(""), "declares the encoding gbk, the contract utf-8"),
        ('<?xml version="1.0" encoding="klingon"?>' + item(""), "unknown encoding"),
    ],
)
def test_documents_that_are_refused(document: str | bytes, complaint: str) -> None:
    with pytest.raises(PayloadError, match=complaint):
        read(document)


def test_bytes_that_are_not_the_declared_encoding() -> None:
    with pytest.raises(PayloadError, match="is not gb18030"):
        read(b"<list>\xff\xff</list>", encoding="gb18030")


# -- as records of a contract -----------------------------------------------------------------------------------------


@pytest.fixture
def reader(house: House):
    """Reads documents under a contract with every kind of field."""
    fields = [
        house.field("id", key=1, physicalName="@id"),
        house.field("title", physicalName="/head/t"),
        house.field("price", "number", physicalName="/head/price"),
        house.field("people", "array", physicalName="/people/p"),
        house.field("place", "object"),
    ]
    house.contract(
        fields, servers=[house.server("*.xml", "xml", items=ITEMS, asOf=None)], ignoredFields=["/head/@version", "note"]
    )
    from ingest.contract import load_sources

    source = load_sources(house.settings)["toy"]
    [server] = source.servers
    shape = Shape(source.records[0], None)

    def run(*items_: str) -> tuple[list[dict], list[str], Server, bytes]:
        content = f"<list>{''.join(items_)}</list>".encode()
        reads = list(Reader(server, [shape], keep_raw=True).read(0, content))
        rows = [json.loads(shape.canonical(row)) for r in reads for row in r.rows]
        return rows, [f"{x.pointer} {x.reason}" for r in reads for x in r.rejected], server, content

    return run


def test_a_record_is_the_flat_struct_of_its_contract(reader) -> None:
    rows, rejected, server, content = reader(
        '<item id="1"><head version="3"><t>甲</t><price>12.50</price></head><people><p>A</p></people>'
        '<place kind="x"><city>西安</city></place><note>n</note></item>',
        '<item id="2"><head><t/></head></item>',
    )
    assert rejected == []
    assert rows == [
        {"id": "1", "people": ["A"], "place": {"@kind": "x", "city": "西安"}, "price": "12.50", "title": "甲"},
        {"id": "2"},
    ]
    value = locate(server, content, "/list/item[2]")
    assert value == {"@id": "2", "head": {"t": None}}


def test_what_the_contract_does_not_know_refuses_the_record_and_no_other(reader) -> None:
    rows, rejected, server, content = reader(
        '<item id="1"><head><t>a</t><t>b</t></head></item>',
        '<item id="2"><head><t lang="zh">a</t></head></item>',
        '<item id="3"><fresh>a</fresh></item>',
        '<item id="4">loose</item>',
        '<item id="5"/>',
    )
    assert rows == [{"id": "5"}]
    assert [r.split(" ")[0] for r in rejected] == [f"/list/item[{n}]" for n in (1, 2, 3, 4)]
    assert [r.split(" ")[1].partition(":")[0] for r in rejected] == ["type", "type", *["unknown_field"] * 2]
    assert locate(server, content, "/list/item[3]") == {"@id": "3", "fresh": "a"}
    with pytest.raises(PayloadError, match="not in the document"):
        locate(server, content, "/list/item[6]")


def test_a_file_of_xml_runs_from_its_contract_alone(house: House, open_gate: None) -> None:
    fields = [house.field("id", key=1, physicalName="@nr"), house.field("names", "array", physicalName="/n")]
    server = house.server("*.xml", "xml", items="/stand/reihe/satz", encoding="gb18030")
    house.contract(fields, servers=[server])
    rows = '<satz nr="1"><n>甲</n></satz></reihe><reihe><satz nr="2"><n>乙</n><n>丙</n></satz>'
    house.deliver("list_2026-01-31.xml", f"<stand><reihe>{rows}</reihe></stand>".encode("gb18030"))
    [batch] = house.ingest()
    assert (batch.received, batch.new, batch.quarantined) == (2, 2, 0)
    assert [(r["id"], r["names"]) for r in house.current()] == [("1", '["甲"]'), ("2", '["乙","丙"]')]
    assert [r["_pointer"] for r in house.current()] == ["/stand/reihe/satz[1]", "/stand/reihe/satz[2]"]
