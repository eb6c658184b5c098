"""Faults on request: what a source system may do wrong, so that tests and demonstrations can see the pipeline cope.

A fault is written `kind`, `kind:/path`, `kind:/path@3` (on the third matching request) or `kind:/path@3x2` (and the one
after; x0 = ever after). Without a number it strikes once, on the first matching request.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass

KINDS = {
    "429": "too many requests, Retry-After in seconds",
    "429-date": "too many requests, Retry-After as a date",
    "429-long": "too many requests, Retry-After of a day",
    "500": "internal error",
    "401": "the token has expired",
    "reset": "connection reset in the middle of the body",
    "short-body": "half of the announced bytes, then the end",
    "truncated-gzip": "a gzip body cut off, without Content-Length",
    "half-page": "half of the page's JSON, correctly announced",
    "empty": "200 without a body",
    "html": "200 with a login page",
    "gzip-bomb": "a small gzip body that unpacks to 64 MiB",
    "slow": "a body that comes byte by byte",
    "wrong-total": "a total that is three too high",
    "moving-total": "a total that is one higher",
    "same-page": "the first page instead of the one asked for",
    "same-cursor": "a pointer to the next page that leads back to this one",
    "foreign-next": "a pointer to the next page on another host",
    "redirect-away": "a redirect to another host",
    "redirect-here": "a redirect to the same place",
}


@dataclass(frozen=True)
class Fault:
    """`path`: beginning of the paths it strikes. `first`: number of the matching request. `times`: 0 = ever after."""

    kind: str
    path: str = ""
    first: int = 1
    times: int = 1

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `kind[:/path][@first][xtimes]`; raises ValueError listing the kinds."""
        found = re.fullmatch(r"([a-z0-9-]+?)(?::(/[^@]*?))?(?:@(\d+))?(?:x(\d+))?", text.strip())
        if not found or found[1] not in KINDS:
            raise ValueError(f"no such fault: {text!r}; known: {', '.join(KINDS)}")
        return cls(found[1], found[2] or "", int(found[3] or 1), int(found[4] or 1))


class Faults:
    """Decides which faults strike a request; counts requests per fault. Safe for many threads."""

    def __init__(self, faults: Iterable[Fault | str] = ()):
        self._faults = [f if isinstance(f, Fault) else Fault.parse(f) for f in faults]
        self._counts = [0] * len(self._faults)
        self._lock = threading.Lock()

    def strike(self, path: str) -> set[str]:
        """Kinds that strike this request."""
        active = set()
        with self._lock:
            for i, fault in enumerate(self._faults):
                if path.startswith(fault.path):
                    self._counts[i] += 1
                    late = self._counts[i] - fault.first
                    if late >= 0 and (fault.times == 0 or late < fault.times):
                        active.add(fault.kind)
        return active
