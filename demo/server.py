"""The city's source systems over real HTTP, on this machine only: whatever systems/ registers, and `/health`.

How an address answers is said by its Endpoint (endpoint.py), what it answers by its Register, who may read by guard.py.
"""

from __future__ import annotations

import base64
import email.utils
import gzip
import hmac
import json
import secrets
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from demo import spoil, systems
from demo.city import City
from demo.endpoint import Endpoint, Login, Request, Response
from demo.faults import Fault, Faults, read_faults
from demo.guard import Guard, RefusedError, make_secrets, secret_names
from demo.register import Register
from demo.state import State, chosen_state, read_state

HOST = "127.0.0.1"
FOREIGN = "http://elsewhere.example"
_ITEMS = "\0items\0"


def serve(
    port: int = 0,
    seed: int | None = None,
    scale: float | None = None,
    *,
    day: int = 0,
    home: Path | None = None,
    secrets_dir: Path | None = None,
    faults: Iterable[Fault | str] = (),
) -> CityServer:
    """Start the city's systems in a thread of this process; `port` 0 picks a free one.

    With `home` the city is that of `<home>/demo/city.json`, and every walk begins with a look at its day. The secrets
    lie in `secrets_dir` (BRAIN_SECRETS by default) and are made where they are missing. The result is a context
    manager: leaving it ends the server. Raises OSError when the port is taken, ValueError when home holds another city.
    """
    if secrets_dir is None:
        from brain.settings import Settings

        secrets_dir = Settings.from_env().secrets
    state = chosen_state(home, seed, scale) if home else State(seed or 1, scale or 1.0, day)
    known = make_secrets(secrets_dir, secret_names(systems.endpoints().values()))
    plan = [f for given in faults for f in ([given] if isinstance(given, Fault) else read_faults([given], _prefixes()))]
    server = CityServer(port, state, known, Faults(plan), home)
    server.start()
    return server


def _prefixes() -> list[str]:
    return sorted({"/" + path.split("/")[1] for path in systems.endpoints()})


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(bytes(64 << 20), 6)


