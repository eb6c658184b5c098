"""Alerts: each told once when it begins and once when it ends, to every channel in its own shape."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from brain import journal
from brain.alerts import channels, current, deliver, record
from brain.alerts.channels import Message, PostError
from brain.alerts.record import Event
from brain.cli import main
from brain.errors import BrainError, LockedError
from brain.settings import ALERT_CHANNELS, ROOT, Settings
from tests.alerting import Receiver, alert, receiving, release

NOW = datetime(2026, 6, 30, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """How full the disk of this machine is is nobody's business here."""
    monkeypatch.setattr(current, "free_share", lambda _: 0.5)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def posting(settings: Settings, receiver: Receiver) -> Settings:
    return replace(settings, webhook=receiver.url)


def tell(settings: Settings) -> list[deliver.Delivery]:
    return deliver.tell(settings, NOW, pause=lambda _: None)[2]


# -- once, and its end ------------------------------------------------------------------------------------------------


def test_an_alert_is_told_once_and_its_end_once(posting: Settings, receiver: Receiver) -> None:
    release(posting, 1, alert("A"), alert("B"))
    for _ in range(3):
        tell(posting)
    assert sorted(receiver.told()) == [("opened", "A"), ("opened", "B")]
    release(posting, 2, alert("B"))
    for _ in range(3):
        tell(posting)
    assert receiver.told()[2:] == [("ended", "A")]
    release(posting, 3, alert("A"), alert("B"))
    tell(posting)
    assert receiver.told()[3:] == [("opened", "A")], "what begins again is told again"
    ids = [e["id"] for p in receiver.posts for e in p["body"]["events"]]
    assert len(ids) == len(set(ids))


def test_what_grows_worse_is_told_once_and_what_grows_milder_is_not(posting: Settings, receiver: Receiver) -> None:
    for number, severity in enumerate(("notice", "warning", "warning", "notice", "warning", "serious"), start=1):
        release(posting, number, alert("A", severity))
        tell(posting)
    assert receiver.told() == [("opened", "A"), ("raised", "A"), ("raised", "A")]
    assert [p["body"]["events"][0]["alert"]["severity"] for p in receiver.posts] == ["notice", "warning", "serious"]


def test_a_rollback_tells_nothing_and_nothing_twice(posting: Settings, receiver: Receiver) -> None:
    release(posting, 1, alert("A"))
    tell(posting)
    release(posting, 2, alert("B"))
    tell(posting)
    told = receiver.told()
    release(posting, 1)  # back to the release that knows A and not B
    tell(posting)
    tell(posting)
    assert receiver.told() == told
    release(posting, 2)
    tell(posting)
    assert receiver.told() == told
    release(posting, 3, alert("C"))
    tell(posting)
    assert sorted(receiver.told()[len(told) :]) == [("ended", "B"), ("opened", "C")]


def test_without_a_release_nothing_ends(posting: Settings, receiver: Receiver) -> None:
    release(posting, 1, alert("A"))
    tell(posting)
    posting.current.unlink()
    tell(posting)
    assert receiver.told() == [("opened", "A")]


def test_a_receiver_that_was_down_is_told_everything_once(posting: Settings, receiver: Receiver) -> None:
    release(posting, 1, alert("A"))
    receiver.judge = lambda post: (503, {})
    [down] = tell(posting)
    assert (down.posted, down.failed, down.reason) == (0, 1, "HTTP 503")
    release(posting, 2, alert("B"))
    tell(posting)  # still down: A ended and B began meanwhile
    sent = {p["body"]["id"] for p in receiver.posts}
    receiver.posts.clear()
    receiver.judge = lambda post: (204, {})
    [up] = tell(posting)
    assert (up.failed, up.pending) == (0, 0)
    assert sorted(receiver.told()) == [("ended", "A"), ("opened", "A"), ("opened", "B")]
    assert receiver.told().index(("opened", "A")) < receiver.told().index(("ended", "A"))
    assert receiver.posts[0]["body"]["id"] in sent, "what was begun goes out again under its own id"
    assert tell(posting)[0].posted == 0


