"""Faults on request: what a source system may do wrong, so that tests and demonstrations can see the pipeline cope.

A fault is written `kind`, `kind:/path`, `kind:/path@3` (on the third matching request) or `kind:/path@3x2` (and the one
after; x0 = ever after). Without a number it strikes once, on the first matching request. `random:7` stands for a plan
drawn from seed 7. A fault of a file system strikes the matching files, counted in the order in which they are dropped.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KINDS = {
    "429": "too many requests, Retry-After in seconds",
    "429-date": "too many requests, Retry-After as a date",
    "429-long": "too many requests, Retry-After of a day",
    "500": "internal error",
    "401": "the token has expired",
    "tokens-dropped": "all tokens that a login handed out end now",
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
    "lost-row": "a page that begins one row late, as when a row before it was deleted",
    "overlap": "a page that begins five rows early, as when rows were added before it",
    "same-cursor": "a pointer to the next page that leads back to this one",
    "foreign-next": "a pointer to the next page on another host",
    "redirect-away": "a redirect to another host",
    "redirect-here": "a redirect to the same place",
    "gbk": "GB18030 where UTF-8 was promised",
    "nul": "a NUL byte in the body",
    "escaped-nul": "a NUL character in a value, written as JSON writes it",
    "nan": "NaN where a number belongs",
    "duplicate-key": "an object with one name twice and two values",
    "new-field": "a field that nobody announced",
    "missing-field": "a field that does not come any more",
    "new-codes": "a code list that changed",
}
FILE_KINDS = {
    "formula": "a cell that holds a formula",
    "workbook-bomb": "a workbook that unpacks to gigabytes",
    "cut-file": "a file without its second half",
    "empty-file": "a file of no bytes",
}
# What one strike of a random plan may be: faults that pass, and faults that must stop a walk.
PASSING = ("429", "429-date", "500", "reset", "short-body", "truncated-gzip", "half-page", "empty", "html")
STOPPING = (
    "wrong-total",
    "same-page",
    "same-cursor",
    "foreign-next",
    "redirect-away",
    "gbk",
    "nul",
    "nan",
    "gzip-bomb",
)


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
        if not found or found[1] not in {**KINDS, **FILE_KINDS}:
            raise ValueError(f"no such fault: {text!r}; known: {', '.join([*KINDS, *FILE_KINDS])}, random:SEED")
        return cls(found[1], found[2] or "", int(found[3] or 1), int(found[4] or 1))

    def __str__(self) -> str:
        return f"{self.kind}{':' + self.path if self.path else ''}@{self.first}x{self.times}"


def read_faults(texts: Iterable[str], paths: Sequence[str]) -> list[Fault]:
    """The faults that are meant; `random:SEED` draws six over `paths`. Raises ValueError listing the kinds."""
    faults: list[Fault] = []
    for text in texts:
        found = re.fullmatch(r"random:(\d+)", text.strip())
        faults += random_plan(int(found[1]), paths) if found else [Fault.parse(text)]
    return faults


def random_plan(seed: int, paths: Sequence[str], count: int = 6) -> list[Fault]:
    """Some faults drawn from a seed: mostly such that pass when the request is tried again."""
    rng = random.Random(f"faults/{seed}")
    plan = []
    for _ in range(count):
        kind = rng.choice(PASSING if rng.random() < 0.75 else STOPPING)
        plan.append(Fault(kind, rng.choice(sorted(paths)), rng.randint(1, 4), 1))
    return plan


class Faults:
    """Decides which faults strike a request; counts requests per fault. Safe for many threads."""

    def __init__(self, faults: Iterable[Fault | str] = ()):
        self.plan = [f if isinstance(f, Fault) else Fault.parse(f) for f in faults]
        self._counts = [0] * len(self.plan)
        self._lock = threading.Lock()

    def strike(self, path: str) -> frozenset[str]:
        """Kinds that strike this request, or this file."""
        active = set()
        with self._lock:
            for i, fault in enumerate(self.plan):
                if path.startswith(fault.path):
                    self._counts[i] += 1
                    late = self._counts[i] - fault.first
                    if late >= 0 and (fault.times == 0 or late < fault.times):
                        active.add(fault.kind)
        return frozenset(active)
