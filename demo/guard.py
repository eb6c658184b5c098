"""Who may read a system: fixed tokens, keys in headers, tokens from a login that wear out, signed requests."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets as random_secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from demo.endpoint import ApiKey, Auth, Bearer, Endpoint, Hmac, Login

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


class RefusedError(Exception):
    """The request is not from somebody who may read."""


def secret_names(endpoints: Iterable[Endpoint]) -> list[str]:
    """Names of all secrets that the systems know."""
    names: set[str] = set()
    for auth in (e.auth for e in endpoints):
        if isinstance(auth, Login):
            names |= set(auth.secrets.values())
        elif isinstance(auth, Hmac):
            names |= {auth.key_id, auth.secret}
        elif auth is not None:
            names.add(auth.secret)
    return sorted(names)


def make_secrets(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The secrets the systems accept: from the environment, else from their files, which are made (0600) if missing."""
    found = {}
    for name in names:
        value = os.environ.get(f"BRAIN_SECRET_{name}", "").strip()
        path = folder / name
        if not value:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError), open(path, "x", opener=_private) as f:
                f.write(random_secrets.token_urlsafe(24) + "\n")
            value = path.read_text(encoding="utf-8").strip()
        found[name] = value
    return found


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Guard:
    """Checks requests against the secrets; remembers the tokens it handed out. Safe for many threads.

    `clock` gives seconds since 1970.
    """

    def __init__(self, known: Mapping[str, str], clock: Callable[[], float] = time.time):
        self._known = known
        self._clock = clock
        self._tokens: dict[str, tuple[Login, float, int]] = {}  # token → (login, ends at, requests left)
        self._nonces: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, auth: Auth | None, headers: Mapping[str, str], method: str, path: str, query: str) -> None:
        """Raise RefusedError unless the request may be answered. `path`, `query` as they came over the wire."""
        if isinstance(auth, Bearer):
            self._same(headers.get("Authorization", ""), f"Bearer {self._known[auth.secret]}")
        elif isinstance(auth, ApiKey):
            self._same(headers.get(auth.header, ""), self._known[auth.secret])
        elif isinstance(auth, Login):
            self._use(auth, headers.get("Authorization", "").removeprefix("Bearer "))
        elif isinstance(auth, Hmac):
            self._signed(auth, headers, method, path, query)

    def login(self, auth: Login, given: Mapping[str, str]) -> tuple[str, int]:
        """A fresh token and the seconds it lives; raises RefusedError for wrong secrets."""
        for field, name in auth.secrets.items():
            self._same(str(given.get(field, "")), self._known[name])
        token = random_secrets.token_urlsafe(24)
        with self._lock:
            now = self._clock()
            self._tokens = {t: kept for t, kept in self._tokens.items() if kept[1] > now}
            self._tokens[token] = (auth, now + auth.seconds, auth.requests)
        return token, auth.seconds

    def drop_tokens(self) -> None:
        """End every token that was handed out."""
        with self._lock:
            self._tokens.clear()

    def _use(self, auth: Login, token: str) -> None:
        with self._lock:
            kept, ends, left = self._tokens.get(token, (None, 0.0, 0))
            if kept != auth or ends <= self._clock() or left <= 0:
                raise RefusedError("token missing, wrong or expired")
            self._tokens[token] = (auth, ends, left - 1)

    def _signed(self, auth: Hmac, headers: Mapping[str, str], method: str, path: str, query: str) -> None:
        at, nonce = headers.get("X-Timestamp", ""), headers.get("X-Nonce", "")
        self._same(headers.get("X-Key-Id", ""), self._known[auth.key_id])
        message = "\n".join((method, path, query, at, nonce, EMPTY_SHA256))
        wanted = hmac.new(self._known[auth.secret].encode(), message.encode(), "sha256").hexdigest()
        self._same(headers.get("X-Signature", ""), wanted)
        now = self._clock()
        if not at.isascii() or not at.isdigit() or abs(now - int(at)) > auth.window:
            raise RefusedError("the request was not signed just now")
        with self._lock:
            self._nonces = {n: t for n, t in self._nonces.items() if t > now - 2 * auth.window}
            if nonce in self._nonces or not nonce:
                raise RefusedError("this nonce was used before")
            self._nonces[nonce] = now

    @staticmethod
    def _same(given: str, wanted: str) -> None:
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise RefusedError("token missing, wrong or expired")
