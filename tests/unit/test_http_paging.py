"""What the fetcher reads from a page, and the account it keeps of a walk."""

import json

import pytest

from brain.errors import FetchError, PayloadError
from ingest.contract import Paging, Server
from ingest.fetch.paging import Page, PageReader, SourceMovedError, Walk


def reader(items="/data/items", total=None, next=None, encoding="utf-8") -> PageReader:
    paging = Paging("cursor", "cursor", next=next)
    return PageReader(
        Server("s", "api", "demo", "http://h/x", "json", encoding, ("r",), items=items, total=total, paging=paging)
    )


def read(document, **pointers) -> Page:
    return reader(**pointers).read(json.dumps(document, ensure_ascii=False).encode())


def test_counts_items_and_finds_pointers_beside_and_below_each_other():
    page = read(
        {"data": {"items": [{"a": 1}, {"a": "二"}], "page": {"total": 7, "more": "abc"}}, "other": [1, 2, 3]},
        total="/data/page/total",
        next="/data/page/more",
    )
    assert (page.items, page.total, page.next) == (2, 7, "abc")
    assert [json.loads(e) for e in page.edges] == [{"a": 1}, {"a": "二"}]


def test_items_at_the_root():
    assert read([1, 2, 3], items="").items == 3


def test_escaped_pointer():
    assert read({"a/b": {"c~d": [1]}}, items="/a~1b/c~0d").items == 1


def test_null_items_are_an_empty_page():
    assert read({"data": {"items": None}}) == Page(0, None, None, None)


def test_a_total_may_be_text_and_a_cursor_a_number():
    page = read({"data": {"items": [], "total": "12", "next": 9}}, total="/data/total", next="/data/next")
    assert (page.total, page.next) == (12, "9")


@pytest.mark.parametrize("end", [{}, {"next": None}, {"next": ""}])
def test_the_last_page_has_no_pointer(end):
    assert read({"data": {"items": [1], **end}}, next="/data/next").next is None
    assert read({"data": {"items": [1]}}, next="/links/next").next is None


@pytest.mark.parametrize("total", [None, -1, "many", True, 1.5, "１２"])
def test_a_promised_total_must_be_there(total):
    with pytest.raises(PayloadError, match=r"total|promised"):
        read({"data": {"items": [], "total": total}}, total="/data/total")


@pytest.mark.parametrize(
    "document", [{}, {"data": None}, {"data": {}}, {"data": {"items": {"a": 1}}}, [], "text", None]
)
def test_promised_items_must_be_there(document):
    with pytest.raises(PayloadError, match=r"items|promised"):
        read(document)


@pytest.mark.parametrize(
    "body", ['{"data":{"items":[{"name":"演示甲"', "<html>演示甲</html>", '{"data":{"items":"演示甲"}}']
)
def test_complaints_quote_no_value(body):
    with pytest.raises(PayloadError) as e:
        reader().read(body.encode())
    assert "演示甲" not in str(e.value)


def test_an_empty_page_is_called_empty():
    with pytest.raises(PayloadError, match="is empty"):
        reader().read(b" \n")


def test_other_encodings():
    body = json.dumps({"data": {"items": ["示范"]}}, ensure_ascii=False).encode("gb18030")
    assert reader(encoding="gb18030").read(body).items == 1
    with pytest.raises(PayloadError, match="utf-16"):
        reader(encoding="utf-16").read(b"\xff\xfe\x00")


@pytest.mark.parametrize(
    "pointers",
    [
        {"items": "/data", "total": "/data"},
        {"items": "/data", "total": "/data/total"},
        {"items": "", "total": "/total"},
    ],
)
def test_pointers_that_cannot_be(pointers):
    with pytest.raises(FetchError):
        reader(**pointers)


def page(items, total=None):
    texts = [json.dumps(i).encode() for i in items]
    return Page(len(texts), total, None, (texts[0], texts[-1]) if texts else None)


def walk(*pages) -> Walk:
    w = Walk("pds/projects")
    for p in pages:
        w.add(p)
    w.check()
    return w


def test_a_walk_adds_up():
    assert walk(page([1, 2], 3), page([3], 3)).items == 3


def test_missing_records_are_an_error():
    with pytest.raises(FetchError, match="pds/projects: 4 records are declared, 3 came on 2 pages"):
        walk(page([1, 2], 4), page([3], 4))


def test_a_moving_total_says_that_the_source_moved():
    with pytest.raises(SourceMovedError, match="moved from 3 to 4 on page 2"):
        walk(page([1, 2], 3), page([3], 4))


def test_a_page_that_comes_twice_is_an_error_even_if_the_sum_is_right():
    with pytest.raises(FetchError, match="page 3 repeats an earlier page"):
        walk(page([1, 2], 6), page([3, 4], 6), page([1, 2], 6))


def test_empty_pages_may_repeat():
    assert walk(page([1]), page([]), page([])).items == 1


def test_a_circle_of_pointers_is_an_error():
    w = Walk("market/institutions")
    w.go("a")
    w.go("b")
    with pytest.raises(FetchError, match="circle"):
        w.go("a")
