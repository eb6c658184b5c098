"""How a request proves who asks: a fixed token, one that a login hands out, or a signature. From YAML alone.

Secrets are named in the contract and never quoted: not in errors, not in progress, not in landing. They go to the
scheme, host and port of the source and nowhere else.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import json
import re
import secrets as random_secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import requests

from brain.errors import FetchError
from brain.settings import Settings
from ingest.contract import Auth, Login, Server, Signature
from ingest.fetch.secret import read_secret
from ingest.pointer import tokens

# A token is renewed before its end: a request takes time, and clocks of two machines do not run alike.
RENEW_SECONDS = 30.0
RENEW_SHARE = 0.2
# Signed requests are commonly refused when older than some minutes; half a minute apart is worth telling.
CLOCK_SECONDS = 30.0

# Sends one request (method, address, headers, body) as the fetcher sends all of its own, and follows no redirect:
# status and content of the answer.
Ask = Callable[[str, str, dict[str, str], bytes | None], tuple[int, bytes]]


class Credentials:
    """Of a source that asks for none. The others differ in what they add to a request and in what they complain of."""

    def __init__(self, where: str):
        self.where = where

    def sign(self, request: requests.PreparedRequest) -> None:
        """Add what proves who asks; called for every request anew, retries and redirects included."""

    def renew(self) -> bool:
        """After a 401: whether asking once more with a fresh credential makes sense."""
        return False

    def refusal(self, status: int, date: str | None) -> FetchError:
        """What to tell when the source refuses (401, 403). `date`: the clock of the source, as its answer says."""
        return FetchError(f"{self.where}: answers {status}", "it wants a token: declare `auth`")


def credentials(
    server: Server, settings: Settings, where: str, address: Callable[[str], str], ask: Ask, clock: Callable[[], float]
) -> Credentials:
    """Those that a server's contract declares; raises FetchError naming a secret that is missing.

    `address`: checks an address of the contract and makes it whole. `ask`: see there. `clock`: monotonic seconds.
    """
    auth = server.auth
    if isinstance(auth, Auth):
        return _Fixed(where, auth, _secret(auth.secret, settings, where))
    if isinstance(auth, Login):
        given = {field: _secret(name, settings, where) for field, name in auth.secrets}
        return _Token(where, auth, given, address(auth.address), ask, clock)
    if isinstance(auth, Signature):
        key_id = _secret(auth.key_id, settings, where) if auth.key_id else ""
        return _Signed(where, auth, key_id, _secret(auth.secret, settings, where))
    return Credentials(where)


def _secret(name: str, settings: Settings, where: str) -> str:
    """The value of a secret that can stand in a header; raises FetchError naming it, never quoting it."""
    value = read_secret(name, settings, where)
    if not _is_word(value):
        raise FetchError(f"{where}: the secret {name} cannot be sent", "it must be one word of ASCII characters")
    return value


def _is_word(text: str) -> bool:
    return re.fullmatch(r"[\x21-\x7e]+", text) is not None


class _Fixed(Credentials):
    """The secret itself, as bearer or in a header of its own."""

    def __init__(self, where: str, auth: Auth, secret: str):
        super().__init__(where)
        self._name = auth.secret
        bearer = auth.scheme == "bearer"
        self._header = ("Authorization", f"Bearer {secret}") if bearer else (auth.header, secret)

    def sign(self, request: requests.PreparedRequest) -> None:
        request.headers[self._header[0]] = self._header[1]

    def refusal(self, status: int, date: str | None) -> FetchError:
        return FetchError(
            f"{self.where}: refuses the secret {self._name} ({status})",
            f"renew BRAIN_SECRET_{self._name} or the file {self._name} in BRAIN_SECRETS",
        )


class _Token(Credentials):
    """A token that a login hands out, renewed before it ends and once more where the source refuses it."""

    def __init__(
        self, where: str, auth: Login, given: dict[str, str], address: str, ask: Ask, clock: Callable[[], float]
    ):
        super().__init__(where)
        self._auth, self._given, self._address, self._ask, self._clock = auth, given, address, ask, clock
        self._token: str | None = None
        self._until: float | None = None

    def sign(self, request: requests.PreparedRequest) -> None:
        if self._token is None or (self._until is not None and self._clock() >= self._until):
            self._login()
        request.headers[self._auth.header] = f"{self._auth.prefix}{self._token}"

    def renew(self) -> bool:
        self._token = None
        return True

    def refusal(self, status: int, date: str | None) -> FetchError:
        names = ", ".join(name for _, name in self._auth.secrets)
        return FetchError(
            f"{self.where}: refuses a token that its login has just handed out ({status})",
            f"may who logs in with {names} read this? check `auth` in the source file too",
        )

    def _login(self) -> None:
        auth = self._auth
        fields = {**dict(auth.fields), **self._given}
        headers, body, address = {"Accept": "application/json"}, None, self._address
        if auth.method == "GET":
            parts = urlsplit(address)
            query = "&".join(q for q in (parts.query, urlencode(fields)) if q)
            address = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
        elif auth.body == "json":
            headers["Content-Type"] = "application/json"
            body = json.dumps(fields, ensure_ascii=False).encode()
        else:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(fields).encode()
        asked = self._clock()
        status, content = self._ask(auth.method, address, headers, body)
        if status not in (200, 201):
            names = ", ".join(name for _, name in auth.secrets)
            what = f"{self.where}: the login with {names} is answered with {status}"
            raise FetchError(what, "renew these secrets in BRAIN_SECRETS, or check `auth` in the source file")
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        token = _at(document, auth.token)
        if not isinstance(token, str) or not _is_word(token):
            raise FetchError(f"{self.where}: the login hands out no token at {auth.token}", "check `auth.token`")
        self._until = None
        if auth.expires:
            life = _seconds(_at(document, auth.expires))
            if life is None:
                what = f"{self.where}: the login tells no life in seconds at {auth.expires}"
                raise FetchError(what, "check `auth.expires`, or drop it: then a 401 renews the token")
            self._until = asked + life - min(RENEW_SECONDS, life * RENEW_SHARE)
        self._token = token


def _at(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901) without array indexes; None where there is none."""
    for part in tokens(pointer):
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document


