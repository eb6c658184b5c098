"""The city's systems over HTTP: what they want, what they give, how time passes for them, and that they end."""

import hashlib
import hmac
import itertools
import json
import stat
import time
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
import requests

from demo import systems
from demo.endpoint import ApiKey, Bearer, Endpoint, Hmac, Login, Request, Response
from demo.guard import EMPTY_SHA256, Guard, RefusedError
from demo.register import Register, stamp_text
from demo.server import serve
from demo.state import State, chosen_state, read_state, write_state


class Things(Register):
    """Twenty-five things; one more every day."""

    source, record, key = "toy", "thing", ("id",)
    conflicting: ClassVar = {"name": "another"}

    def size(self) -> int:
        return 25 + self.city.day

    def row(self, slot: int) -> dict:
        return {"id": slot, "name": f"物{slot}", "at": stamp_text(self.changed(slot))}

    def changed(self, slot: int) -> datetime:
        return datetime(2026, 6, 1) + timedelta(days=slot)  # noqa: DTZ001


def echo(city, request: Request) -> Response:
    return Response(200, json.dumps({"day": city.day, "query": dict(request.query)}).encode(), {"Content-Type": "x/y"})


TOY = (
    Endpoint("/a/page", Things, envelope={"code": 0}, auth=Bearer("TOY_TOKEN")),
    Endpoint("/a/offset", Things, "offset", "rows", "count", page_param="offset", size_param="limit", since=None),
    Endpoint(
        "/a/cursor", Things, "cursor", "items", "page.total", "page.next", "cursor", "limit", auth=ApiKey("TOY_KEY")
    ),
    Endpoint("/a/link", Things, "link", "things", "total", "links.next", size_param="per_page"),
    Endpoint("/a/bare", Things, items="", total=None),
    Endpoint(
        "/a/login", Things, auth=Login("/a/token", {"client_id": "TOY_ID", "client_secret": "TOY_SECRET"}, requests=3)
    ),
    Endpoint("/a/signed", Things, auth=Hmac("TOY_KEY_ID", "TOY_SECRET")),
    Endpoint("/a/own", handler=echo),
)
SECRETS = {f"TOY_{name}": name.lower() * 4 for name in ("TOKEN", "KEY", "ID", "SECRET", "KEY_ID")}


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """`toy(faults…)`: a server of the toy endpoints."""
    monkeypatch.setattr(systems, "endpoints", lambda: {e.path: e for e in TOY})
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"BRAIN_SECRET_{name}", value)
    servers = []

    def start(*faults: str, **given):
        servers.append(serve(0, 1, 0.1, secrets_dir=tmp_path, faults=faults, **given))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


BEARER = {"Authorization": f"Bearer {SECRETS['TOY_TOKEN']}"}
KEY = {"X-Api-Key": SECRETS["TOY_KEY"]}


def get(server, path, method="GET", **given):
    return requests.request(method, path if path.startswith("http") else server.url + path, timeout=10, **given)


def signed(path: str, query: str = "", nonce: str = "n1", at: float | None = None) -> dict[str, str]:
    at = str(int(time.time() if at is None else at))
    message = "\n".join(("GET", path, query, at, nonce, EMPTY_SHA256))
    signature = hmac.new(SECRETS["TOY_SECRET"].encode(), message.encode(), hashlib.sha256).hexdigest()
    return {"X-Key-Id": SECRETS["TOY_KEY_ID"], "X-Timestamp": at, "X-Nonce": nonce, "X-Signature": signature}


def walk(server, kind: str) -> list[dict]:
    """All things, page by page, as a client of that kind of paging reads them."""
    rows: list[dict] = []
    if kind == "page":
        for page in itertools.count(1):
            data = get(server, f"/a/page?size=7&page={page}", headers=BEARER).json()["data"]
            assert (data["total"], data["page"], data["size"]) == (26, page, 7)
            if not data["items"]:
                return rows
            rows += data["items"]
    if kind == "offset":
        return [r for at in range(0, 30, 7) for r in get(server, f"/a/offset?limit=7&offset={at}").json()["rows"]]
    address, headers = (f"/a/{kind}?limit=7&per_page=7", KEY if kind == "cursor" else {})
    while address:
        body = get(server, address, headers=headers).json()
        rows += body["items" if kind == "cursor" else "things"]
        following = body["page" if kind == "cursor" else "links"]["next"]
        address = following and (f"/a/cursor?limit=7&cursor={following}" if kind == "cursor" else following)
    return rows


