"""A release that holds nothing but alerts, and a receiver that judges what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import duckdb

from brain.alerts.current import MARTS, RUNBOOK, Alert, alert_id
from brain.settings import Settings


def alert(subject: str, severity: str = "warning", rule: str = "report_overdue", **more: Any) -> Alert:
    """An alert about something called `subject`."""
    return Alert(
        **{
            "alert_id": alert_id(rule, subject),
            "rule_code": rule,
            "kind": "report",
            "kind_label": "科技报告",
            "severity": severity,
            "owner_kind": "district",
            "owner_name": "碑林区",
            "subject": subject,
            "since_date": "2026-06-01",
            "title": f"科技报告逾期未呈交：{subject}",
            "alert_text": "已逾期 29 天",
            "runbook": f"{RUNBOOK}#{rule}",
            "next_command": f"brain trace 'fct_report_obligations:{subject}'",
            "rule_version": "2022-1",
            "record_ids": (f"pds:report_obligation:{subject}",),
            **more,
        }
    )


def release(settings: Settings, number: int, *alerts: Alert) -> None:
    """Publish release `number` with these alerts and no other mart; one that exists becomes current again."""
    folder = settings.releases / f"2026010{number}T000000Z-{number:08x}"
    if not folder.exists():
        folder.mkdir(parents=True)
        data = {"id": folder.name, "content_hash": f"{number:064x}", "ledger_size": number, "as_of": "2026-06-30"}
        data["created_at"] = f"2026-01-0{number}T00:00:00+00:00"
        (folder / "release.json").write_text(json.dumps(data))
        columns = [c for c in Alert.__dataclass_fields__ if c != "audience"]
        for file in ("official", "audit"):
            with duckdb.connect(str(folder / f"{file}.duckdb")) as con:
                for mart in (m for m, where in MARTS.items() if where == file):
                    con.execute(f"create table {mart} ({', '.join(f'{c} varchar' for c in columns)})")
                    wanted = [a for a in alerts if (a.audience == "audit") == (mart == "audit_alerts")]
                    for a in wanted if mart != "data_alerts" else []:
                        values = [json.dumps(a.record_ids) if c == "record_ids" else getattr(a, c) for c in columns]
                        con.execute(f"insert into {mart} values ({', '.join('?' * len(columns))})", values)
    fresh = settings.home / "current.new"
    fresh.symlink_to(folder.relative_to(settings.home))
    fresh.replace(settings.current)


@dataclass
class Receiver:
    """What was posted. `judge` says status and body of each answer; None: no answer at all."""

    url: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    judge: Callable[[dict[str, Any]], tuple[int, dict[str, Any]] | None] = lambda post: (200, {"errcode": 0, "code": 0})

    def told(self) -> list[tuple[str, str]]:
        """(event, subject) of each event that came as generic JSON, in order."""
        return [(e["event"], e["alert"]["subject"]) for p in self.posts for e in p["body"].get("events", ())]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver on loopback for as long as the block lasts."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            post = {"path": self.path, "headers": dict(self.headers), "body": json.loads(raw), "size": len(raw)}
            receiver.posts.append(post)
            answer = receiver.judge(post)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.end_headers()
            self.wfile.write(json.dumps(answer[1]).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
