"""Payloads over HTTP: one address, or a walk over pages (page, offset, cursor, link), with `requests`.

A source is not trusted. Nothing is followed away from its scheme, host and port; wire bytes go on exactly as received
and are looked at through `decode_body` only; a body must be as long as announced; what is declared must have come; and
besides the timeout of every read there is a deadline for the whole walk. Every complaint names source and server, never
a credential or a value.
"""

from __future__ import annotations

import email.utils
import os
import random
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from brain.errors import FetchError, PayloadError
from ingest.contract import Server
from ingest.fetch import FetchContext, Payload
from ingest.fetch.body import decode_body
from ingest.fetch.paging import Page, PageReader, Walk

BACKOFF_SECONDS = 0.5  # first wait; it doubles with every try, up to
BACKOFF_CAP_SECONDS = 60.0
CONNECT_SECONDS = 10.0
MAX_REDIRECTS = 5
READ_BYTES = 1 << 18  # one read hands out what one receive brought, so that slow bytes cannot outlast the deadline
KEPT_HEADERS = ("Content-Encoding", "Content-Type", "ETag", "Last-Modified")
DEFAULT_PORTS = {"http": 80, "https": 443}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def fetch_http(server: Server, ctx: FetchContext) -> Iterator[Payload]:
    """The payloads of one endpoint, in the order of its pages.

    Raises FetchError: out of tries or time, refused, redirected away, cut off, too large, a page that repeats, a total
    that did not come. Raises SourceMovedError, a FetchError, where the total changes on the way: the caller drops what
    it has and may begin once more.
    """
    return _Fetch(server, ctx).run()


class _Retry(Exception):
    """This try failed in a way that another try may mend. `what`: said to the user if none does."""

    def __init__(self, what: str, wait: float | None = None, hint: str | None = None):
        super().__init__(what)
        self.what, self.wait, self.hint = what, wait, hint