@pytest.mark.parametrize("kind", ["page", "offset", "cursor", "link"])
def test_every_kind_of_paging_gives_everything_once(toy, kind):
    server = toy()
    assert walk(server, kind) == list(Things(server.city).rows())


def test_a_bare_list_and_a_handler_of_its_own(toy):
    server = toy()
    assert get(server, "/a/bare?size=3").json() == list(Things(server.city).rows())[:3]
    answer = get(server, "/a/own?verb=x")
    assert (answer.json(), answer.headers["Content-Type"]) == ({"day": 0, "query": {"verb": "x"}}, "x/y")


@pytest.mark.parametrize("text", ["2026-06-20T00:00:00Z", "2026-06-20", "2026-06-20T08:00:00+08:00"])
def test_changes_since_a_moment_are_inclusive(toy, text):
    data = get(toy(), "/a/page", params={"updated_since": text}, headers=BEARER).json()["data"]
    assert [r["id"] for r in data["items"]] == [19, 20, 21, 22, 23, 24]
    assert data["total"] == 6


@pytest.mark.parametrize(
    "query", ["page?page=0", "page?page=x", "page?size=0", "offset?offset=-1", "page?updated_since=gestern"]
)
def test_impossible_requests(toy, query):
    assert get(toy(), f"/a/{query}", headers=BEARER).status_code == 400


def test_unknown_paths_and_methods(toy):
    server = toy()
    assert get(server, "/").status_code == 404
    assert get(server, "/a/bare", "POST").status_code == 405
    assert get(server, "/a/token").status_code == 405
    assert get(server, "/health").json()["status"] == "ok"


def test_a_cursor_cannot_be_made_up(toy):
    server = toy()
    following = get(server, "/a/cursor?limit=10", headers=KEY).json()["page"]["next"]
    assert get(server, f"/a/cursor?limit=10&cursor={following}", headers=KEY).status_code == 200
    for made_up in ("10", "AAAAAAAAAAAAAAAK", following[:-2] + "AA"):
        assert get(server, f"/a/cursor?cursor={made_up}", headers=KEY).status_code == 400


@pytest.mark.parametrize("path", ["/a/page", "/a/cursor", "/a/login", "/a/signed"])
def test_no_secret_no_records(toy, path):
    server = toy()
    assert get(server, path).status_code == 401
    assert get(server, path, headers={"Authorization": "Bearer wrong", "X-Api-Key": "wrong"}).status_code == 401


def test_a_token_from_a_login_wears_out(toy):
    server = toy("tokens-dropped:/a/login@5")
    given = {"client_id": SECRETS["TOY_ID"], "client_secret": SECRETS["TOY_SECRET"]}
    assert get(server, "/a/token", "POST", json={**given, "client_id": "x"}).status_code == 401
    data = get(server, "/a/token", "POST", json=given).json()["data"]
    assert data["expiresIn"] == 600
    headers = {"Authorization": f"Bearer {data['token']}"}
    assert [get(server, "/a/login", headers=headers).status_code for _ in range(4)] == [200, 200, 200, 401]
    data = get(server, "/a/token", "POST", data=given).json()["data"]
    headers = {"Authorization": f"Bearer {data['token']}"}
    assert get(server, "/a/login", headers=headers).status_code == 401, "the fifth request: all tokens end"


def test_a_token_from_a_login_ends_with_its_time():
    now = [1000.0]
    guard = Guard(SECRETS, clock=lambda: now[0])
    auth = Login("/t", {"id": "TOY_ID"}, seconds=60)
    token, _ = guard.login(auth, {"id": SECRETS["TOY_ID"]})
    headers = {"Authorization": f"Bearer {token}"}
    now[0] = 1059.0
    guard.check(auth, headers, "GET", "/x", "")
    now[0] = 1060.0
    with pytest.raises(RefusedError):
        guard.check(auth, headers, "GET", "/x", "")


def test_a_signature_holds_for_one_request_only(toy):
    server = toy()
    query = "size=2&page=2"
    assert get(server, f"/a/signed?{query}", headers=signed("/a/signed", query)).status_code == 200
    assert get(server, f"/a/signed?{query}", headers=signed("/a/signed", query)).status_code == 401, "the same nonce"
    assert get(server, "/a/signed?size=3", headers=signed("/a/signed", query, "n2")).status_code == 401, "another query"
    assert get(server, "/a/signed", headers=signed("/a/signed", "", "n3", time.time() - 400)).status_code == 401, "late"