def test_nobody_listens_and_later_somebody_does(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = replace(settings, webhook=f"http://127.0.0.1:{port}/hook")
    release(settings, 1, alert("A"))
    [down] = tell(settings)
    assert (down.failed, down.pending) == (1, 1)
    with receiving(port) as receiver:
        tell(settings)
        tell(settings)
        assert receiver.told() == [("opened", "A")]


def test_a_crash_between_the_post_and_its_entry_sends_the_same_message(
    posting: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver has it, the journal does not: the next run sends the very message again, to be dropped by its id."""
    release(posting, 1, alert("A"))
    note = deliver._note

    def crash(settings: Settings, channel: str, message_id: str, ids: list[str], outcome: str, *more: Any) -> None:
        if outcome == "posted":
            raise KeyboardInterrupt
        note(settings, channel, message_id, ids, outcome, *more)

    monkeypatch.setattr(deliver, "_note", crash)
    with pytest.raises(KeyboardInterrupt):
        tell(posting)
    monkeypatch.setattr(deliver, "_note", note)
    release(posting, 2, alert("A"), alert("B"))  # something new must not change the message
    tell(posting)
    first, second, third = receiver.posts
    assert first["body"] == second["body"]
    assert first["headers"]["Idempotency-Key"] == second["headers"]["Idempotency-Key"] == first["body"]["id"]
    assert [e["alert"]["subject"] for e in third["body"]["events"]] == ["B"]


def test_an_answer_that_never_came_is_not_asked_for_twice_in_one_run(
    posting: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "TIMEOUT", (2, 0.2))
    release(posting, 1, alert("A"))
    waiting = threading.Event()
    receiver.judge = lambda post: waiting.wait(5) and None
    [lost] = tell(posting)
    waiting.set()
    assert (lost.failed, lost.reason, len(receiver.posts)) == (1, "ReadTimeout", 1)


def test_a_new_channel_begins_with_what_is_open(posting: Settings, receiver: Receiver) -> None:
    silent = replace(posting, webhook=None)
    release(silent, 1, alert("A"), alert("B"))
    tell(silent)
    release(silent, 2, alert("B", "serious"))
    tell(silent)
    tell(posting)
    assert receiver.told() == [("raised", "B")], "one event about what is open, none about what is over"
    release(posting, 3, alert("C"))
    tell(posting)
    assert sorted(receiver.told()[1:]) == [("ended", "B"), ("opened", "C")]


def test_one_run_at_a_time(posting: Settings) -> None:
    with record.lock(posting), pytest.raises(LockedError):
        tell(posting)
    tell(posting)


# -- who may know -----------------------------------------------------------------------------------------------------


def test_alerts_of_auditors_go_only_where_a_setting_says_so(settings: Settings, receiver: Receiver) -> None:
    release(settings, 1, alert("A"), alert("pds:project:X|pers_1", "critical", "veto_hit", audience="audit"))
    tell(replace(settings, webhook=receiver.url))
    assert receiver.told() == [("opened", "A")]
    tell(replace(settings, webhook=receiver.url, alerts_audit=("json",)))
    assert receiver.told() == [("opened", "A"), ("opened", "pds:project:X|pers_1")]


def test_a_channel_of_auditors_alone_gets_nothing_else(settings: Settings, receiver: Receiver) -> None:
    settings = replace(settings, webhook=None, alerts_audit=("json",))
    settings.secrets.mkdir(parents=True, exist_ok=True)
    (settings.secrets / "alert_json_url").write_text(receiver.url)
    release(settings, 1, alert("A"), alert("X", rule="veto_hit", audience="audit"))
    tell(settings)
    assert receiver.told() == [("opened", "X")]


def test_a_channel_may_ask_for_the_severe_ones_only(settings: Settings, receiver: Receiver) -> None:
    """What it was not told of does not end for it either; what grows severe is told when it does."""
    settings = replace(set_up(settings, receiver, "json"), alerts=("json:serious",))
    release(settings, 1, alert("A"), alert("B", "serious"), alert("C"))
    tell(settings)
    assert receiver.told() == [("opened", "B")]
    release(settings, 2, alert("A", "critical"))
    tell(settings)
    assert sorted(receiver.told()[1:]) == [("ended", "B"), ("raised", "A")]
    release(settings, 3)
    tell(settings)
    assert receiver.told()[3:] == [("ended", "A")]


# -- by the clock, by the scheduler -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("open_gate")
def test_a_missed_schedule_is_told_by_the_clock_and_ends_with_the_next_delivery(house: Any, receiver: Receiver) -> None:
    """Nothing is built while the scheduler stands still: the alert must not wait for a build."""
    house.contract([house.field("id", key=1)])  # stale after 24 hours
    house.deliver("a_2026-01-01.csv", "id\n1\n")
    house.ingest()
    settings = replace(house.settings, webhook=receiver.url)
    now = datetime.now(UTC)
    for hours, told in ((23, []), (25, ["opened"]), (30, []), (24 * 9, ["raised"])):
        receiver.posts.clear()
        deliver.tell(settings, now + timedelta(hours=hours), pause=lambda _: None)
        assert [e for e, _ in receiver.told()] == told, hours
    receiver.posts.clear()
    house.deliver("a_2026-01-02.csv", "id\n2\n")
    house.ingest()
    deliver.tell(settings, datetime.now(UTC), pause=lambda _: None)
    assert receiver.told() == [("ended", "toy")]


def test_a_disk_that_fills_up_is_told_in_time(
    posting: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for share, told in ((0.1, []), (0.09, ["opened"]), (0.05, []), (0.1, ["ended"])):
        receiver.posts.clear()
        monkeypatch.setattr(current, "free_share", lambda _, share=share: share)
        tell(posting)
        assert [e for e, _ in receiver.told()] == told, share


def test_incidents_begin_and_end(posting: Settings, receiver: Receiver) -> None:
    def report(state: str) -> None:
        row = {"rule_code": "task_failed", "subject": "ingest_x.ingest", "state": state, "reason": "it is down"}
        journal.append(posting, "incidents", [row])
        tell(posting)

    for state in ("open", "open", "over", "over", "open"):
        report(state)
    assert [e for e, _ in receiver.told()] == ["opened", "ended", "opened"]


# -- shapes -----------------------------------------------------------------------------------------------------------


def set_up(settings: Settings, receiver: Receiver, name: str) -> Settings:
    settings.secrets.mkdir(parents=True, exist_ok=True)
    (settings.secrets / f"alert_{name}_url").write_text(f"{receiver.url}?access_token=abc\n")
    (settings.secrets / f"alert_{name}_{'token' if name == 'json' else 'secret'}").write_text("SEC 1/+秘密\n")
    return replace(settings, alerts=(name,))


def checks(name: str, post: dict[str, Any]) -> str:
    """What a receiver of the kind would check; returns the text. Written from the makers' pages, not from our code."""
    query = parse_qs(urlsplit(post["path"]).query)
    body = post["body"]
    assert query["access_token"] == ["abc"]
    secret = "SEC 1/+秘密"
    if name == "json":
        assert post["headers"]["Authorization"].encode("latin-1").decode() == f"Bearer {secret}"
        assert post["headers"]["Idempotency-Key"] == body["id"]
        return body["text"]
    if name == "dingtalk":
        [stamp], [sign] = query["timestamp"], query["sign"]
        assert abs(int(stamp) / 1000 - time.time()) < 3600
        digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
        assert base64.b64decode(sign) == digest
    if name == "feishu":
        assert abs(int(body["timestamp"]) - time.time()) < 3600
        digest = hmac.new(f"{body['timestamp']}\n{secret}".encode(), digestmod=hashlib.sha256).digest()
        assert base64.b64decode(body["sign"]) == digest
        assert body["msg_type"] == "text"
        return body["content"]["text"]
    assert body["msgtype"] == "text"
    return body["text"]["content"]


@pytest.mark.parametrize("name", ["json", "wecom", "dingtalk", "feishu"])
def test_each_shape_is_what_its_receiver_asks_for(settings: Settings, receiver: Receiver, name: str) -> None:
    settings = set_up(settings, receiver, name)
    release(settings, 1, *(alert(f"BG{i:06}", "serious" if i % 2 else "notice") for i in range(30)))
    [done] = tell(settings)
    assert (done.channel, done.failed, done.pending) == (name, 0, 0)
    texts = [checks(name, post) for post in receiver.posts]
    found = [s for t in texts for s in re.findall(r"：(BG\d{6})$", t, re.M)]
    assert sorted(found) == [f"BG{i:06}" for i in range(30)]
    first = found.index(next(f for f in found if not int(f[2:]) % 2))
    assert first == 15, "the serious ones come first"
    most = {"wecom": 2048, "dingtalk": 20_000, "feishu": 20_000}.get(name)
    assert most is None or max(len(t.encode()) for t in texts) <= most
    assert all("责任：碑林区" in t and "自 2026-06-01" in t and "brain trace" in t for t in texts)


@pytest.mark.parametrize(
    ("name", "answer"), [("wecom", {"errcode": 93000}), ("dingtalk", {"errcode": 310000}), ("feishu", {"code": 19021})]
)
def test_a_refusal_with_status_200_is_a_refusal(
    settings: Settings, receiver: Receiver, name: str, answer: dict[str, int]
) -> None:
    settings = set_up(settings, receiver, name)
    release(settings, 1, alert("A"))
    receiver.judge = lambda post: (200, answer)
    [refused] = tell(settings)
    assert (refused.posted, refused.failed) == (0, 1)
    assert str(*answer.values()) in refused.reason
    receiver.judge = lambda post: (200, {"errcode": 0, "code": 0})
    assert tell(settings)[0].posted == 1


def test_what_a_source_writes_rings_nobody_and_hides_no_link() -> None:
    text = channels.plain("甲<@all>[点此](http://x)\n@13800001111 `rm`\u202e", 200)
    assert not set("<>@[]`\n\u202e") & set(text)
    assert channels.plain("字" * 50, 10) == "字" * 9 + "…"


def test_a_run_posts_no_more_than_a_chat_takes_and_the_next_one_goes_on(
    settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "MOST_MESSAGES", 2)
    settings = set_up(settings, receiver, "wecom")
    release(settings, 1, *(alert(f"BG{i:06}") for i in range(25)))
    while tell(settings)[0].pending:
        pass
    found = [s for p in receiver.posts for s in re.findall(r"：(BG\d{6})$", checks("wecom", p), re.M)]
    assert sorted(found) == [f"BG{i:06}" for i in range(25)]
    assert len(receiver.posts) > 2


class Smtp(socketserver.StreamRequestHandler):
    """Enough of RFC 5321 to take a mail."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        lines: list[bytes] | None = None
        for line in self.rfile:
            if lines is not None:
                if line == b".\r\n":
                    self.server.mails.append(b"".join(lines))
                    lines = None
                    self.wfile.write(b"250 taken\r\n")
                else:
                    lines.append(line)
                continue
            verb = line[:4].upper()
            if verb == b"DATA":
                lines = []
            self.wfile.write({b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(verb, b"250 yes\r\n"))
            if verb == b"QUIT":
                return


def test_mail_is_told_the_same(settings: Settings) -> None:
    from email import message_from_bytes, policy

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp) as server:
        server.mails = []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        address = f"smtp://brain%40city.example@127.0.0.1:{server.server_address[1]}"
        settings = replace(settings, alerts=("mail",), smtp=address, alert_mail=("a@city.example", "b@city.example"))
        release(settings, 1, alert("A"))
        tell(settings)
        [done] = tell(settings)
        server.shutdown()
    assert done.pending == 0
    [mail] = [message_from_bytes(m, policy=policy.default) for m in server.mails]
    assert (mail["From"], mail["To"]) == ("brain@city.example", "a@city.example, b@city.example")
    assert mail["Message-ID"] and "新提醒 1 条" in mail["Subject"]
    assert "科技报告逾期未呈交：A" in mail.get_content()


# -- settings and secrets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["http://chat.example/x", "ftp://127.0.0.1/x", "https://u:p@chat.example/", "http://127.0.0.1.evil/x"]
)
def test_only_https_leaves_this_machine(settings: Settings, address: str) -> None:
    with pytest.raises(BrainError, match="not https") as e:
        channels.channels(replace(settings, webhook=address))
    assert "chat.example" not in str(e.value) and "evil" not in str(e.value)
    assert channels.channels(replace(settings, webhook="https://chat.example/x?key=1"))


@pytest.mark.parametrize("name", ALERT_CHANNELS)
def test_a_channel_that_is_not_set_up_names_what_is_missing(settings: Settings, name: str) -> None:
    with pytest.raises(BrainError) as e:
        channels.channels(replace(settings, alerts=(name,)))
    assert name in e.value.message and e.value.hint


def test_a_redirect_is_not_followed(posting: Settings, receiver: Receiver) -> None:
    release(posting, 1, alert("A"))
    receiver.judge = lambda post: (302, {})
    [refused] = tell(posting)
    assert (refused.reason, len(receiver.posts)) == ("HTTP 302", 1)


def test_no_reason_quotes_the_address(settings: Settings) -> None:
    message = Message("m", (Event("e", "opened", alert("A"), ""),), "演示数据")
    [channel] = channels.channels(replace(settings, webhook="http://127.0.0.1:1/secret-key"))
    with pytest.raises(PostError) as e:
        channel.post(message)
    assert "secret-key" not in str(e.value) and e.value.is_passing


# -- rules, command, pages --------------------------------------------------------------------------------------------


def test_every_rule_has_its_heading_in_the_runbook() -> None:
    headings = re.findall(r"^## ([a-z_]+)$", (ROOT / current.RUNBOOK).read_text(encoding="utf-8"), re.M)
    assert sorted(set(headings)) == sorted({r["rule_code"] for r in current.rules()}) == sorted(headings)


def test_the_rule_of_a_day_is_the_version_in_force() -> None:
    assert current.rule("task_failed", NOW.date())["rule_version"] == "2026-1"
    with pytest.raises(BrainError, match="task_failed"):
        current.rule("task_failed", date(2000, 1, 1))


def test_the_command_lists_and_sends(
    posting: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in posting.environ().items():
        monkeypatch.setenv(name, value)
    release(posting, 1, alert("A", "serious"), alert("X|pers_1", "critical", "veto_hit", audience="audit"))
    shown = CliRunner().invoke(main, ["alerts", "--json"])
    document = json.loads(shown.stdout)
    assert [a["subject"] for a in document["alerts"]] == ["A"]
    assert document["alerts"][0]["severity_label"] == "严重"
    assert receiver.posts == [] and document["events"] == []
    assert list(journal.read(posting, "access")) == []
    sent = CliRunner().invoke(main, ["alerts", "--send", "--audit", "--json"])
    document = json.loads(sent.stdout)
    assert [a["subject"] for a in document["alerts"]] == ["X|pers_1", "A"]
    assert document["channels"] == [{"channel": "json", "posted": 1, "failed": 0, "pending": 0, "reason": None}]
    assert [r["action"] for r in journal.read(posting, "access")] == ["alerts --audit"]
    assert receiver.told() == [("opened", "A")]
    release(posting, 2, alert("B"))
    receiver.judge = lambda post: (400, {})
    failed = CliRunner().invoke(main, ["alerts", "--send"])
    assert failed.exit_code == 1 and "HTTP 400" in failed.stderr
