"""How a system answers over HTTP, said in data; the server in server.py plays it.

A system that needs more (OAI-PMH) gives `handler`, which gets the request and answers it itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from demo.register import Register

if TYPE_CHECKING:
    from demo.city import City


@dataclass(frozen=True)
class Bearer:
    """A fixed token in `Authorization: Bearer …`."""

    secret: str


@dataclass(frozen=True)
class ApiKey:
    """A key in a header."""

    secret: str
    header: str = "X-Api-Key"


@dataclass(frozen=True)
class Login:
    """A token got at `path` (POST, JSON or form), worn out after some requests or seconds.

    `secrets`: field of the login → name of the secret. `token`, `expires`: dotted places in its answer.
    """

    path: str
    secrets: Mapping[str, str]
    requests: int = 200
    seconds: int = 600
    token: str = "data.token"  # noqa: S105 - a place in the answer
    expires: str = "data.expiresIn"


@dataclass(frozen=True)
class Hmac:
    """A signature of every request: HMAC-SHA256 in hex over the lines method, path, query, time in seconds, nonce and
    the SHA-256 of the empty body, sent in X-Key-Id, X-Timestamp, X-Nonce and X-Signature."""

    key_id: str
    secret: str
    window: int = 300


Auth = Bearer | ApiKey | Login | Hmac


@dataclass(frozen=True)
class Request:
    """What a handler sees. `active`: kinds of faults that strike this request; `url`: scheme, host and port."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    active: frozenset[str]
    url: str


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """One address of one system. `items`, `total`, `next`: dotted places in the answer; "" for a bare list.

    `paging`: page (page number), offset, cursor (opaque, in `next`), link (address of the next page in `next` and in
    the Link header). `page_param` is the parameter of the number, offset or cursor.
    """

    path: str
    register: type[Register] | None = None
    paging: Literal["page", "offset", "cursor", "link"] = "page"
    items: str = "data.items"
    total: str | None = "data.total"
    next: str | None = None
    page_param: str = "page"
    size_param: str = "size"
    size: int = 100
    first: int = 1
    since: str | None = "updated_since"
    auth: Auth | None = None
    envelope: Mapping[str, Any] = field(default_factory=dict)
    most: int = 1000
    handler: Callable[[City, Request], Response] | None = None
