"""Payloads over HTTP: one address, or a walk over pages (page, offset, cursor, link, OAI-PMH), with `requests`.

A source is not trusted. Nothing is followed away from its scheme, host and port; wire bytes go on exactly as received
and are looked at through `decode_body` only; a body must be as long as announced; what is declared must have come; and
besides the timeout of every read there is a deadline for the whole walk. Every complaint names source and server, never
a credential or a value.
"""

from __future__ import annotations

import email.utils
import logging
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from brain.errors import FetchError, PayloadError
from ingest.contract import Server
from ingest.fetch import FetchContext, Payload, oai
from ingest.fetch.address import Origin, expand, with_params
from ingest.fetch.auth import credentials
from ingest.fetch.body import decode_body
from ingest.fetch.guard import GuardedAdapter
from ingest.fetch.paging import Page, PageReader, Walk, XmlPageReader

BACKOFF_SECONDS = 0.5  # first wait; it doubles with every try, up to
BACKOFF_CAP_SECONDS = 60.0
CONNECT_SECONDS = 10.0
MAX_REDIRECTS = 5
READ_BYTES = 1 << 18  # one read hands out what one receive brought, so that slow bytes cannot outlast the deadline
KEPT_HEADERS = ("Content-Encoding", "Content-Type", "ETag", "Last-Modified")
TOKEN_BYTES = 1 << 20  # a login's answer is small
LOOPBACK = ("localhost", "127.0.0.1", "::1")

logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)  # at DEBUG it quotes addresses, logins included


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
        self.url = expand(server.location, ctx.settings, self.where)
        self.origin = Origin(self.url, self.where)
        self.credentials = credentials(
            server, ctx.settings, self.where, self._login_address(ctx), self._ask, lambda: time.monotonic()
        )
        self.params = dict(server.params)
        if ctx.since is not None and server.since_param:
            self.params[server.since_param] = ctx.since
        self.walk = Walk(self.where)
        self.thorough = ctx.thorough
        self.beyond = False  # whether the declared total has come and something may still lie behind it
        self.pages = _page_reader(server, self.where, ctx.row)
        self.deadline = self.next_request_at = 0.0
        self.session = self._session()
        self.options: dict[str, Any] = {}
        self.model: requests.PreparedRequest  # of the requests for pages: to prepare each anew costs more than to send

    def run(self) -> Iterator[Payload]:
        paging = self.server.paging
        params = self._first_params()
        url = with_params(self.url, params)
        self.deadline = time.monotonic() + self.server.limit("deadlineSeconds")
        with self.session:
            while True:
                try:
                    got = self._get(url)
                except FetchError:
                    if self.beyond and not self.thorough:
                        break  # everything declared has come; not every source can be asked for what lies behind it
                    raise
                if got is None:  # behind the end
                    break
                payload, page, link = got
                if page is not None:
                    if self.beyond and (page.items == 0 or self.walk.knows(page)):
                        break  # nothing lies behind the total; some sources hand out their last page again
                    self.walk.add(page)
                paused = time.monotonic()
                yield payload
                # the reader's own work is not the source's time
                self.deadline += time.monotonic() - paused
                if page is None or paging.kind == "none" or self._is_over(page):
                    break
                if paging.kind == "page":
                    params[paging.param] = str(int(params[paging.param]) + 1)
                    url = with_params(self.url, params)
                elif paging.kind == "offset":
                    # by what came, not by what was asked for: a source may cap the size of its pages
                    params[paging.param] = str(paging.start + self.walk.items)
                    url = with_params(self.url, params)
                else:
                    following = link if paging.kind == "link" and paging.next is None else page.next
                    if following is None:
                        break
                    self.walk.go(following)
                    if paging.kind == "cursor":
                        params[paging.param] = following
                        url = with_params(self.url, params)
                    elif paging.kind == "oai":
                        url = with_params(self.url, oai.following(following))
                    else:
                        url = self.origin.stay(url, following, "the link to the next page")
        self.walk.check()

    def _first_params(self) -> dict[str, str]:
        paging = self.server.paging
        params = oai.first(self.params) if paging.kind == "oai" else dict(self.params)
        if paging.kind != "none" and paging.size_param and paging.size:
            params[paging.size_param] = str(paging.size)
        if paging.kind in ("page", "offset"):
            params[paging.param] = str(paging.start)
        return params

    def _is_over(self, page: Page) -> bool:
        """Page and offset paging end with the declared total, else with an empty page: a short one proves nothing.

        Where the total came with a full page, one more is asked for: a source may cap the total that it tells. A
        thorough walk goes on to the empty page in any case: what lies behind the total was pushed there by repeats.
        """
        paging = self.server.paging
        if paging.kind not in ("page", "offset"):
            return False
        if page.items == 0 or not self._has_all():
            return page.items == 0
        is_full = page.items >= (paging.size or 1) or (self.walk.pages > 1 and page.items >= self.walk.largest)
        self.beyond = self.thorough or is_full
        return not self.beyond

    def _has_all(self) -> bool:
        return self.walk.total is not None and self.walk.items >= self.walk.total

    # -- one request ----------------------------------------------------------------------------------------------

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.mount("http://", GuardedAdapter(self._left))
        session.mount("https://", GuardedAdapter(self._left))
        # proxies of the environment count, except for this machine itself
        session.trust_env = urlsplit(self.url).hostname not in LOOPBACK
        # an `auth` of our own keeps ~/.netrc from replacing the credentials
        session.auth = lambda request: request
        session.headers.clear()
        session.headers.update({"User-Agent": "science-brain", "Accept": "*/*", "Accept-Encoding": "gzip"})
        return session

    def _get(self, url: str) -> tuple[Payload, Page | None, str | None] | None:
        """One page, tried as often as the contract allows: payload, what it says, and its Link rel=next.

        None where a page behind the declared total is asked for and the source has none.
        """
        tries = int(self.server.limit("retries")) + 1
        bad_bodies = 0
        for attempt in range(1, tries + 1):
            self._pace()
            try:
                return self._try(url)
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

    def _try(self, url: str) -> tuple[Payload, Page | None, str | None] | None:
        redirects = 0
        renewed = False
        while True:
            with self._send("GET", url) as response:
                if 300 <= response.status_code < 400:
                    redirects += 1
                    if redirects > MAX_REDIRECTS:
                        what = f"{self.where}: more than {MAX_REDIRECTS} redirects"
                        raise FetchError(what, "check location in the source file")
                    url = self.origin.stay(url, response.headers.get("Location", ""), "its redirect")
                    continue
                if response.status_code == 401 and not renewed and self.credentials.renew():
                    renewed = True
                    continue
                if response.status_code in (400, 404, 416) and self.beyond:
                    return None
                self._check_status(response)
                body = self._body(response, int(self.server.limit("maxBytes")))
                received_at = datetime.now(UTC)
            headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            page = self._look(body, response)
            link = _next_link(response.headers.get("Link"))
            total, rows = (page.total, page.rows) if page else (None, None)
            return Payload(body, url, response.status_code, received_at, headers, total, rows), page, link

    def _send(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        *,
        signed: bool = True,
    ) -> requests.Response:
        """One request by the adapter itself: a session would read the body of a redirect whole, however long it is."""
        timeout = min(self.server.limit("timeoutSeconds"), self._left())
        try:
            if not self.options:  # every address shares scheme, host and port
                self.options = self.session.merge_environment_settings(self.url, {}, True, None, None)
                self.model = self.session.prepare_request(requests.Request("GET", self.url))
            if method == "GET" and not headers and body is None:
                request = self.model.copy()
                request.prepare_url(url, None)
            else:
                request = self.session.prepare_request(requests.Request(method, url, headers, data=body))
            if signed:
                self.credentials.sign(request)
            timeouts = (min(CONNECT_SECONDS, timeout), timeout)
            return self.session.get_adapter(url).send(request, timeout=timeouts, **self.options)
        except requests.exceptions.Timeout:
            self._left()
            raise _Retry(f"no answer within {timeout:,.0f} s") from None
        except requests.exceptions.ConnectionError as e:
            raise _Retry(f"cannot be reached ({_kind(e)})", hint="is it up, and is location right?") from None
        except requests.exceptions.RequestException as e:
            what = f"{self.where}: the request is impossible ({type(e).__name__})"
            raise FetchError(what, "check location in the source file") from None

    def _login_address(self, ctx: FetchContext) -> Callable[[str], str]:
        """Makes the address of a login whole: below the source's own scheme, host and port."""

        def whole(address: str) -> str:
            return self.origin.stay(
                self.url, expand(address, ctx.settings, self.where, self.url), "the login's address"
            )

        return whole

    def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> tuple[int, bytes]:
        """A request of the credentials' own; what another try may mend is tried again with the page it is for."""
        with self._send(method, url, headers, body, signed=False) as response:
            status = response.status_code
            if 300 <= status < 400:
                what = f"{self.where}: the login redirects, and secrets follow no redirect"
                raise FetchError(what, "write the address that it redirects to as `auth.address`, if it is right")
            if status == 429 or status >= 500:
                raise _Retry(f"its login answers {status}", _retry_after(response.headers.get("Retry-After")))
            if status not in (200, 201):
                return status, b""
            content = self._body(response, TOKEN_BYTES)
            return status, decode_body(content, response.headers.get("Content-Encoding"), TOKEN_BYTES, 100)

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if status in (429, 503) or status >= 500:
            wait = _retry_after(response.headers.get("Retry-After"))
            raise _Retry(f"answers {status}", wait)
        if status in (401, 403):
            raise self.credentials.refusal(status, response.headers.get("Date"))
        raise FetchError(f"{self.where}: answers {status}", "check location and params in the source file")

    def _body(self, response: requests.Response, cap: int) -> bytes:
        """The wire bytes, checked against the announced length, within size cap and deadline."""
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


def _page_reader(server: Server, where: str, row: Any) -> PageReader | XmlPageReader | None:
    """What looks into the pages of a walk; None where nothing of them is needed."""
    paged = server.paging.kind != "none"
    if not paged and server.total is None:
        return None
    if server.format == "json":
        return PageReader(server, row)
    if server.format == "xml":
        return oai.OaiReader(server, where) if server.paging.kind == "oai" else XmlPageReader(server)
    raise FetchError(f"{where}: pages are read as JSON and XML only", "drop `paging` and `total`")


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
