"""What a fetcher must know of a page: how many items, the declared total, where the next page lies.

Items are counted. They are decoded only as the reader would do next, so that a page is taken apart once; where they
cannot be, msgspec steps over them, and the reader finds out which of them is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from brain.errors import FetchError, PayloadError
from ingest import xml
from ingest.contract import Server
from ingest.pointer import tokens


class SourceMovedError(FetchError):
    """The source changed while it was read, so pages do not fit together. Reading everything once more may help."""


class OverlapError(SourceMovedError):
    """Records came on more than one page of a walk, so others may have come on none. `keys`: of these records."""

    def __init__(self, message: str, hint: str, keys: frozenset[tuple[str, str]]):
        super().__init__(message, hint)
        self.keys = keys


@dataclass(frozen=True)
class Page:
    """`items`: number of items. `edges`: what tells first and last item. `next`: cursor or address as sent.

    `rows`: the items as the reader takes them, where they could be decoded so.
    """

    items: int
    total: int | None
    next: str | None
    edges: tuple[bytes, bytes] | None
    rows: list[Any] | None = None


class PageReader:
    """Reads pages of one server by the JSON pointers (RFC 6901) of its contract; array indexes are not supported."""

    def __init__(self, server: Server, row: Any = None):
        self._encoding = server.encoding.lower().replace("_", "-")
        self._has_root = server.items == ""
        self._places: dict[str, tuple[str, ...]] = {}
        self._decoder = msgspec.json.Decoder(self._document(server, msgspec.Raw))
        self._rows = msgspec.json.Decoder(self._document(server, row)) if row else None
        self._wants_total = server.total is not None
        self._wants_next = server.paging.next is not None

    def _document(self, server: Server, row: Any) -> Any:
        """The type of a page whose items are `row`s."""
        pointers: dict[str, tuple[str, Any]] = {"items": (server.items, list[row] | None)}
        if server.total is not None:
            pointers["total"] = (server.total, int | str | None)
        if server.paging.next is not None:
            pointers["next"] = (server.paging.next, str | int | None)
        tree: dict[str, Any] = {}
        for name, (pointer, type_) in pointers.items():
            if pointer:
                _plant(tree, tokens(pointer), _Leaf(name, type_))
        if self._has_root and tree:
            raise FetchError("items at the root leave no room for total or next", "give items a pointer, or drop these")
        return list[row] if self._has_root else self._build(tree, ())

    def read(self, content: bytes) -> Page:
        """Look at a page; raises PayloadError where it is no JSON of the promised form. Never quotes a value."""
        if self._encoding not in ("utf-8", "utf8", "ascii"):
            try:
                content = content.decode(self._encoding).encode()
            except UnicodeDecodeError:
                raise PayloadError(f"the page is not {self._encoding}") from None
        document, are_rows = None, self._rows is not None
        if self._rows:
            try:
                document = self._rows.decode(content)
            except (msgspec.DecodeError, UnicodeDecodeError):
                are_rows = False
        try:
            document = document if are_rows else self._decoder.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            # msgspec names bytes, types and places of our own making ($.f0), never content
            what = "is empty" if not content.strip() else f"is not the promised JSON: {e}"
            raise PayloadError(f"the page {what}") from None
        items = document if self._has_root else self._get(document, "items")
        if items is msgspec.UNSET:
            raise PayloadError("the page has no items where the contract says", "look at `items` in the source file")
        items = items or []
        edges = (msgspec.json.encode(items[0]), msgspec.json.encode(items[-1])) if items else None
        return Page(len(items), self._total(document), self._next(document), edges, items if are_rows else None)

    def _total(self, document: Any) -> int | None:
        if not self._wants_total:
            return None
        value = self._get(document, "total")
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value)
        raise PayloadError("the page declares no total where the contract says", "look at `total` in the source file")

    def _next(self, document: Any) -> str | None:
        if not self._wants_next:
            return None
        value = self._get(document, "next")
        return None if value in (None, "", msgspec.UNSET) else str(value)

    def _get(self, document: Any, name: str) -> Any:
        for attribute in self._places[name]:
            if document is None or document is msgspec.UNSET:
                return msgspec.UNSET
            document = getattr(document, attribute)
        return document

    def _build(self, tree: dict[str, Any], path: tuple[str, ...]) -> Any:
        """Nested structs that know the wanted members only; the rest of the page is skipped."""
        fields, rename = [], {}
        for i, (member, below) in enumerate(tree.items()):
            attribute = f"f{i}"
            rename[attribute] = member
            if isinstance(below, _Leaf):
                self._places[below.name] = (*path, attribute)
                fields.append((attribute, below.type | msgspec.UnsetType, msgspec.UNSET))
            else:
                struct = self._build(below, (*path, attribute))
                fields.append((attribute, struct | None | msgspec.UnsetType, msgspec.UNSET))
        return msgspec.defstruct("Page", fields, rename=rename)


class XmlPageReader:
    """Reads pages of one server by the paths of its contract: elements, or attributes as `/list/@count`."""

    def __init__(self, server: Server):
        self._server = server
        self._namespaces = dict(server.namespaces)
        self._wanted = [p for p in (server.total, server.paging.next) if p is not None]

    def read(self, content: bytes) -> Page:
        """Look at a page; raises PayloadError where it is no XML of the promised form. Never quotes a value."""
        server = self._server
        page = xml.outline(content, server.encoding, server.items, self._namespaces, self._wanted)
        total = self._one(page.texts, server.total)
        if server.total is not None and not (total and total.isascii() and total.isdigit()):
            raise PayloadError("the page declares no total where the contract says", "look at `total`")
        following = self._one(page.texts, server.paging.next)
        return Page(page.items, int(total) if total else None, following or None, page.edges)

    def _one(self, texts: dict[str, list[str]], path: str | None) -> str | None:
        found = texts.get(path, []) if path is not None else []
        if len(found) > 1:
            raise PayloadError(f"the page has {path} more than once", "look at the source file")
        return found[0].strip() if found else None


class Walk:
    """The account of one walk over pages: counts, declared totals, pages that come twice."""

    def __init__(self, where: str):
        self._where = where
        self._seen: set[int] = set()
        self._addresses: set[str] = set()
        self.pages = 0
        self.items = 0
        self.largest = 0  # items of the largest page
        self.total: int | None = None

    def knows(self, page: Page) -> bool:
        """Whether a page with these first and last items came before."""
        return page.edges is not None and hash((*page.edges, page.items)) in self._seen

    def add(self, page: Page) -> None:
        """Count a page. Raises SourceMovedError when the total changes, FetchError when a page repeats itself."""
        self.pages += 1
        if self.pages == 1:
            self.total = page.total
        elif page.total != self.total:
            raise SourceMovedError(
                f"{self._where}: the declared total moved from {self.total:,} to {page.total:,} on page {self.pages}",
                "the source changed while it was read; run again",
            )
        self.items += page.items
        self.largest = max(self.largest, page.items)
        if page.edges is not None:
            if self.knows(page):
                raise FetchError(
                    f"{self._where}: page {self.pages} repeats an earlier page",
                    "the source ignores the paging parameter or runs in a circle; check `paging` in the source file",
                )
            self._seen.add(hash((*page.edges, page.items)))

    def go(self, address: str) -> None:
        """Note the next cursor or address; raises FetchError when it was there before."""
        if address in self._addresses:
            raise FetchError(
                f"{self._where}: the pointer to the page after page {self.pages} was given before",
                "the source runs in a circle; tell its keeper",
            )
        self._addresses.add(address)

    def check(self) -> None:
        """At the end: what was declared must have come."""
        if self.total is not None and self.items != self.total:
            raise FetchError(
                f"{self._where}: {self.total:,} records are declared, {self.items:,} came on {self.pages} pages",
                "the source lost or added rows while it was read, or its total is wrong; run again",
            )


@dataclass(frozen=True)
class _Leaf:
    name: str
    type: Any


def _plant(tree: dict[str, Any], path: tuple[str, ...], leaf: _Leaf) -> None:
    *parents, last = path
    for token in parents:
        tree = tree.setdefault(token, {})
        if isinstance(tree, _Leaf):
            raise FetchError(f"the pointer to {leaf.name} leads through another one", "check the source file")
    if last in tree:
        raise FetchError(f"two pointers of the source file lead to {last!r}", "check items, total and paging.next")
    tree[last] = leaf