class _Fetch:
    """One walk: its session, its clock and its account."""

    def __init__(self, server: Server, ctx: FetchContext):
        self.server = server
        self.where = f"{ctx.source.name}/{server.name}"
        self.progress = ctx.progress
        self.url = _expand(server.location, ctx, self.where)
        self.origin = _origin(urlsplit(self.url))
        self.header = _credential(server, ctx, self.where)
        self.params = dict(server.params)
        if ctx.since is not None and server.since_param:
            self.params[server.since_param] = ctx.since
        self.walk = Walk(self.where)
        paged = server.paging.kind != "none"
        if paged and server.format != "json":
            raise FetchError(f"{self.where}: pages are read as JSON only", "drop `paging`, or set format json")
        self.pages = PageReader(server) if paged or server.total is not None else None
        self.deadline = self.next_request_at = 0.0
        self.request: requests.PreparedRequest | None = None
        self.options: dict[str, Any] = {}

    def run(self) -> Iterator[Payload]:
        paging = self.server.paging
        params = self._first_params()
        url = self._address(self.url, params)
        self.deadline = time.monotonic() + self.server.limit("deadlineSeconds")
        with self._session() as session:
            while True:
                payload, page, link = self._get(session, url)
                if page is not None:
                    self.walk.add(page)
                paused = time.monotonic()
                yield payload
                # the reader's own work is not the source's time
                self.deadline += time.monotonic() - paused
                if page is None or paging.kind == "none" or self._is_over(page):
                    break
                if paging.kind == "page":
                    params[paging.param] = str(int(params[paging.param]) + 1)
                    url = self._address(self.url, params)
                elif paging.kind == "offset":
                    # by what came, not by what was asked for: a source may cap the size of its pages
                    params[paging.param] = str(paging.start + self.walk.items)
                    url = self._address(self.url, params)
                else:
                    following = page.next if paging.next is not None else link
                    if following is None:
                        break
                    self.walk.go(following)
                    if paging.kind == "cursor":
                        params[paging.param] = following
                        url = self._address(self.url, params)
                    else:
                        url = self._stay(url, following, "the link to the next page")
        self.walk.check()

    def _first_params(self) -> dict[str, str]:
        paging = self.server.paging
        params = dict(self.params)
        if paging.kind != "none" and paging.size_param and paging.size:
            params[paging.size_param] = str(paging.size)
        if paging.kind in ("page", "offset"):
            params[paging.param] = str(paging.start)
        return params

    def _is_over(self, page: Page) -> bool:
        """Page and offset paging end with the declared total, else with an empty page: a short one proves nothing."""
        if self.server.paging.kind not in ("page", "offset"):
            return False
        return page.items == 0 or (self.walk.total is not None and self.walk.items >= self.walk.total)

    # -- one request ----------------------------------------------------------------------------------------------

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
        session.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
        # proxies of the environment count, except for this machine itself
        session.trust_env = urlsplit(self.url).hostname not in LOOPBACK
        # an `auth` of our own also keeps ~/.netrc from replacing the token
        session.auth = self._sign
        session.headers.clear()
        session.headers.update({"User-Agent": "science-brain", "Accept": "*/*", "Accept-Encoding": "gzip"})
        return session

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.header:
            request.headers[self.header[0]] = self.header[1]
        return request

    def _get(self, session: requests.Session, url: str) -> tuple[Payload, Page | None, str | None]:
        """One page, tried as often as the contract allows: payload, what it says, and its Link rel=next."""
        tries = int(self.server.limit("retries")) + 1
        bad_bodies = 0
        for attempt in range(1, tries + 1):
            self._pace()
            try:
                return self._try(session, url)
            except PayloadError as e:
                # may be a transfer that broke unnoticed, but rarely; three tries tell
                bad_bodies += 1
                trouble = _Retry(e.message, hint=e.hint)
                last = bad_bodies == 3
            except _Retry as e:
                trouble, last = e, False
            if attempt == tries or last:
                times = f" ({attempt} tries)" if attempt > 1 else ""
                hint = trouble.hint or "nothing of this fetch is kept; run again later"
                raise FetchError(f"{self.where}: {trouble.what}{times}", hint)
            self._wait(attempt, trouble)
        raise AssertionError("unreachable")

    def _pace(self) -> None:
        """Keep to the agreed number of requests per second."""
        rate = self.server.limit("perSecond")
        if not rate:
            return
        now = time.monotonic()
        if now < self.next_request_at:
            self._sleep(self.next_request_at - now, "its rate limit")
        self.next_request_at = max(now, self.next_request_at) + 1 / rate

    def _wait(self, attempt: int, trouble: _Retry) -> None:
        """Exponential backoff with full jitter, or as long as the source asks for."""
        backoff = min(BACKOFF_CAP_SECONDS, BACKOFF_SECONDS * 2 ** (attempt - 1))
        seconds = trouble.wait if trouble.wait is not None else random.uniform(0, backoff)
        self.progress(f"{self.where}: {trouble.what}; next try in {seconds:.1f} s")
        self._sleep(seconds, trouble.what)

    def _sleep(self, seconds: float, reason: str) -> None:
        if seconds > self._left():
            raise FetchError(
                f"{self.where}: {reason}; waiting {seconds:,.0f} s would pass the deadline",
                "run again later, or raise limits.deadlineSeconds in the source file",
            )
        time.sleep(seconds)

    def _left(self) -> float:
        """Seconds to the deadline; raises FetchError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise FetchError(
                f"{self.where}: not done within {self.server.limit('deadlineSeconds'):,.0f} s",
                "the source is slow; run again later, or raise limits.deadlineSeconds in the source file",
            )
        return left

    def _try(self, session: requests.Session, url: str) -> tuple[Payload, Page | None, str | None]:
        for _ in range(MAX_REDIRECTS + 1):
            timeout = min(self.server.limit("timeoutSeconds"), self._left())
            try:
                response = self._send(session, url, timeout)
            except requests.exceptions.Timeout:
                self._left()
                raise _Retry(f"no answer within {timeout:,.0f} s") from None
            except requests.exceptions.ConnectionError as e:
                raise _Retry(f"cannot be reached ({_kind(e)})", hint="is it up, and is location right?") from None
            except requests.exceptions.RequestException as e:
                what = f"{self.where}: the request is impossible ({type(e).__name__})"
                raise FetchError(what, "check location in the source file") from None
            with response:
                if response.is_redirect or 300 <= response.status_code < 400:
                    url = self._stay(url, response.headers.get("Location", ""), "its redirect")
                    continue
                self._check_status(response)
                body = self._body(response)
                received_at = datetime.now(UTC)
            headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            page = self._look(body, response)
            link = _next_link(response.headers.get("Link"))
            total = page.total if page else None
            return Payload(body, url, response.status_code, received_at, headers, total), page, link
        raise FetchError(f"{self.where}: more than {MAX_REDIRECTS} redirects", "check location in the source file")

    def _send(self, session: requests.Session, url: str, timeout: float) -> requests.Response:
        """One request by the adapter itself: a session would read the body of a redirect whole, however long it is."""
        if self.request is None:  # every address shares scheme, host and port, so one request serves as the model
            self.request = session.prepare_request(requests.Request("GET", self.url))
            self.options = session.merge_environment_settings(self.url, {}, True, None, None)
        request = self.request.copy()
        request.prepare_url(url, None)
        return session.get_adapter(url).send(request, timeout=(min(CONNECT_SECONDS, timeout), timeout), **self.options)

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if status in (429, 503) or status >= 500:
            wait = _retry_after(response.headers.get("Retry-After"))
            raise _Retry(f"answers {status}", wait)
        if status in (401, 403):
            auth = self.server.auth
            if auth is None:
                raise FetchError(f"{self.where}: answers {status}", "it wants a token: declare `auth`")
            raise FetchError(
                f"{self.where}: refuses the secret {auth.secret} ({status})",
                f"renew BRAIN_SECRET_{auth.secret} or the file {auth.secret} in BRAIN_SECRETS",
            )
        raise FetchError(f"{self.where}: answers {status}", "check location and params in the source file")

    def _body(self, response: requests.Response) -> bytes:
        """The wire bytes, checked against the announced length, within size cap and deadline."""
        cap = int(self.server.limit("maxBytes"))
        announced = response.headers.get("Content-Length")
        length = int(announced) if announced and announced.isdigit() else None
        if length is not None and length > cap:
            raise self._too_large(cap)
        parts: list[bytes] = []
        size = 0
        try:
            while size != length:
                part = response.raw.read1(READ_BYTES, decode_content=False)
                if not part:
                    break
                parts.append(part)
                size += len(part)
                if size > cap:
                    raise self._too_large(cap)
                self._left()
        except urllib3.exceptions.TimeoutError:
            self._left()
            raise _Retry("stops in the middle of a body") from None
        except (urllib3.exceptions.HTTPError, OSError) as e:
            raise _Retry(f"breaks off in the middle of a body ({_kind(e)})") from None
        if length is not None and size != length:
            raise _Retry(f"announced {length:,} bytes and sent {size:,}")
        if size == 0:
            raise _Retry("answers 200 with an empty body")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self, cap: int) -> FetchError:
        return FetchError(f"{self.where}: a body of more than {cap:,} bytes", "raise limits.maxBytes if that is right")

    def _look(self, body: bytes, response: requests.Response) -> Page | None:
        """What the page says; without paging only that a compressed body without length is whole."""
        coding = response.headers.get("Content-Encoding")
        if self.pages is None and (not coding or "Content-Length" in response.headers):
            return None
        content = body
        if coding:
            content = decode_body(body, coding, int(self.server.limit("maxBytes")), self.server.limit("maxRatio"))
        return self.pages.read(content) if self.pages else None

    # -- addresses ------------------------------------------------------------------------------------------------

    def _address(self, url: str, params: dict[str, str]) -> str:
        if not params:
            return url
        parts = urlsplit(url)
        query = "&".join(q for q in (parts.query, urlencode(params)) if q)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))

    def _stay(self, base: str, target: str, what: str) -> str:
        """The target where it lies on the source's scheme, host and port, without user or password; else FetchError."""
        try:
            url = urljoin(base, target)
            parts = urlsplit(url)
            if _origin(parts) == self.origin and "@" not in parts.netloc:
                return url
            shown = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        except ValueError:
            shown = "an impossible address"
        raise FetchError(
            f"{self.where}: {what} leads to {shown[:100]}, away from the source",
            "no other scheme, host or port is followed; if the source moved, change location in the source file",
        )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)


