"""The HTTP fetcher against small servers of this test's own, with other paths and names than the demo city's."""

from __future__ import annotations

import gzip
import json
import socket

import pytest

from brain.errors import BrainError, FetchError
from ingest.contract import Auth, Paging
from ingest.fetch import Payload
from tests.unit.http_site import as_json, server, site

SECRET = "t0ken-nobody-may-see"
ROWS = [{"no": i, "title": f"示范项目{i}"} for i in range(25)]


def items(payloads: list[Payload], *path: str) -> list[dict]:
    found = []
    for p in payloads:
        document = json.loads(p.body)
        for name in path:
            document = document[name]
        found += document
    return found


# -- paging -----------------------------------------------------------------------------------------------------------


def test_page_paging(fetch):
    def answer(path, query, headers):
        page, size = int(query["p"]), int(query["rows"])
        return as_json({"result": {"list": ROWS[page * size : (page + 1) * size], "count": len(ROWS)}})

    with site(answer) as s:
        paging = Paging("page", "p", "rows", 10, 0)
        got = fetch(server(f"{s.url}/v2/list", items="/result/list", total="/result/count", paging=paging))
    assert items(got, "result", "list") == ROWS
    assert [a.query["p"] for a in s.asked] == ["0", "1", "2"]
    assert [p.declared_total for p in got] == [25, 25, 25]
    assert got[1].url == f"{s.url}/v2/list?rows=10&p=1"
    assert s.connections == 1


def test_page_paging_without_a_total_ends_with_an_empty_page_not_with_a_short_one(fetch):
    def answer(path, query, headers):  # the source caps its pages at 4, whatever is asked for
        page = int(query["page"])
        return as_json(ROWS[(page - 1) * 4 : page * 4])

    with site(answer) as s:
        got = fetch(server(f"{s.url}/x", paging=Paging("page", "page", "size", 10, 1)))
    assert items(got) == ROWS
    assert len(s.asked) == 8


def beyond_empty(rows, query):
    return as_json({"rows": rows, "n": 20})


def beyond_missing(rows, query):
    return as_json({"rows": rows, "n": 20}) if rows else (404, {}, b"")


def beyond_broken(rows, query):
    return as_json({"rows": rows, "n": 20}) if rows else (500, {}, b"")


def beyond_again(rows, query):
    return as_json({"rows": rows or ROWS[10:20], "n": 20})


@pytest.mark.parametrize("answers", [beyond_empty, beyond_missing, beyond_broken, beyond_again])
def test_a_total_that_came_with_a_full_page_is_asked_beyond(fetch, answers):
    """Whatever a source says to the page behind its last one, everything has come and nothing twice."""

    def answer(path, query, headers):
        start = 10 * (int(query["page"]) - 1)
        return answers(ROWS[:20][start : start + 10], query)

    with site(answer) as s:
        got = fetch(server(f"{s.url}/x", items="/rows", total="/n", paging=Paging("page", "page", "size", 10, 1)))
    assert items(got, "rows") == ROWS[:20]


@pytest.mark.parametrize("cap", [10, 5])
def test_a_total_that_is_capped_is_found(fetch, cap: int):
    """A source that tells 20 at the most and holds 25, also where its pages are smaller than asked for."""

    def answer(path, query, headers):
        start = cap * (int(query["page"]) - 1)
        return as_json({"rows": ROWS[:25][start : start + cap], "n": 20})

    with site(answer) as s, pytest.raises(FetchError, match="20 records are declared, 25 came"):
        fetch(server(f"{s.url}/x", items="/rows", total="/n", paging=Paging("page", "page", "size", 10, 1)))


def test_offset_paging_goes_on_by_what_came(fetch):
    def answer(path, query, headers):  # capped at 7
        start = int(query["skip"])
        return as_json({"rows": ROWS[start : start + min(7, int(query["take"]))], "n": "25"})

    with site(answer) as s:
        got = fetch(server(f"{s.url}/x", items="/rows", total="/n", paging=Paging("offset", "skip", "take", 10, 0)))
    assert items(got, "rows") == ROWS
    assert [a.query["skip"] for a in s.asked] == ["0", "7", "14", "21"]


def test_cursor_paging(fetch):
    def answer(path, query, headers):
        start = int(query.get("after", "c0=&")[1:-2])
        following = f"c{start + 10}=&" if start + 10 < len(ROWS) else None
        return as_json({"rows": ROWS[start : start + 10], "meta": {"after": following}})

    with site(answer) as s:
        paging = Paging("cursor", "after", "n", 10, 1, "/meta/after")
        got = fetch(server(f"{s.url}/x?kind=a", items="/rows", paging=paging))
    assert items(got, "rows") == ROWS
    assert [a.query.get("after") for a in s.asked] == [None, "c10=&", "c20=&"]
    assert all(a.query["kind"] == "a" and a.query["n"] == "10" for a in s.asked)


