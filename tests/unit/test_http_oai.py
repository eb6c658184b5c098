"""Harvests by OAI-PMH against a repository of this test's own."""

from __future__ import annotations

import re
from typing import Any

import pytest

from brain.errors import FetchError, PayloadError
from ingest.contract import Paging
from ingest.fetch.oai import OaiReader
from ingest.fetch.paging import SourceMovedError
from tests.unit.http_site import Answer, server, site

ITEMS = "/OAI-PMH/ListRecords/record"
ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x y"><responseDate>2026-07-01T00:00:00Z'
    "</responseDate><request>http://repository.test/oai</request>{}</OAI-PMH>"
)


def page(inner: str) -> Answer:
    return 200, {"Content-Type": "text/xml"}, ENVELOPE.format(inner).encode()


def records(numbers: range, token: str = "") -> Answer:
    found = "".join(f"<record><header><identifier>oai:t:{n}</identifier></header></record>" for n in numbers)
    return page(f"<ListRecords>{found}{token}</ListRecords>")


def error(code: str) -> Answer:
    return page(f'<error code="{code}">in words that nobody quotes</error>')


class Repository:
    """25 records in pages of 10. `size`: what it says of its list on a page, None = nothing."""

    def __init__(self, size: Any = lambda page_: 25):
        self.size = size

    def __call__(self, path: str, query: dict, headers: dict) -> Answer:
        start = int(query["resumptionToken"].removeprefix("at ")) if "resumptionToken" in query else 0
        size = self.size(start // 10 + 1)
        told = f' cursor="{start}"' + (f' completeListSize="{size}"' if size is not None else "")
        following = f"at {start + 10}" if start + 10 < 25 else ""
        return records(range(start, min(start + 10, 25)), f"<resumptionToken{told}>{following}</resumptionToken>")


def harvest(url: str, **given: Any) -> Any:
    params = (("metadataPrefix", "oai_dc"), ("set", "报告"))
    oai = {"format": "xml", "items": ITEMS, "paging": Paging("oai"), "params": params, **given}
    return server(f"{url}/oai", **oai)


def identifiers(payloads: list) -> list[int]:
    return [int(n) for p in payloads for n in re.findall(r"oai:t:(\d+)", p.body.decode())]


def test_a_list_is_walked_by_its_tokens(fetch):
    with site(Repository()) as s:
        got = fetch(harvest(s.url))
    assert identifiers(got) == list(range(25)) and got[0].declared_total == 25
    first = {"verb": "ListRecords", "metadataPrefix": "oai_dc", "set": "报告"}
    later = [{"verb": "ListRecords", "resumptionToken": f"at {n}"} for n in (10, 20)]
    assert [a.query for a in s.asked] == [first, *later], "a token is exclusive"


def test_what_is_new_is_asked_for_with_the_first_request_only(fetch):
    with site(Repository()) as s:
        fetch(harvest(s.url, since_param="from"), since="2026-06-01")
    assert [a.query.get("from") for a in s.asked] == ["2026-06-01", None, None]


def test_a_list_in_one_answer_has_no_token(fetch):
    with site(lambda *_: records(range(3))) as s:
        assert identifiers(fetch(harvest(s.url))) == [0, 1, 2]


@pytest.mark.parametrize("size", [lambda n: None, lambda n: 25 if n < 3 else None, lambda n: None if n == 1 else 25])
def test_the_size_of_the_list_may_be_left_out(fetch, size):
    with site(Repository(size)) as s:
        assert len(identifiers(fetch(harvest(s.url)))) == 25


def test_no_record_at_all_is_a_complete_answer(fetch):
    with site(lambda *_: error("noRecordsMatch")) as s:
        [payload] = fetch(harvest(s.url))
    assert payload.body.count(b"noRecordsMatch") == 1


def test_a_wrong_size_of_the_list_is_an_error_unless_it_is_an_estimate(fetch):
    with site(Repository(lambda n: 24)) as s:
        with pytest.raises(FetchError, match="24 records are declared, 25 came"):
            fetch(harvest(s.url))
        estimated = Paging("oai", list_size="estimate")
        assert len(identifiers(fetch(harvest(s.url, paging=estimated)))) == 25


def test_a_size_that_changes_means_that_the_source_moved(fetch):
    with (
        site(Repository(lambda n: 24 + n)) as s,
        pytest.raises(SourceMovedError, match="moved from 25 to 26 on page 2"),
    ):
        fetch(harvest(s.url))


@pytest.mark.parametrize("code", ["badResumptionToken", "noRecordsMatch"])
def test_a_token_that_expired_means_that_the_source_moved(fetch, code):
    def answer(path, query, headers):
        return error(code) if query.get("resumptionToken") == "at 20" else Repository()(path, query, headers)

    with site(answer) as s, pytest.raises(SourceMovedError, match="no longer knows its list after page 2"):
        fetch(harvest(s.url))


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("badArgument", "badArgument"),
        ("badVerb", "badVerb"),
        ("cannotDisseminateFormat", "cannotDisseminateFormat"),
        ("noSetHierarchy", "noSetHierarchy"),
        ("badResumptionToken", "an error of no known code"),
        ("&lt;b&gt;evil", "an error of no known code"),
    ],
)
def test_other_errors_are_told_by_their_code_and_not_tried_again(fetch, code, shown):
    with site(lambda *_: error(code)) as s, pytest.raises(FetchError, match=f"the repository answers {shown}") as e:
        fetch(harvest(s.url))
    assert len(s.asked) == 1 and not isinstance(e.value, SourceMovedError)
    assert "evil" not in str(e.value) and "nobody quotes" not in str(e.value)


