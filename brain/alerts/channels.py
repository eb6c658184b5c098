"""The shapes of messages: generic JSON, 企业微信, 钉钉, 飞书, mail. Which are used, settings and secrets say.

| channel | secrets | what its receiver asks for |
|---|---|---|
| `json` | `alert_json_url` (or BRAIN_WEBHOOK), `alert_json_token` (Bearer; may be missing) | any 2xx |
| `wecom` | `alert_wecom_url` | text of at most 2,048 bytes; 200 with `errcode` 0 |
| `dingtalk` | `alert_dingtalk_url`, `alert_dingtalk_secret` | `timestamp` (ms) and `sign` in the address; `errcode` 0 |
| `feishu` | `alert_feishu_url`, `alert_feishu_secret` | `timestamp` (s) and `sign` in the body; `code` 0 |
| `mail` | `alert_smtp_password` (may be missing) | BRAIN_SMTP, BRAIN_ALERT_MAIL |

The address of a chat robot is itself a secret, so it is read like one and never quoted. Texts go out as plain text
without the marks that mention people or hide links: what a source writes into a title must not ring everybody's phone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import smtplib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from brain.alerts.current import SEVERITY_LABELS
from brain.alerts.record import Event
from brain.errors import BrainError, FetchError
from brain.settings import ALERT_SEVERITIES, Settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
TIMEOUT = (5, 15)  # seconds to connect, and between two bytes of the answer
TRIES = 3
EVENT_LABELS = {"opened": "新提醒", "raised": "提醒升级", "ended": "已解除"}
# Bytes of text and events of one message. wecom refuses more than 2,048 bytes of text; dingtalk and feishu take 20,000
# of the whole body, but nobody reads that much in a chat.
LIMITS = {
    "json": (200_000, 200),
    "wecom": (2_000, 20),
    "dingtalk": (6_000, 20),
    "feishu": (6_000, 20),
    "mail": (60_000, 200),
}


class PostError(Exception):
    """A message was not taken. The text names the kind of trouble, never an address.

    `is_unknown`: the message may have arrived all the same (the answer is what is missing).
    """

    def __init__(self, reason: str, *, is_passing: bool = False, is_unknown: bool = False):
        super().__init__(reason)
        self.is_passing = is_passing
        self.is_unknown = is_unknown


@dataclass(frozen=True)
class Message:
    """Some events in one message. `message_id`: the same for every try, the receiver's means to drop a second copy."""

    message_id: str
    events: tuple[Event, ...]
    label: str

    @property
    def text(self) -> str:
        return "\n".join([self._head(), *map(_lines, self.events), f"编号 {self.message_id}"])

    def _head(self) -> str:
        counts = {name: sum(e.event == name for e in self.events) for name in EVENT_LABELS}
        said = "，".join(f"{EVENT_LABELS[name]} {n} 条" for name, n in counts.items() if n)
        return f"【科技大脑·{self.label}】{said}"

    def json(self) -> dict[str, Any]:
        return {
            "id": self.message_id,
            "profile": self.label,
            "text": self.text,
            "events": [
                {"id": e.event_id, "event": e.event, "noted_at": e.noted_at, "alert": e.alert.json()}
                for e in self.events
            ],
        }


def _lines(event: Event) -> str:
    """One event for a chat: what, who, since when, what next."""
    a = event.alert
    first = f"■{EVENT_LABELS[event.event]}［{SEVERITY_LABELS[a.severity]}］{plain(a.title, 90)}"
    who = f"责任：{plain(a.owner_name, 30)}；自 {a.since_date}"
    if event.event == "ended":
        return f"{first}\n  {who}"
    what = plain(a.alert_text, 120)
    return f"{first}\n  {what}\n  {who}；手册：{a.runbook.rpartition('#')[2]}\n  {plain(a.next_command, 120)}"