class CityServer(ThreadingHTTPServer):
    """The systems of one city. `requests`: path and query of the last requests; `tokens`: the secrets by name."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, state: State, tokens: dict[str, str], faults: Faults, home: Path | None = None):
        super().__init__((HOST, port), _Handler)
        self.endpoints = systems.endpoints()
        self.logins = {e.auth.path: e.auth for e in self.endpoints.values() if isinstance(e.auth, Login)}
        self.tokens = tokens
        self.guard = Guard(tokens)
        self.faults = faults
        self.requests: deque[str] = deque(maxlen=20_000)
        self.cursor_key = secrets.token_bytes(16)
        self._home = home
        self._state = state
        self._city = state.city()
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._rows = lru_cache(maxsize=64)(self._encode)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"

    @property
    def city(self) -> City:
        """The city as it stands for the walks that are under way."""
        return self._city

    def look(self) -> City:
        """The city of today: a walk begins, so the day is looked up."""
        if self._home:
            found = read_state(self._home)
            if found and found != self._state:
                self._move(found)
        return self._city

    def advance(self, days: int) -> None:
        """Let time pass for a server without a state folder."""
        self._move(self._state.later(days))

    def _move(self, state: State) -> None:
        with self._turn:
            self._state, self._city = state, state.city()
            self._rows.cache_clear()

    def rows(self, city: City, register: type[Register], start: int, size: int, since: datetime | None) -> list[bytes]:
        """Deliveries of a register as JSON."""
        return list(self._rows(city, register, start, size, since))

    def _encode(
        self, city: City, register: type[Register], start: int, size: int, since: datetime | None
    ) -> tuple[bytes, ...]:
        with self._turn:  # registers fill their caches while they walk
            found = islice(city.slice(register).walk(since, start), size)
            return tuple(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() for row, _ in found)

    def total(self, city: City, register: type[Register], since: datetime | None) -> int:
        with self._turn:
            return city.slice(register).total(since)

    def start(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="demo city", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until somebody ends the server."""
        if self._thread:
            self._thread.join()

    def close(self) -> None:
        """End the server; returns when its port is free."""
        self.shutdown()
        self.server_close()
        self.wait()

    def __exit__(self, *_: object) -> None:
        self.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _BadRequestError(Exception):
    def __init__(self, status: int, what: str):
        super().__init__(what)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "DemoCity"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = 60
    server: CityServer

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: requests are counted, not printed."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query))
        length = self.headers.get("Content-Length", "0")
        self.content = self.rfile.read(min(int(length), 1 << 16)) if length.isdigit() else b""
        self.server.requests.append(self.path)
        self.active = self.server.faults.strike(parts.path)
        if "tokens-dropped" in self.active:
            self.server.guard.drop_tokens()
        if self._answer_with_fault():
            return
        try:
            answer = self._answer(method, parts.path, parts.query)
        except _BadRequestError as e:
            answer = _json({"error": str(e)}, e.status)
        except RefusedError as e:
            answer = _json({"error": str(e)}, 401)
        self._send(answer)

    def _answer(self, method: str, path: str, query: str) -> Response:
        if path in self.server.logins:
            if method != "POST":
                raise _BadRequestError(405, "log in with POST")
            return self._login(self.server.logins[path])
        if method != "GET":
            raise _BadRequestError(405, "only GET")
        if path == "/health":
            return self._health()
        endpoint = self.server.endpoints.get(path)
        if endpoint is None:
            raise _BadRequestError(404, "no such system")
        if "401" in self.active:
            raise RefusedError("token missing, wrong or expired")
        self.server.guard.check(endpoint.auth, self.headers, method, path, query)
        if endpoint.handler:
            request = Request(path, self.query, dict(self.headers), self.active, self.server.url)
            return endpoint.handler(self.server.look(), request)
        return self._page(endpoint)

    def _health(self) -> Response:
        city = self.server.look()
        sizes = {kind: city.count(kind) for kind in ("institution", "person")}
        state = {"seed": city.seed, "scale": city.scale, "day": city.day, "today": city.today.isoformat()}
        return _json({"status": "ok", **state, "sizes": sizes})

    def _login(self, auth: Login) -> Response:
        try:
            text = self.content.decode()
            given = json.loads(text) if text.lstrip().startswith("{") else dict(parse_qsl(text))
        except ValueError:
            raise _BadRequestError(400, "neither JSON nor a form") from None
        token, seconds = self.server.guard.login(auth, given)
        body: dict[str, Any] = {"code": 0, "message": "ok"}
        _put(body, auth.token, token)
        _put(body, auth.expires, seconds)
        return _json(body)

    # -- pages ----------------------------------------------------------------------------------------------------

    def _page(self, endpoint: Endpoint) -> Response:
        assert endpoint.register is not None
        size = min(endpoint.most, self._number(endpoint.size_param, endpoint.size, 1))
        start = self._start(endpoint, size)
        city = self.server.look() if start == 0 else self.server.city
        since = self._since(endpoint)
        total = self.server.total(city, endpoint.register, since)
        shown = {"same-page": 0, "lost-row": start + 1, "overlap": max(0, start - 5)}
        begin = next((at for kind, at in shown.items() if kind in self.active), start)
        rows = self.server.rows(city, endpoint.register, begin, size, since)
        rows = spoil.spoil_rows(self.active, rows, city.slice(endpoint.register))
        body: dict[str, Any] = json.loads(json.dumps(dict(endpoint.envelope)))
        if endpoint.total:
            _put(body, endpoint.total, total + 3 * ("wrong-total" in self.active) + ("moving-total" in self.active))
        headers = {}
        if endpoint.paging == "page":
            place = endpoint.items.rpartition(".")[0]
            _put(body, f"{place}.{endpoint.page_param}".strip("."), start // size + endpoint.first)
            _put(body, f"{place}.{endpoint.size_param}".strip("."), size)
        elif endpoint.paging in ("cursor", "link") and endpoint.next:
            following = start if "same-cursor" in self.active else start + size
            pointer = self._pointer(endpoint, following, size) if start + size < total else None
            _put(body, endpoint.next, pointer)
            if pointer and endpoint.paging == "link":
                headers["Link"] = f'<{pointer}>; rel="next"'
        if not endpoint.items:
            return Response(200, b"[" + b",".join(rows) + b"]", headers)
        _put(body, endpoint.items, _ITEMS)
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        head, _, tail = text.partition(json.dumps(_ITEMS).encode())
        return Response(200, head + b"[" + b",".join(rows) + b"]" + tail, headers)

    def _start(self, endpoint: Endpoint, size: int) -> int:
        """Number of the first delivery that is asked for."""
        if endpoint.paging == "cursor":
            return self._open(self.query[endpoint.page_param]) if endpoint.page_param in self.query else 0
        if endpoint.paging == "offset":
            return self._number(endpoint.page_param, 0, 0)
        return (self._number(endpoint.page_param, endpoint.first, endpoint.first) - endpoint.first) * size

    def _since(self, endpoint: Endpoint) -> datetime | None:
        text = self.query.get(endpoint.since) if endpoint.since else None
        if text is None:
            return None
        try:
            if len(text) == 10:
                day = date.fromisoformat(text)
                return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the city's times are naive UTC
            at = datetime.fromisoformat(text)
            return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
        except ValueError:
            raise _BadRequestError(400, f"{endpoint.since} is no time") from None

    def _pointer(self, endpoint: Endpoint, following: int, size: int) -> str:
        if endpoint.paging == "cursor":
            return self._seal(following)
        base = FOREIGN if "foreign-next" in self.active else self.server.url
        page = following // size + endpoint.first
        query = {**self.query, endpoint.size_param: str(size), endpoint.page_param: str(page)}
        return f"{base}{endpoint.path}?{urlencode(query)}"

    def _number(self, name: str, default: int, least: int) -> int:
        text = self.query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise _BadRequestError(400, f"{name} is no number from {least} on")
        return int(text)

    def _seal(self, place: int) -> str:
        """An opaque cursor: nobody but the server can read or make one that it accepts."""
        digest = hmac.digest(self.server.cursor_key, str(place).encode(), "sha256")[:6]
        return base64.urlsafe_b64encode(digest + place.to_bytes(6, "big")).decode()

    def _open(self, cursor: str) -> int:
        try:
            place = int.from_bytes(base64.urlsafe_b64decode(cursor)[6:12], "big")
        except ValueError:
            place = -1
        if place < 0 or not hmac.compare_digest(self._seal(place), cursor):
            raise _BadRequestError(400, "this cursor is none of ours")
        return place

    # -- bytes ----------------------------------------------------------------------------------------------------

    def _send(self, answer: Response) -> None:
        headers = {"Content-Type": "application/json; charset=utf-8", **answer.headers}
        body = answer.body
        if "gbk" in self.active:
            body = body.decode().encode("gb18030")
        if len(body) > 1024 and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if self._send_with_fault(answer.status, body, headers):
            return
        self._head(answer.status, {**headers, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _answer_with_fault(self) -> bool:
        """Faults that come instead of an answer."""
        refusals = {
            "429": (429, {"Retry-After": "1"}),
            "429-date": (429, {"Retry-After": email.utils.formatdate(time.time() + 2, usegmt=True)}),
            "429-long": (429, {"Retry-After": "86400"}),
            "500": (500, {}),
            "redirect-away": (302, {"Location": FOREIGN + self.path}),
            "redirect-here": (307, {"Location": self.path}),
        }
        for kind, (status, headers) in refusals.items():
            if kind in self.active:
                self._head(status, {**headers, "Content-Length": "0"})
                return True
        if "empty" in self.active:
            self._head(200, {"Content-Type": "application/json", "Content-Length": "0"})
            return True
        if "html" in self.active:
            page = "<!doctype html><title>登录</title>".encode()
            self._head(200, {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(page))})
            self.wfile.write(page)
            return True
        return False

    def _send_with_fault(self, status: int, body: bytes, headers: dict[str, str]) -> bool:
        """Faults that spoil an answer on its way."""
        length = {"Content-Length": str(len(body))}
        if "reset" in self.active:
            self._head(status, {**headers, **length})
            self.wfile.write(body[: len(body) // 2])
            # a close without lingering sends RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif "short-body" in self.active:
            self._head(status, {**headers, **length, "Connection": "close"})
            self.wfile.write(body[: len(body) // 2])
        elif "truncated-gzip" in self.active:
            packed = body if headers.get("Content-Encoding") == "gzip" else gzip.compress(body)
            self._head(status, {**headers, "Content-Encoding": "gzip", "Connection": "close"})
            self.wfile.write(packed[: len(packed) // 2])
        elif "half-page" in self.active:
            content = gzip.decompress(body) if headers.pop("Content-Encoding", None) else body
            half = content[: len(content) // 2]
            self._head(status, {**headers, "Content-Length": str(len(half))})
            self.wfile.write(half)
        elif "gzip-bomb" in self.active:
            bomb = _bomb()
            self._head(status, {**headers, "Content-Encoding": "gzip", "Content-Length": str(len(bomb))})
            self.wfile.write(bomb)
        elif "slow" in self.active:
            self._head(status, {**headers, **length})
            for i in range(len(body)):
                self.wfile.write(body[i : i + 1])
                time.sleep(0.02)
        else:
            return False
        return True


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(status, json.dumps(content, ensure_ascii=False).encode())


def _put(body: dict[str, Any], place: str, value: Any) -> None:
    """Put a value at a dotted place, making the objects on the way."""
    *way, name = place.split(".")
    for step in way:
        body = body.setdefault(step, {})
    body[name] = value
