"""A small HTTP server that a test plays by a function; used by the tests of the fetchers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

from ingest.contract import LIMITS, Server

Answer = tuple[int, dict[str, str], bytes]


class Site(ThreadingHTTPServer):
    """`answer(path, query, headers)` gives status, headers, body. `asked`: what came; `connections`: how many.

    Of a POST the query is what its form or JSON says; `asked` has its `body` too.
    """

    daemon_threads = True

    def __init__(self, answer: Callable[[str, dict[str, str], dict[str, str]], Answer]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[SimpleNamespace] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_):
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        self.server.connections += 1
        super().setup()

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_json = self.headers["Content-Type"] == "application/json"
        self._answer(json.loads(body) if is_json else dict(parse_qsl(body.decode())), body)

    def do_GET(self):
        self._answer(dict(parse_qsl(urlsplit(self.path).query)), b"")

    def _answer(self, query: dict[str, str], body: bytes):
        parts = urlsplit(self.path)
        headers = dict(self.headers)
        said = {"method": self.command, "raw_query": parts.query, "body": body}
        self.server.asked.append(SimpleNamespace(path=parts.path, query=query, headers=headers, **said))
        status, out, body = self.server.answer(parts.path, query, headers)
        self.send_response(status)
        if "Transfer-Encoding" not in out and out.get("Connection") != "close":
            out = {"Content-Length": str(len(body)), **out}
        for name, value in out.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def site(answer) -> Iterator[Site]:
    s = Site(answer)
    thread = threading.Thread(target=s.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield s
    finally:
        s.shutdown()
        s.server_close()
        thread.join()


def as_json(document, **headers) -> Answer:
    return 200, {"Content-Type": "application/json", **headers}, json.dumps(document, ensure_ascii=False).encode()


def server(location: str, *, limits: dict | None = None, **given) -> Server:
    """An endpoint of the source `pds` with little patience."""
    all_limits = {**LIMITS, "retries": 2, "timeoutSeconds": 5, **(limits or {})}
    defaults = {"format": "json", "encoding": "utf-8", "records": ("project",)}
    return Server("projects", "api", "demo", location, **{**defaults, **given}, limits=tuple(all_limits.items()))