def test_secrets_are_made_once_and_for_the_owner_only(toy, tmp_path, monkeypatch):
    monkeypatch.delenv("BRAIN_SECRET_TOY_TOKEN")
    one, other = toy(), toy()
    path = tmp_path / "TOY_TOKEN"
    assert len(path.read_text().strip()) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert one.tokens == other.tokens == {**SECRETS, "TOY_TOKEN": path.read_text().strip()}


def test_time_passes_for_walks_that_begin(toy, tmp_path):
    home = tmp_path / "var"
    write_state(home, State(1, 0.1, 2))
    server = toy(home=home)
    assert get(server, "/a/offset?limit=20").json()["count"] == 28
    write_state(home, State(1, 0.1, 5))
    assert get(server, "/a/offset?limit=20&offset=20").json()["count"] == 28, "a walk under way goes on as it began"
    assert get(server, "/a/offset?limit=20").json()["count"] == 31
    assert get(server, "/health").json()["day"] == 5


def test_a_server_without_a_folder_moves_by_hand(toy):
    server = toy(day=3)
    server.advance(4)
    assert get(server, "/health").json()["day"] == 7


def test_a_state_folder_holds_one_city(tmp_path):
    assert read_state(tmp_path) is None
    assert chosen_state(tmp_path, None, None) == State(1, 1.0, 0)
    write_state(tmp_path, State(2, 0.1, 9))
    assert chosen_state(tmp_path, None, 0.1) == State(2, 0.1, 9)
    with pytest.raises(ValueError, match=r"holds the city of seed 2 and scale 0\.1; choose another BRAIN_HOME"):
        chosen_state(tmp_path, 1, None)
    (tmp_path / "demo" / "city.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        read_state(tmp_path)


@pytest.mark.parametrize(
    ("kind", "sees"),
    [
        ("wrong-total", lambda one, two: two["count"] == one["count"] + 3),
        ("moving-total", lambda one, two: two["count"] == one["count"] + 1),
        ("same-page", lambda one, two: two["rows"][0]["id"] == 0),
        ("lost-row", lambda one, two: two["rows"][0] == one["rows"][1]),
        ("overlap", lambda one, two: two["rows"][5] == one["rows"][0]),
        ("new-field", lambda one, two: all("新增字段" in r for r in two["rows"])),
        ("missing-field", lambda one, two: not any("at" in r for r in two["rows"])),
    ],
)
def test_a_fault_in_the_page(toy, kind, sees):
    server = toy(f"{kind}:/a/offset@2")
    path = "/a/offset?limit=8&offset=8"
    one, two, three = (get(server, path).json() for _ in range(3))
    assert one == three
    assert sees(one, two)


def test_a_fault_in_the_bytes(toy):
    server = toy("gbk:/a/bare@1", "500:/a/bare@2", "429:/a/bare@3", "empty:/a/bare@4", "redirect-away:/a/bare@5")
    answers = [get(server, "/a/bare", allow_redirects=False) for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 500, 429, 200, 302]
    assert "物1" in answers[0].content.decode("gb18030")
    assert answers[0].headers["Content-Type"].endswith("utf-8")
    assert answers[2].headers["Retry-After"] == "1"
    assert answers[3].content == b""
    assert answers[4].headers["Location"].startswith("http://elsewhere.example")


def test_a_taken_port_is_an_error_and_a_closed_one_is_free(tmp_path):
    first = serve(0, scale=0.1, secrets_dir=tmp_path)
    port = first.server_address[1]
    with pytest.raises(OSError, match="in use"):
        serve(port, scale=0.1, secrets_dir=tmp_path)
    first.close()
    serve(port, scale=0.1, secrets_dir=tmp_path).close()


def test_a_country_answers_page_by_page_without_being_held(tmp_path):
    """At scale 1000 a late page of every register comes from slot numbers: nothing is listed, little is made."""
    server = serve(0, 1, 1000, secrets_dir=tmp_path)
    server.close()
    for endpoint in systems.endpoints().values():
        if endpoint.register is None or endpoint.handler:
            continue
        made = []
        register = server.city.slice(endpoint.register)
        row = register.row
        register.row = lambda slot, row=row, made=made: made.append(slot) or row(slot)
        total = register.total()
        assert len(register.page(total - 100, 100)) == 100
        assert len(made) <= 100, f"{endpoint.path} makes {len(made)} rows for a page of 100"