@pytest.mark.parametrize("where", ["body", "header"])
def test_link_paging(fetch, where):
    def answer(path, query, headers):
        start = int(query.get("s", 0))
        following = f"/other/path?s={start + 10}" if start + 10 < len(ROWS) else None
        if where == "body":
            return as_json({"rows": ROWS[start : start + 10], "links": {"next": following}})
        links = {"Link": f'</first>; rel="first", <{following}>; rel="next"'} if following else {}
        return as_json({"rows": ROWS[start : start + 10]}, **links)

    with site(answer) as s:
        paging = Paging("link", None, "per", 10, 1, "/links/next" if where == "body" else None)
        got = fetch(server(f"{s.url}/x", items="/rows", paging=paging))
    assert items(got, "rows") == ROWS
    assert [a.path for a in s.asked] == ["/x", "/other/path", "/other/path"]


def test_one_file_comes_byte_by_byte_as_sent(fetch):
    body = "编号,名称\n1,示范\n".encode("gb18030") * 100_000
    with site(lambda *_: (200, {"ETag": '"v1"', "Set-Cookie": "a=b"}, body)) as s:
        got = fetch(server(f"{s.url}/list.csv", format="csv", encoding="gb18030"))
    assert [p.body for p in got] == [body]
    assert (got[0].status, got[0].headers, got[0].declared_total) == (200, {"ETag": '"v1"'}, None)


def test_a_compressed_page_is_kept_compressed(fetch):
    packed = gzip.compress(json.dumps(ROWS).encode())
    with site(lambda *_: (200, {"Content-Encoding": "gzip"}, packed)) as s:
        got = fetch(server(f"{s.url}/x", paging=Paging("link")))
    assert got[0].body == packed
    assert got[0].headers["Content-Encoding"] == "gzip"
    assert s.asked[0].headers["Accept-Encoding"] == "gzip"


def test_chunked_bodies(fetch):
    text = json.dumps(ROWS).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (text[:100], text[100:])) + b"0\r\n\r\n"
    with site(lambda *_: (200, {"Transfer-Encoding": "chunked"}, chunks)) as s:
        assert fetch(server(f"{s.url}/x"))[0].body == text


def test_incremental_parameter(fetch):
    with site(lambda *_: as_json([])) as s:
        fetch(server(f"{s.url}/x", since_param="changed_after"), since="2026-01-31T08:00:00Z")
        fetch(server(f"{s.url}/x", since_param="changed_after"))
        fetch(server(f"{s.url}/x"), since="2026-01-31T08:00:00Z")
    assert [a.query for a in s.asked] == [{"changed_after": "2026-01-31T08:00:00Z"}, {}, {}]


def test_fixed_parameters(fetch):
    with site(lambda *_: as_json([])) as s:
        fetch(server(f"{s.url}/x", params=(("地区", "西安"),)))
    assert s.asked[0].query == {"地区": "西安"}


def test_the_address_may_name_a_setting(fetch):
    with pytest.raises(FetchError, match="cannot be reached \\(connection refused\\)"):
        fetch(server("${BRAIN_DEMO_URL}/x"))


# -- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Auth("bearer", "TEST_TOKEN"), "Authorization", f"Bearer {SECRET}"),
        (Auth("header", "TEST_TOKEN", "X-Key"), "X-Key", SECRET),
    ],
)
def test_the_secret_is_sent(fetch, monkeypatch, auth, header, value):
    (fetch.secrets / "TEST_TOKEN").write_text(f"{SECRET}\n")
    # a password for this host in ~/.netrc must not take the token's place
    (fetch.secrets / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(fetch.secrets / "netrc"))
    with site(lambda *_: as_json([])) as s:
        fetch(server(f"{s.url}/x", auth=auth))
        monkeypatch.setenv("BRAIN_SECRET_TEST_TOKEN", "from-the-environment")
        fetch(server(f"{s.url}/x", auth=auth))
    assert s.asked[0].headers[header] == value
    assert s.asked[1].headers[header] == value.replace(SECRET, "from-the-environment")