def test_a_token_that_repeats_runs_in_a_circle(fetch):
    def answer(path, query, headers):
        n = len(s.asked)
        return records(range(n, n + 1), "<resumptionToken>again</resumptionToken>")

    with site(answer) as s, pytest.raises(FetchError, match="was given before"):
        fetch(harvest(s.url))
    assert len(s.asked) == 2


def test_a_page_that_repeats_under_new_tokens_ends_the_walk(fetch):
    def answer(*_):
        return records(range(3), f"<resumptionToken>t{len(s.asked)}</resumptionToken>")

    with site(answer) as s, pytest.raises(FetchError, match="page 2 repeats an earlier page"):
        fetch(harvest(s.url))


@pytest.mark.parametrize(
    "broken",
    [
        lambda body: body[:-200],
        lambda body: b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + body.partition(b"?>")[2],
        lambda body: b"<html>maintenance</html>",
        lambda body: body.replace(b"</ListRecords>", b"<resumptionToken>two</resumptionToken></ListRecords>"),
        lambda body: body.replace(b'completeListSize="25"', b'completeListSize="many"'),
    ],
)
def test_a_page_that_cannot_be_read_is_tried_three_times_and_then_told(fetch, broken):
    def answer(path, query, headers):
        status, out, body = Repository()(path, query, headers)
        return status, out, broken(body) if "resumptionToken" in query else body

    with site(answer) as s, pytest.raises(FetchError, match=r"^pds/projects: .*\(3 tries\)"):
        fetch(harvest(s.url))
    assert len(s.asked) == 4


def test_busy_is_waited_for(fetch):
    def answer(path, query, headers):
        return (503, {"Retry-After": "11"}, b"") if len(s.asked) == 2 else Repository()(path, query, headers)

    with site(answer) as s:
        assert identifiers(fetch(harvest(s.url))) == list(range(25))
    assert fetch.waits == [11]


def test_a_page_of_something_else_is_no_answer_of_the_protocol():
    with pytest.raises(PayloadError, match="has no /OAI-PMH"):
        OaiReader(harvest("http://x"), "a/b").read(b"<ListRecords><record/></ListRecords>")
