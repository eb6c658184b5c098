"""Addresses: filled in from the environment, and kept on the scheme, host and port of their source."""

from __future__ import annotations

import os
import re
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit, urlunsplit

from brain.errors import FetchError
from brain.settings import Settings

DEFAULT_PORTS = {"http": 80, "https": 443}


def fill_in(address: str, settings: Settings, where: str) -> str:
    """The address with its ${VARIABLES}; raises FetchError for unknown ones and for secrets."""
    demo = {"BRAIN_DEMO_URL": settings.demo_url, "BRAIN_DEMO_DATABASE": settings.demo_database}
    known = {**os.environ, **demo}

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("BRAIN_SECRET"):
            raise FetchError(f"{where}: a secret stands in the address", "declare `auth` instead")
        if name not in known:
            raise FetchError(f"{where}: the address needs {name}, which is not set", f"set {name}")
        return known[name]

    return re.sub(r"\$\{(\w+)\}", value, address)


def expand(address: str, settings: Settings, where: str, base: str | None = None) -> str:
    """The address with its ${VARIABLES}, whole; `base`: what a path of the same source is completed by.

    Raises FetchError for unknown variables, for secrets, and for what is no HTTP address.
    """
    url = fill_in(address, settings, where)
    try:
        url = urljoin(base, url) if base else url
        parts = urlsplit(url)
        usable = parts.scheme in DEFAULT_PORTS and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise FetchError(f"{where}: location is no HTTP address", "write it as https://host/path in the source file")
    if "@" in parts.netloc:
        raise FetchError(f"{where}: a user or password stands in the address", "declare `auth` instead")
    return url


def with_params(url: str, params: dict[str, str]) -> str:
    """The address with query parameters behind those that it has."""
    if not params:
        return url
    parts = urlsplit(url)
    query = "&".join(q for q in (parts.query, urlencode(params)) if q)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


class Origin:
    """Scheme, host and port of a source: nothing that it sends us to lies elsewhere."""

    def __init__(self, url: str, where: str):
        self._own = _origin(urlsplit(url))
        self._where = where

    def stay(self, base: str, target: str, what: str) -> str:
        """The target where it lies on the source's own, without user or password; else FetchError."""
        try:
            url = urljoin(base, target)
            parts = urlsplit(url)
            if _origin(parts) == self._own and "@" not in parts.netloc:
                return url
            shown = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        except ValueError:
            shown = "an impossible address"
        raise FetchError(
            f"{self._where}: {what} leads to {shown[:100]}, away from the source",
            "no other scheme, host or port is followed; if the source moved, change location in the source file",
        )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