def plain(text: str, most: int) -> str:
    """One line without the marks by which chats mention people or hide links; cut to `most` characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = text.translate(str.maketrans("<>@[]`", "＜＞＠［］｀"))
    return text if len(text) <= most else text[: most - 1] + "…"


def pack(channel: str, events: Sequence[Event], label: str) -> list[Message]:
    """Events in their order as messages that the channel takes."""
    most_bytes, most_events = LIMITS[channel]
    messages: list[list[Event]] = [[]]
    for event in events:
        tried = [*messages[-1], event]
        size = len(_message(channel, tried, label).text.encode())
        if messages[-1] and (size > most_bytes or len(tried) > most_events):
            messages.append([])
        messages[-1].append(event)
    return [_message(channel, m, label) for m in messages if m]


def _message(channel: str, events: Sequence[Event], label: str) -> Message:
    told = json.dumps([channel, *(e.event_id for e in events)])
    return Message(hashlib.sha256(told.encode()).hexdigest()[:20], tuple(events), label)


@dataclass(frozen=True)
class Channel:
    """A way to tell. `least`: audience → the least severity (1 to 4) of which it is told; of another audience nothing.

    Alerts of auditors go only where a setting says so.
    """

    name: str
    least: Mapping[str, int]
    post: Callable[[Message], None]


def channels(settings: Settings) -> list[Channel]:
    """The channels that are set; raises BrainError naming the setting or the secret that cannot be used."""
    wanted: dict[str, dict[str, int]] = {}
    for audience, given in (("official", settings.alerts), ("audit", settings.alerts_audit)):
        for name, _, least in (n.partition(":") for n in given):
            wanted.setdefault(name, {})[audience] = ALERT_SEVERITIES.index(least or ALERT_SEVERITIES[0]) + 1
    if settings.webhook and "json" not in wanted:
        wanted["json"] = {"official": 1}
    return [Channel(name, least, _poster(name, settings)) for name, least in wanted.items()]


def _poster(name: str, settings: Settings) -> Callable[[Message], None]:
    if name == "mail":
        return _mail(settings)
    address = settings.webhook if name == "json" and settings.webhook else _secret(f"alert_{name}_url", settings)
    if address is None:
        raise BrainError(f"channel {name} has no address", f"put it into the file alert_{name}_url in BRAIN_SECRETS")
    require_safe(address, name)
    key = _secret(f"alert_{name}_{'token' if name == 'json' else 'secret'}", settings)
    if name == "json":
        return lambda m: _http(address, m.json(), {"Idempotency-Key": m.message_id, **_bearer(key)}, _any_2xx)
    if name == "wecom":
        return lambda m: _http(address, {"msgtype": "text", "text": {"content": m.text}}, {}, _errcode)
    if name == "dingtalk":
        return lambda m: _http(
            signed_address(address, key, time.time()), {"msgtype": "text", "text": {"content": m.text}}, {}, _errcode
        )
    return lambda m: _http(
        address, {"msg_type": "text", "content": {"text": m.text}, **feishu_signature(key, time.time())}, {}, _code
    )


def require_safe(address: str, name: str) -> None:
    """HTTPS, or this machine; no user and password in it."""
    parts = urlsplit(address)
    is_here = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.scheme == "https" or is_here) or not parts.hostname or parts.username:
        raise BrainError(f"the address of channel {name} is not https", "only an address on this machine may be http")


def _secret(name: str, settings: Settings) -> str | None:
    from ingest.fetch.secret import read_secret

    try:
        return read_secret(name, settings, "alerts")
    except FetchError as e:
        if "is missing" in e.message:
            return None
        raise


def _bearer(token: str | None) -> dict[str, str | bytes]:
    return {"Authorization": f"Bearer {token}".encode()} if token else {}


def signed_address(address: str, secret: str | None, at: float) -> str:
    """钉钉 加签: `sign` = base64(HMAC-SHA256(key secret, `<ms>\\n<secret>`)), beside `timestamp` in the query."""
    if not secret:
        return address
    stamp = str(round(at * 1000))
    sign = base64.b64encode(hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), "sha256")).decode()
    parts = urlsplit(address)
    query = urlencode([*parse_qsl(parts.query), ("timestamp", stamp), ("sign", sign)])
    return urlunsplit(parts._replace(query=query))


def feishu_signature(secret: str | None, at: float) -> dict[str, str]:
    """飞书 签名校验: `sign` = base64(HMAC-SHA256(key `<s>\\n<secret>`, nothing)), beside `timestamp` in the body."""
    if not secret:
        return {}
    stamp = str(int(at))
    sign = base64.b64encode(hmac.digest(f"{stamp}\n{secret}".encode(), b"", "sha256")).decode()
    return {"timestamp": stamp, "sign": sign}


def _http(
    address: str, body: dict[str, Any], headers: Mapping[str, str | bytes], judge: Callable[[Any], str | None]
) -> None:
    """Post JSON; raises PostError. No redirect is followed, for it would carry the text and the key elsewhere."""
    import requests

    data = json.dumps(body, ensure_ascii=False).encode()
    sent = {"Content-Type": "application/json; charset=utf-8", **headers}
    try:
        with requests.Session() as http:
            if urlsplit(address).hostname in LOOPBACK:
                http.trust_env = False
            answer = http.post(address, data=data, headers=sent, timeout=TIMEOUT, allow_redirects=False)
    except requests.ConnectTimeout:
        raise PostError("ConnectTimeout", is_passing=True) from None
    except requests.ReadTimeout:
        raise PostError("ReadTimeout", is_unknown=True) from None
    except requests.RequestException as e:
        raise PostError(type(e).__name__, is_passing=True) from None
    if answer.status_code == 429 or answer.status_code >= 500:
        raise PostError(f"HTTP {answer.status_code}", is_passing=True)
    if not 200 <= answer.status_code < 300:
        raise PostError(f"HTTP {answer.status_code}")
    refused = judge(answer)
    if refused:
        raise PostError(refused)


def _any_2xx(_: Any) -> None:
    return None


def _errcode(answer: Any) -> str | None:
    """企业微信 and 钉钉 answer 200 to what they refuse, too."""
    return _field(answer, "errcode")


def _code(answer: Any) -> str | None:
    return _field(answer, "code")


def _field(answer: Any, name: str) -> str | None:
    try:
        code = answer.json()[name]
    except (ValueError, KeyError, TypeError):
        return f"an answer without {name}"
    return None if code == 0 else f"{name} {code}" if isinstance(code, int) else f"an odd {name}"


def _mail(settings: Settings) -> Callable[[Message], None]:
    """By SMTP: `smtps://user@host:465`, or `smtp://user@host:587`, which turns to TLS before anything is said."""
    parts = urlsplit(settings.smtp or "")
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or not settings.alert_mail:
        raise BrainError(
            "channel mail has no server or no address", "set BRAIN_SMTP=smtps://user@host:465 and BRAIN_ALERT_MAIL"
        )
    password = _secret("alert_smtp_password", settings)
    user = unquote(parts.username or "")
    host = parts.hostname

    def post(message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"] = message.text.partition("\n")[0]
        mail["From"] = user if "@" in user else f"science-brain@{host}"
        mail["To"] = ", ".join(settings.alert_mail)
        mail["Message-ID"] = f"<{message.message_id}@science-brain.invalid>"
        mail.set_content(message.text)
        is_handed_over = False
        try:
            made = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
            with made(host, parts.port or (465 if parts.scheme == "smtps" else 587), timeout=TIMEOUT[1]) as server:
                if parts.scheme == "smtp" and host not in LOOPBACK:
                    server.starttls(context=_tls())
                if password:
                    server.login(user, password)
                server.send_message(mail)
                is_handed_over = True
        except (OSError, smtplib.SMTPException) as e:
            if not is_handed_over:  # a farewell that fails after the mail was taken is no failure
                raise PostError(type(e).__name__, is_passing=isinstance(e, OSError)) from None

    return post


def _tls() -> Any:
    import ssl

    return ssl.create_default_context()