@pytest.mark.parametrize("content", [None, "", " \n", "two words", "geheim\x00", "密钥"])
def test_a_secret_that_cannot_be_sent(fetch, content):
    if content is not None:
        (fetch.secrets / "TEST_TOKEN").write_text(content, encoding="utf-8")
    with site(lambda *_: as_json([])) as s, pytest.raises(FetchError, match="pds/projects: the secret TEST_TOKEN") as e:
        fetch(server(f"{s.url}/x", auth=Auth("bearer", "TEST_TOKEN")))
    assert s.asked == []
    assert content is None or not content.strip() or content not in str(e.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_secret_is_named_and_not_quoted(fetch, status):
    (fetch.secrets / "TEST_TOKEN").write_text(SECRET)
    with (
        site(lambda *_: (status, {}, SECRET.encode())) as s,
        pytest.raises(FetchError, match="refuses the secret") as e,
    ):
        fetch(server(f"{s.url}/x", auth=Auth("bearer", "TEST_TOKEN")))
    assert "TEST_TOKEN" in str(e.value)
    assert SECRET not in str(e.value)
    assert len(s.asked) == 1


def test_a_source_that_wants_a_token_which_the_contract_does_not_name(fetch):
    with site(lambda *_: (401, {}, b"")) as s, pytest.raises(FetchError, match="declare `auth`"):
        fetch(server(f"{s.url}/x"))


@pytest.mark.parametrize(
    ("location", "complaint"),
    [
        ("${BRAIN_SECRET_TEST_TOKEN}/x", "a secret stands in the address"),
        ("http://user:t0ken-nobody-may-see@127.0.0.1:9/x", "a user or password stands in the address"),
        ("${NOBODY_SET_THIS}/x", "needs NOBODY_SET_THIS"),
        ("ftp://127.0.0.1/x", "no HTTP address"),
        ("file:///etc/passwd", "no HTTP address"),
        ("http://127.0.0.1:port/x", "no HTTP address"),
    ],
)
def test_addresses_that_are_not_used(fetch, location, complaint):
    with pytest.raises(FetchError, match=complaint) as e:
        fetch(server(location))
    assert SECRET not in str(e.value)


# -- tries, waits, deadline -------------------------------------------------------------------------------------------


def failing(times: int, status: int, **headers):
    """A site that answers so often with an error, then well."""
    left = [times]

    def answer(*_):
        left[0] -= 1
        return (status, headers, b"") if left[0] >= 0 else as_json(ROWS)

    return answer


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_tries_again_with_growing_waits(fetch, status):
    with site(failing(4, status)) as s:
        got = fetch(server(f"{s.url}/x", limits={"retries": 4}))
    assert items(got) == ROWS
    assert fetch.waits == [0.5, 1, 2, 4]


def test_gives_up_after_the_agreed_tries(fetch):
    with site(failing(9, 500)) as s, pytest.raises(FetchError, match=r"pds/projects: answers 500 \(3 tries\)"):
        fetch(server(f"{s.url}/x"))
    assert len(s.asked) == 3


@pytest.mark.parametrize("status", [400, 404, 410, 204, 206])
def test_other_answers_are_not_tried_again(fetch, status):
    with site(failing(9, status)) as s, pytest.raises(FetchError, match=f"answers {status}"):
        fetch(server(f"{s.url}/x"))
    assert len(s.asked) == 1


def test_retry_after_in_seconds_is_kept_to(fetch):
    with site(failing(1, 429, **{"Retry-After": "37"})) as s:
        fetch(server(f"{s.url}/x"))
    assert fetch.waits == [37]


def test_retry_after_as_a_date_is_kept_to(fetch):
    from email.utils import formatdate
    from time import time

    with site(failing(1, 503, **{"Retry-After": formatdate(time() + 100, usegmt=True)})) as s:
        fetch(server(f"{s.url}/x"))
    assert 60 < fetch.waits[0] <= 101


@pytest.mark.parametrize("value", ["soon", "Wed, 99 Foo 2026", "-5", ""])
def test_an_unreadable_retry_after_counts_as_none(fetch, value):
    with site(failing(1, 503, **{"Retry-After": value})) as s:
        fetch(server(f"{s.url}/x"))
    assert fetch.waits == [0.5]


def test_a_wait_beyond_the_deadline_is_not_begun(fetch):
    with site(failing(1, 429, **{"Retry-After": "86400"})) as s, pytest.raises(FetchError, match="86,400 s would pass"):
        fetch(server(f"{s.url}/x"))
    assert fetch.waits == []


def test_the_deadline_counts_all_pages_together(fetch):
    def answer(path, query, headers):
        fetch.clock.now += 40
        return as_json([int(query["page"])])

    with site(answer) as s, pytest.raises(FetchError, match="not done within 100 s"):
        fetch(server(f"{s.url}/x", paging=Paging("page", "page", "size", 1), limits={"deadlineSeconds": 100}))
    assert len(s.asked) == 3


def test_the_readers_own_time_does_not_count(fetch):
    def answer(path, query, headers):
        return as_json(ROWS[int(query["page"]) :][:1])

    def slow_reader(payload):
        fetch.clock.now += 1000

    with site(answer) as s:
        limits = {"deadlineSeconds": 100}
        got = fetch(server(f"{s.url}/x", paging=Paging("page", "page", "size", 1), limits=limits), each=slow_reader)
    assert len(got) == 25


def test_the_rate_limit_is_kept(fetch):
    with site(lambda path, query, headers: as_json(ROWS[int(query["page"]) :][:5])) as s:
        fetch(server(f"{s.url}/x", paging=Paging("page", "page", "size", 5), limits={"perSecond": 4}))
    assert fetch.waits == [0.25] * (len(s.asked) - 1)


def test_a_source_that_is_down(fetch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(FetchError, match=r"cannot be reached \(connection refused\) \(3 tries\)"):
        fetch(server(f"http://127.0.0.1:{port}/x"))


# -- what is not followed, what is too much ---------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["{other}/x", "https://127.0.0.1:{port}/x", "//localhost:{port}/x", "http://[bad/x"])
@pytest.mark.parametrize("by", ["redirect", "link"])
def test_nothing_is_followed_to_another_place(fetch, target, by):
    (fetch.secrets / "TEST_TOKEN").write_text(SECRET)
    with site(lambda *_: as_json([])) as other:

        def answer(*_):
            away = target.format(other=other.url, port=s.server_address[1])
            return (302, {"Location": away}, b"") if by == "redirect" else as_json({"rows": ROWS, "next": away})

        with site(answer) as s, pytest.raises(FetchError, match="away from the source") as e:
            auth = Auth("header", "TEST_TOKEN")
            fetch(server(f"{s.url}/x", items="/rows", paging=Paging("link", next="/next"), auth=auth))
    assert other.asked == []
    assert len(s.asked) == 1
    assert SECRET not in str(e.value)


def test_a_next_link_with_a_password_is_not_followed(fetch):
    def answer(*_):
        return as_json({"rows": ROWS, "next": s.url.replace("//", "//user:word@") + "/x?page=2"})

    with site(answer) as s, pytest.raises(FetchError, match="away from the source") as e:
        fetch(server(f"{s.url}/x", items="/rows", paging=Paging("link", next="/next")))
    assert "word" not in str(e.value)


def test_a_redirect_within_the_source_is_followed(fetch):
    def answer(path, query, headers):
        return (301, {"Location": "/new"}, b"moved") if path == "/old" else as_json(ROWS)

    with site(answer) as s:
        got = fetch(server(f"{s.url}/old"))
    assert items(got) == ROWS
    assert got[0].url == f"{s.url}/new"


def test_redirects_end(fetch):
    with site(lambda *_: (302, {"Location": "/x"}, b"")) as s, pytest.raises(FetchError, match="more than 5 redirects"):
        fetch(server(f"{s.url}/x"))
    assert len(s.asked) == 6


def test_an_announced_size_beyond_the_cap(fetch):
    with site(lambda *_: as_json(ROWS)) as s, pytest.raises(FetchError, match="more than 100 bytes"):
        fetch(server(f"{s.url}/x", limits={"maxBytes": 100}))
    assert len(s.asked) == 1


def test_an_unannounced_size_beyond_the_cap(fetch):
    body = b"x" * 3_000_000
    with site(lambda *_: (200, {"Connection": "close"}, body)) as s, pytest.raises(FetchError, match="1,000,000 bytes"):
        fetch(server(f"{s.url}/x", format="csv", limits={"maxBytes": 1_000_000}))


def test_paging_over_tables_is_refused(fetch):
    with pytest.raises(FetchError, match="JSON and XML only"):
        fetch(server("http://127.0.0.1:9/x", format="csv", paging=Paging("page", "page", "size", 5)))


def test_a_compressed_file_without_length_must_be_whole(fetch):
    packed = gzip.compress(json.dumps(ROWS).encode())[:-20]
    answer = (200, {"Content-Encoding": "gzip", "Connection": "close"}, packed)
    with site(lambda *_: answer) as s, pytest.raises(FetchError, match="cut off"):
        fetch(server(f"{s.url}/x.json"))


def test_every_error_is_one_a_person_can_act_on(fetch):
    with site(failing(9, 500)) as s, pytest.raises(BrainError) as e:
        fetch(server(f"{s.url}/x"))
    assert e.value.hint
