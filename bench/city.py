"""The load: pages of 1,000 nested records of about 770 bytes with Chinese text, the same for every contender."""

from __future__ import annotations

import json
import random
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1000
WORDS = "基于大数据的新型材料制备与性能研究及其在航空航天领域的应用示范高新技术产业开发区"
DISTINCT_PAGES = 200


def record(number: int, source: random.Random) -> dict:
    """One project of the invented city."""

    def text(length: int) -> str:
        return "".join(source.choices(WORDS, k=length))

    return {
        "project_id": f"P{number:09d}",
        "title": text(40),
        "updated_at": f"2026-01-{number % 28 + 1:02d}T10:00:00Z",
        "amount_cny": round(source.random() * 1e6, 2),
        "status": source.choice(["立项", "在研", "验收"]),
        "year": 2000 + number % 25,
        "host": {"name": f"示范单位{number % 100:03d}", "credit_code": "91350200MA2YJ1XR9G", "district": "610113"},
        "keywords": [text(4) for _ in range(4)],
        "milestones": [
            {"name": "中期检查", "due": "2025-06-30", "done": True},
            {"name": "验收", "due": "2027-06-30", "done": False},
        ],
        "abstract": text(76),
        "district_code": "610113",
    }


def pages(records: int, seed: int = 1) -> list[tuple[bytes, bytes]]:
    """Head and body of every page. Bodies repeat after DISTINCT_PAGES; the keys within are made unique when served."""
    source = random.Random(seed)
    count = min(records // PAGE, DISTINCT_PAGES)
    return [
        json.dumps(
            [record(p * PAGE + i, source) for i in range(PAGE)], ensure_ascii=False, separators=(",", ":")
        ).encode()
        for p in range(count)
    ]


class City(ThreadingHTTPServer):
    """Serves `/projects?page=1…` with declared totals, from memory."""

    daemon_threads = True

    def __init__(self, records: int):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.records = records
        self.bodies = pages(records)

    def page(self, number: int) -> bytes:
        body = self.bodies[(number - 1) % len(self.bodies)]
        round_ = (number - 1) // len(self.bodies)
        if round_:  # other keys in every round: P000… → P001…
            body = body.replace(b'"project_id":"P000', b'"project_id":"P%03d' % round_)
        return b'{"code":0,"data":{"total":%d,"items":%s}}' % (self.records, body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: City = self.server  # type: ignore[assignment]
        number = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
        last = server.records // PAGE
        empty = b'{"code":0,"data":{"total":%d,"items":[]}}' % server.records
        body = server.page(number) if number <= last else empty
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(records: int) -> None:
    """Serve until standard input closes; prints the address first."""
    import sys
    import threading

    city = City(records)
    threading.Thread(target=city.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{city.server_port}", flush=True)
    sys.stdin.read()
    city.shutdown()


if __name__ == "__main__":
    import sys

    serve(int(sys.argv[1]))