def _expand(location: str, ctx: FetchContext, where: str) -> str:
    """The address with its ${VARIABLES}; raises FetchError for unknown ones, for secrets and for other than HTTP."""
    known = {**os.environ, "BRAIN_DEMO_URL": ctx.settings.demo_url}

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("BRAIN_SECRET"):
            raise FetchError(f"{where}: a secret stands in the address", "declare `auth` instead")
        if name not in known:
            raise FetchError(f"{where}: the address needs {name}, which is not set", f"set {name}")
        return known[name]

    url = re.sub(r"\$\{(\w+)\}", value, location)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in DEFAULT_PORTS and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise FetchError(f"{where}: location is no HTTP address", "write it as https://host/path in the source file")
    if "@" in parts.netloc:
        raise FetchError(f"{where}: a user or password stands in the address", "declare `auth` instead")
    return url


def _credential(server: Server, ctx: FetchContext, where: str) -> tuple[str, str] | None:
    """Header and value that carry the secret; raises FetchError naming the secret, never quoting it."""
    if server.auth is None:
        return None
    name = server.auth.secret
    variable, path = f"BRAIN_SECRET_{name}", ctx.settings.secrets / name
    secret = os.environ.get(variable, "").strip()
    if not secret:
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            secret = ""
        except (OSError, UnicodeDecodeError) as e:
            raise FetchError(
                f"{where}: the secret {name} is unreadable ({type(e).__name__})", f"look at {path}"
            ) from None
    if not secret:
        raise FetchError(f"{where}: the secret {name} is missing", f"set {variable}, or put it into {path}")
    if not re.fullmatch(r"[\x21-\x7e]+", secret):
        raise FetchError(f"{where}: the secret {name} cannot be sent", "it must be one word of ASCII characters")
    if server.auth.scheme == "bearer":
        return "Authorization", f"Bearer {secret}"
    return server.auth.header, secret


def _retry_after(value: str | None) -> float | None:
    """Seconds asked for: a number or an HTTP date (RFC 9110, section 10.2.3); None where it says nothing readable."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _next_link(value: str | None) -> str | None:
    """The target of rel=next in a Link header (RFC 8288)."""
    if not value:
        return None
    for link in requests.utils.parse_header_links(value):
        if "next" in link.get("rel", "").lower().split():
            return link["url"]
    return None


def _kind(error: BaseException) -> str:
    """What broke, without the text of the exception, which may quote addresses."""
    text = str(error).lower()
    for needle, kind in (
        ("refused", "connection refused"),
        ("reset", "connection reset"),
        ("name or service", "unknown host"),
        ("failed to resolve", "unknown host"),
        ("certificate", "certificate not trusted"),
        ("incompleteread", "fewer bytes than announced"),
        ("without response", "closed without an answer"),
    ):
        if needle in text:
            return kind
    return type(error).__name__