def _seconds(value: Any) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return float(value)


class _Signed(Credentials):
    """An HMAC (RFC 2104) over a message that the contract composes of the request's own parts."""

    def __init__(self, where: str, auth: Signature, key_id: str, secret: str):
        super().__init__(where)
        self._auth, self._key_id, self._secret = auth, key_id, secret

    def sign(self, request: requests.PreparedRequest) -> None:
        auth = self._auth
        parts = urlsplit(str(request.url))
        body = request.body or b""
        told = {
            "method": str(request.method),
            "host": parts.netloc,
            "path": parts.path or "/",
            "query": parts.query,
            "sorted_query": "&".join(sorted(parts.query.split("&"))),
            "timestamp": _timestamp(auth.timestamp),
            "nonce": random_secrets.token_hex(16),
            "body_sha256": hashlib.sha256(body.encode() if isinstance(body, str) else body).hexdigest(),
            "key_id": self._key_id,
        }
        mac = hmac.new(self._secret.encode(), _fill(auth.message, told).encode(), auth.algorithm)
        told["signature"] = mac.hexdigest() if auth.encoding == "hex" else base64.b64encode(mac.digest()).decode()
        for name, template in auth.headers:
            request.headers[name] = _fill(template, told)

    def refusal(self, status: int, date: str | None) -> FetchError:
        names = " and ".join(n for n in (self._auth.key_id, self._auth.secret) if n)
        what = f"{self.where}: refuses the signature made with {names} ({status})"
        apart = _seconds_apart(date)
        if apart is not None and abs(apart) > CLOCK_SECONDS:
            side = "ahead of" if apart > 0 else "behind"
            return FetchError(
                f"{what}; this machine's clock is {abs(apart):,.0f} s {side} the source's",
                "set the clock (NTP): signed requests carry their time",
            )
        return FetchError(what, "renew these secrets in BRAIN_SECRETS, or check `auth.message` in the source file")


def _fill(template: str, told: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: told[m[1]], template)


def _timestamp(form: str) -> str:
    now = datetime.now(UTC)
    if form == "seconds":
        return str(int(now.timestamp()))
    if form == "millis":
        return str(int(now.timestamp() * 1000))
    if form == "iso":
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return email.utils.format_datetime(now, usegmt=True)


def _seconds_apart(date: str | None) -> float | None:
    """How far this machine's clock is ahead of the one that wrote a Date header (RFC 9110, section 6.6.1)."""
    try:
        there = email.utils.parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return (datetime.now(UTC) - (there if there.tzinfo else there.replace(tzinfo=UTC))).total_seconds()
