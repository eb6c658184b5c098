"""Logins and signed requests: what is sent, what is renewed, what is refused, and what nobody may read."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from brain.errors import FetchError
from ingest.contract import Login, Paging, Signature
from tests.unit.http_site import Answer, as_json, server, site

ROWS = [{"no": i} for i in range(12)]
USER, WORD = "bureau-17", "w0rd-nobody-may-see"
LOGIN = Login("/anmeldung", (("user", "TEST_USER"), ("pass", "TEST_WORD")), "/out/ticket", expires="/out/seconds")
PAGED = Paging("offset", "from", "n", 4, 0)


@pytest.fixture
def secrets(fetch) -> Path:
    (fetch.secrets / "TEST_USER").write_text(USER)
    (fetch.secrets / "TEST_WORD").write_text(f"{WORD}\n")
    return fetch.secrets


class Gate:
    """A site that hands out tickets at `/anmeldung` and wants the newest one elsewhere. `used`: those that came."""

    def __init__(self, life: int | str | None = 3600):
        self.life = life
        self.issued = 0
        self.used: list[str] = []
        self.expire_after: int | None = None
        self.logins: list[dict] = []

    def __call__(self, path: str, query: dict, headers: dict) -> Answer:
        if path == "/anmeldung":
            self.logins.append(query)
            self.issued += 1
            return as_json({"out": {"ticket": self.ticket, "seconds": self.life}})
        self.used.append(headers.get("Authorization", ""))
        if self.used[-1] != f"Bearer {self.ticket}":
            return 401, {}, b"who?"
        if self.expire_after is not None and len(self.used) == self.expire_after:
            self.issued += 1  # nobody has the newest ticket any more
            return 401, {}, b"too late"
        start = int(query["from"])
        return as_json(ROWS[start : start + 4])

    @property
    def ticket(self) -> str:
        return f"ticket-{self.issued}-nobody-may-see"


# -- logins -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["form", "json"])
def test_one_login_serves_a_whole_walk(fetch, secrets, body):
    gate = Gate()
    with site(gate) as s:
        login = Login(**{**vars(LOGIN), "body": body, "fields": (("grant", "client"),)})
        got = fetch(server(f"{s.url}/rows", paging=PAGED, auth=login))
    assert len(got) == 4 and gate.used == ["Bearer ticket-1-nobody-may-see"] * 4
    assert gate.logins == [{"grant": "client", "user": USER, "pass": WORD}]
    assert s.asked[0].method == "POST" and WORD not in s.asked[0].raw_query


def test_a_login_by_get_and_a_token_in_a_header_of_its_own(fetch, secrets, caplog):
    def answer(path, query, headers):
        if path == "/anmeldung":
            return 201, {"Content-Encoding": "gzip"}, gzip.compress(b'{"t": "abc"}')
        return as_json(ROWS if headers.get("X-Ticket") == "abc" and "Authorization" not in headers else [])

    login = Login("/anmeldung?v=2", (("u", "TEST_USER"),), "/t", method="GET", header="X-Ticket", prefix="")
    with site(answer) as s, caplog.at_level("DEBUG"):
        assert len(fetch(server(f"{s.url}/rows", auth=login))) == 1
    assert [(a.method, a.query) for a in s.asked] == [("GET", {"v": "2", "u": USER}), ("GET", {})]
    assert USER not in caplog.text


def test_a_token_is_renewed_before_it_ends(fetch, secrets):
    gate = Gate(life=100)
    with site(gate) as s:

        def reader(payload):
            fetch.clock.now += 45  # 80 s are up after two pages

        fetch(server(f"{s.url}/rows", paging=PAGED, auth=LOGIN), each=reader)
    assert gate.issued == 2 and gate.used == [f"Bearer ticket-{n}-nobody-may-see" for n in (1, 1, 2, 2)]


@pytest.mark.parametrize("expires", ["/out/seconds", None])
def test_a_token_that_ends_in_mid_walk_is_renewed_once(fetch, secrets, expires):
    gate = Gate()
    gate.expire_after = 3
    with site(gate) as s:
        got = fetch(server(f"{s.url}/rows", paging=PAGED, auth=Login(**{**vars(LOGIN), "expires": expires})))
    assert len(got) == 4 and len(gate.logins) == 2 and fetch.waits == []
    assert [a.query["from"] for a in s.asked if a.path == "/rows"] == ["0", "4", "8", "8", "12"]


def test_a_fresh_token_that_is_refused_is_an_error(fetch, secrets):
    def answer(path, query, headers):
        return (
            as_json({"out": {"ticket": "fresh-nobody-may-see", "seconds": 9}})
            if path == "/anmeldung"
            else (401, {}, b"")
        )

    with site(answer) as s, pytest.raises(FetchError, match="refuses a token that its login has just handed out") as e:
        fetch(server(f"{s.url}/rows", auth=LOGIN))
    assert [a.path for a in s.asked] == ["/anmeldung", "/rows"] * 2
    assert "nobody-may-see" not in f"{e.value}{e.value.hint}"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ((401, {}, WORD.encode()), "login with TEST_USER, TEST_WORD is answered with 401"),
        ((404, {}, b""), "is answered with 404"),
        (as_json({"out": {}}), "no token at /out/ticket"),
        (as_json({"out": {"ticket": 7, "seconds": 1}}), "no token at /out/ticket"),
        (as_json({"out": {"ticket": "two\nlines", "seconds": 1}}), "no token at /out/ticket"),
        (as_json({"out": {"ticket": "ok", "seconds": "soon"}}), "no life in seconds at /out/seconds"),
        (as_json({"out": {"ticket": "ok", "seconds": -1}}), "no life in seconds at /out/seconds"),
        ((200, {}, b"<html>" + WORD.encode()), "no token at /out/ticket"),
        ((200, {}, b"[" * 100_000), "no token at /out/ticket"),
        ((200, {}, b" " * 2_000_000), "more than 1,048,576 bytes"),
    ],
)
def test_a_login_that_fails_says_so_and_quotes_nothing(fetch, secrets, answer, complaint):
    with site(lambda *_: answer) as s, pytest.raises(FetchError, match=complaint) as e:
        fetch(server(f"{s.url}/rows", auth=LOGIN))
    assert {a.path for a in s.asked} == {"/anmeldung"}
    assert e.value.hint and not any(secret in f"{e.value}{e.value.hint}" for secret in (USER, WORD))


def test_a_login_that_is_busy_is_tried_again(fetch, secrets):
    gate, busy = Gate(), [2]

    def answer(path, query, headers):
        busy[0] -= path == "/anmeldung"
        return (503, {"Retry-After": "7"}, b"") if path == "/anmeldung" and busy[0] >= 0 else gate(path, query, headers)

    with site(answer) as s:
        assert len(fetch(server(f"{s.url}/rows", paging=PAGED, auth=LOGIN))) == 4
    assert fetch.waits == [7, 7] and not any(USER in t or WORD in t for t in fetch.said)


@pytest.mark.parametrize("target", ["{other}/anmeldung", "/other"])
def test_secrets_follow_no_redirect(fetch, secrets, target):
    with site(lambda *_: as_json({})) as other:
        away = target.format(other=other.url)
        answer = (307, {"Location": away}, b"")
        with site(lambda *_: answer) as s, pytest.raises(FetchError, match="secrets follow no redirect"):
            fetch(server(f"{s.url}/rows", auth=LOGIN))
    assert other.asked == [] and len(s.asked) == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/token", "//evil.test/token", "https://evil.test/token"])
def test_no_login_elsewhere(fetch, secrets, address):
    with site(lambda *_: as_json({})) as s, pytest.raises(FetchError, match="the login's address leads to"):
        fetch(server(f"{s.url}/rows", auth=Login(**{**vars(LOGIN), "address": address})))
    assert s.asked == []


@pytest.mark.parametrize("by", ["redirect", "link"])
def test_a_token_goes_nowhere_else(fetch, secrets, by):
    gate = Gate()
    with site(lambda *_: as_json([])) as other:

        def answer(path, query, headers):
            if path == "/anmeldung":
                return gate(path, query, headers)
            if by == "redirect":
                return 302, {"Location": f"{other.url}/rows"}, b""
            return as_json({"rows": ROWS, "next": f"{other.url}/rows?p=2"})

        with site(answer) as s, pytest.raises(FetchError, match="away from the source"):
            fetch(server(f"{s.url}/rows", items="/rows", paging=Paging("link", next="/next"), auth=LOGIN))
    assert other.asked == []


def test_a_missing_secret_is_named_before_anything_is_asked(fetch):
    with site(lambda *_: as_json({})) as s, pytest.raises(FetchError, match="the secret TEST_USER is missing"):
        fetch(server(f"{s.url}/rows", auth=LOGIN))
    assert s.asked == []


# -- signatures -------------------------------------------------------------------------------------------------------

SIGNED = Signature(
    secret="TEST_WORD",
    key_id="TEST_USER",
    message="{method}\n{path}\n{query}\n{timestamp}\n{nonce}\n{body_sha256}",
    headers=(("X-Key", "{key_id}"), ("X-Time", "{timestamp}"), ("X-Once", "{nonce}"), ("X-Mac", "{signature}")),
)
EMPTY = hashlib.sha256(b"").hexdigest()


def test_every_page_and_every_retry_is_signed_afresh(fetch, secrets):
    nonces: list[str] = []

    def answer(path, query, headers):
        asked = s.asked[-1]
        lines = ("GET", path, asked.raw_query, headers["X-Time"], headers["X-Once"], EMPTY)
        mac = hmac.new(WORD.encode(), "\n".join(lines).encode(), "sha256").hexdigest()
        assert headers["X-Key"] == USER and abs(int(headers["X-Time"]) - datetime.now(UTC).timestamp()) < 60
        if headers["X-Mac"] != mac or headers["X-Once"] in nonces:
            return 401, {}, b""
        nonces.append(headers["X-Once"])
        if len(nonces) == 2:
            return 500, {}, b""
        start = int(query["from"])
        return as_json(ROWS[start : start + 4])

    with site(answer) as s:
        got = fetch(server(f"{s.url}/a%20b/行", params=(("区", "雁塔"), ("q", "a b&c")), paging=PAGED, auth=SIGNED))
    assert len(got) == 4 and len(nonces) == 5
    assert all(not h.startswith("X-") for p in got for h in p.headers)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_another_form_of_signature(fetch, secrets, algorithm, encoding):
    signature = Signature(
        secret="TEST_WORD",
        message="{host}|{path}|{sorted_query}|{timestamp}",
        headers=(("Authorization", "MAC ts={timestamp},sig={signature}"),),
        algorithm=algorithm,
        encoding=encoding,
        timestamp="iso",
    )

    def answer(path, query, headers):
        stamp, _, sent = headers["Authorization"].removeprefix("MAC ts=").partition(",sig=")
        assert abs(datetime.fromisoformat(stamp) - datetime.now(UTC)) < timedelta(minutes=1) and stamp.endswith("Z")
        message = f"{headers['Host']}|{path}|a=1&b=2|{stamp}"
        mac = hmac.new(WORD.encode(), message.encode(), algorithm)
        right = mac.hexdigest() if encoding == "hex" else base64.b64encode(mac.digest()).decode()
        return as_json(ROWS) if sent == right else (403, {}, b"")

    with site(answer) as s:
        assert len(fetch(server(f"{s.url}/rows", params=(("b", "2"), ("a", "1")), auth=signature))) == 1


def test_a_redirect_within_the_source_is_signed_for_its_own_path(fetch, secrets):
    def answer(path, query, headers):
        lines = ("GET", path, "", headers["X-Time"], headers["X-Once"], EMPTY)
        right = hmac.new(WORD.encode(), "\n".join(lines).encode(), "sha256").hexdigest()
        if headers["X-Mac"] != right:
            return 401, {}, b""
        return (302, {"Location": "/new"}, b"") if path == "/old" else as_json(ROWS)

    with site(answer) as s:
        assert fetch(server(f"{s.url}/old", auth=SIGNED))[0].url == f"{s.url}/new"


def refused(*, minutes: int) -> Answer:
    return 401, {"Date": format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)}, b""


@pytest.mark.parametrize(("minutes", "side"), [(20, "behind"), (-20, "ahead of")])
def test_a_wrong_clock_is_told(fetch, secrets, minutes, side):
    with bare(refused(minutes=minutes)) as url, pytest.raises(FetchError) as e:
        fetch(server(f"{url}/rows", auth=SIGNED))
    assert "refuses the signature made with TEST_USER and TEST_WORD (401)" in str(e.value)
    assert f"s {side} the source's" in str(e.value) and "NTP" in (e.value.hint or "")


def test_a_refused_signature_is_told_without_the_secret(fetch, secrets):
    with bare(refused(minutes=0)) as url, pytest.raises(FetchError, match="refuses the signature") as e:
        fetch(server(f"{url}/rows", auth=SIGNED))
    assert "clock" not in str(e.value) and not any(x in f"{e.value}{e.value.hint}" for x in (USER, WORD))


# -- the deadline while headers trickle -------------------------------------------------------------------------------


@contextmanager
def bare(answer: Answer, *, trickle: bool = False) -> Iterator[str]:
    """A socket that answers with exactly these headers; with `trickle` it goes on sending headers, never ending."""
    status, headers, _ = answer
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items())
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def play() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.recv(65536)
                    try:
                        connection.sendall(head.encode() + (b"" if trickle else b"Content-Length: 0\r\n\r\n"))
                        while trickle and not stop.wait(0.02):
                            connection.sendall(b"0")
                    except OSError:
                        continue

        thread = threading.Thread(target=play, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("head", [{"X-Long": ""}, {"Transfer-Encoding": "chunked", "X": "\r\n"}])
def test_headers_and_sizes_of_chunks_that_trickle_do_not_outlast_the_deadline(fetch, monkeypatch, head):
    """No byte ever comes later than the timeout of a read, so only the deadline can end this."""
    import time

    from ingest.fetch import http as http_module

    monkeypatch.setattr(http_module, "time", time)
    with bare((200, head, b""), trickle=True) as url, pytest.raises(FetchError, match="not done within 1 s"):
        fetch(server(f"{url}/rows", limits={"deadlineSeconds": 1, "timeoutSeconds": 30}))
