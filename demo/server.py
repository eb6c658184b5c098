"""The city's source systems over real HTTP, on this machine only.

| path | stands for | speaks |
|---|---|---|
| `/pds/api/v1/projects`, `…/talents` | 陕西省科技管理服务一体化云平台 | bearer token, pages, total, `updated_since` |
| `/market/institutions` | 西安科技大市场 | key in `X-Api-Key`, opaque cursor, total |
| `/carriers/platforms` | 孵化载体和平台统计表 | offset and limit, total |
| `/integrity/cases` | 国家科技诚信信息系统 | address of the next page in body and Link header, `updated_since` |
| `/health` | | seed, scale, sizes |
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import gzip
import hmac
import json
import os
import secrets
import socket
import struct
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from demo.city import City
from demo.faults import Fault, Faults
from demo.registers import Registers

HOST = "127.0.0.1"
SECRETS = ("PDS_TOKEN", "MARKET_KEY")
MAX_PAGE = 1000
FOREIGN = "http://elsewhere.example"


def serve(
    port: int = 0,
    seed: int = 1,
    scale: float = 1.0,
    *,
    secrets_dir: Path | None = None,
    faults: Iterable[Fault | str] = (),
) -> CityServer:
    """Start the city's systems in a thread of this process; `port` 0 picks a free one.

    The secrets lie in `secrets_dir` (BRAIN_SECRETS by default) and are made where they are missing. The result is a
    context manager: leaving it ends the server. Raises OSError when the port is taken.
    """
    if secrets_dir is None:
        from brain.settings import Settings

        secrets_dir = Settings.from_env().secrets
    server = CityServer(port, City(seed, scale), make_secrets(secrets_dir), Faults(faults))
    server.start()
    return server


def make_secrets(folder: Path) -> dict[str, str]:
    """The tokens the systems accept: from the environment, else from their files, which are made (0600) if missing."""
    found = {}
    for name in SECRETS:
        value = os.environ.get(f"BRAIN_SECRET_{name}", "").strip()
        path = folder / name
        if not value:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError), open(path, "x", opener=_private) as f:
                f.write(secrets.token_urlsafe(24) + "\n")
            value = path.read_text(encoding="utf-8").strip()
        found[name] = value
    return found


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@lru_cache(maxsize=10)
def _encoded(seed: int, scale: float, register: str) -> tuple[list[bytes], list[str]]:
    rows = Registers(City(seed, scale)).rows(register)
    texts = [json.dumps(r, ensure_ascii=False, separators=(",", ":")).encode() for r in rows]
    return texts, [r.get("updatedAt") or r.get("updated_at") or "" for r in rows]


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(bytes(64 << 20), 6)


class CityServer(ThreadingHTTPServer):
    """The systems of one city. `requests`: path and query of every request so far."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, city: City, tokens: dict[str, str], faults: Faults):
        super().__init__((HOST, port), _Handler)
        self.city = city
        self.tokens = tokens
        self.faults = faults
        self.requests: list[str] = []
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"

    def encoded(self, register: str) -> tuple[list[bytes], list[str]]:
        """Rows of a register as JSON, and their times of change."""
        return _encoded(self.city.seed, self.city.scale, register)

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
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query))
        self.server.requests.append(self.path)
        self.active = self.server.faults.strike(parts.path)
        if self._answer_with_fault():
            return
        routes = {
            "/health": self._health,
            "/pds/api/v1/projects": lambda: self._pages("project"),
            "/pds/api/v1/talents": lambda: self._pages("talent"),
            "/market/institutions": self._cursor,
            "/carriers/platforms": self._offset,
            "/integrity/cases": self._links,
        }
        try:
            if parts.path not in routes:
                raise _BadRequestError(404, "no such system")
            body, headers = routes[parts.path]()
        except _BadRequestError as e:
            self._send(e.status, json.dumps({"error": str(e)}).encode(), {})
            return
        self._send(200, body, headers)

    # -- the systems ----------------------------------------------------------------------------------------------

    def _health(self) -> tuple[bytes, dict[str, str]]:
        city = self.server.city
        return json.dumps({"status": "ok", "seed": city.seed, "scale": city.scale, "sizes": city.counts}).encode(), {}

    def _pages(self, register: str) -> tuple[bytes, dict[str, str]]:
        self._need("Authorization", f"Bearer {self.server.tokens['PDS_TOKEN']}")
        rows = self._changed(register)
        page, size = self._number("page", 1, 1), min(MAX_PAGE, self._number("size", 100, 1))
        page = 1 if "same-page" in self.active else page
        items = b",".join(rows[(page - 1) * size : page * size])
        head = f'{{"code":0,"message":"ok","data":{{"total":{self._total(rows)},"page":{page},"size":{size},"items":['
        return head.encode() + items + b"]}}", {}

    def _cursor(self) -> tuple[bytes, dict[str, str]]:
        self._need("X-Api-Key", self.server.tokens["MARKET_KEY"])
        rows, _ = self.server.encoded("institution")
        size = min(MAX_PAGE, self._number("limit", 100, 1))
        start = self._open(self.query["cursor"]) if "cursor" in self.query else 0
        end = start + size
        following = start if "same-cursor" in self.active else end
        pointer = json.dumps(self._seal(following) if end < len(rows) else None)
        body = b'{"items":[' + b",".join(rows[start:end]) + b"],"
        return body + f'"page":{{"total":{self._total(rows)},"next":{pointer}}}}}'.encode(), {}

    def _offset(self) -> tuple[bytes, dict[str, str]]:
        rows, _ = self.server.encoded("platform")
        start, size = self._number("offset", 0, 0), min(MAX_PAGE, self._number("limit", 100, 1))
        start = 0 if "same-page" in self.active else start
        body = f'{{"count":{self._total(rows)},"rows":['.encode()
        return body + b",".join(rows[start : start + size]) + b"]}", {}

    def _links(self) -> tuple[bytes, dict[str, str]]:
        rows = self._changed("case")
        page, size = self._number("page", 1, 1), min(MAX_PAGE, self._number("per_page", 50, 1))
        address = None
        if page * size < len(rows):
            base = FOREIGN if "foreign-next" in self.active else self.server.url
            following = page if "same-cursor" in self.active else page + 1
            query = {**self.query, "per_page": str(size), "page": str(following)}
            address = f"{base}/integrity/cases?{urlencode(query)}"
        body = f'{{"total":{self._total(rows)},"links":{{"next":{json.dumps(address)}}},"cases":['.encode()
        headers = {"Link": f'<{address}>; rel="next"'} if address else {}
        return body + b",".join(rows[(page - 1) * size : page * size]) + b"]}", headers

    def _changed(self, register: str) -> list[bytes]:
        """Rows changed at or after `updated_since` (ISO 8601, UTC, which compares as text)."""
        rows, stamps = self.server.encoded(register)
        since = self.query.get("updated_since")
        return rows if since is None else [r for r, at in zip(rows, stamps, strict=True) if at >= since]

    def _total(self, rows: list[bytes]) -> int:
        return len(rows) + 3 * ("wrong-total" in self.active) + ("moving-total" in self.active)

    def _need(self, header: str, value: str) -> None:
        if "401" in self.active or not hmac.compare_digest(self.headers.get(header, "").encode(), value.encode()):
            raise _BadRequestError(401, "token missing, wrong or expired")

    def _number(self, name: str, default: int, least: int) -> int:
        text = self.query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise _BadRequestError(400, f"{name} is no number from {least} on")
        return int(text)

    def _seal(self, place: int) -> str:
        """An opaque cursor: nobody but the server can read or make one that it accepts."""
        digest = hmac.digest(self.server.tokens["MARKET_KEY"].encode(), str(place).encode(), "sha256")[:6]
        return base64.urlsafe_b64encode(digest + place.to_bytes(6, "big")).decode()

    def _open(self, cursor: str) -> int:
        try:
            place = int.from_bytes(base64.urlsafe_b64decode(cursor)[6:], "big")
        except ValueError:
            place = -1
        if place < 0 or not hmac.compare_digest(self._seal(place), cursor):
            raise _BadRequestError(400, "this cursor is none of ours")
        return place

    # -- bytes ----------------------------------------------------------------------------------------------------

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        headers = {"Content-Type": "application/json; charset=utf-8", **headers}
        if len(body) > 1024 and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if self._send_with_fault(status, body, headers):
            return
        self._head(status, {**headers, "Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
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
