"""XML → records: which elements of a document are records, and what each of them holds as a JSON value.

Reading is done by expat without any document type: no entities, nothing fetched, nothing that grows. Names are local
names; a namespace for which the contract declares a prefix keeps that prefix (`dc:title`). Paths are names joined by
`/` from the root, an attribute is `@name`.

| in the document | in the value |
|---|---|
| an element with text only | its text; `null` where that is blank |
| an element with attributes or elements, or whose own the contract names | an object: `@attribute`, elements, `#text` |
| several elements of one name beside each other | an array; also of one, where the contract's field is an array |
| `xmlns`, attributes of XML Schema instances, comments, instructions | nothing |
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

import msgspec

from brain.errors import PayloadError
from ingest.pointer import tokens

MAX_DEPTH = 100
MAX_NODES = 100_000  # elements and attributes of one record
MAX_TEXT = 32 * 1024 * 1024  # characters of one record
MAX_TOKEN = 16 * 1024 * 1024  # bytes of one tag or comment: expat reads an unfinished one again with every chunk
CHUNK = 1 << 20
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
FIXED_PREFIXES = {"http://www.w3.org/XML/1998/namespace": "xml"}
# What a prolog may say where the contract names the larger set of characters.
CONTAINED = {"utf-8": {"ascii"}, "gb18030": {"gbk", "gb2312", "ascii"}, "gbk": {"gb2312", "ascii"}}

Path = tuple[str, ...]


@dataclass(slots=True)
class Node:
    """One element."""

    name: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outline:
    """What a page says: bytes of its first and last item, their number, and the texts found at the wanted paths."""

    items: int
    edges: tuple[bytes, bytes] | None
    texts: dict[str, list[str]]


class Shaper:
    """Makes values of elements. `physical`: names of the contract's fields, and whether each takes an array."""

    def __init__(self, physical: Iterable[tuple[Path, bool]] = ()):
        known = list(physical)
        self._arrays = {path for path, is_array in known if is_array}
        self._parents = {path[:i] for path, _ in known for i in range(1, len(path))}

    def value(self, node: Node, path: Path = ()) -> Any:
        """The JSON value of an element; `path` is its place below the record."""
        if not node.attributes and not node.children and path not in self._parents:
            return _text(node)
        members: dict[str, Any] = {f"@{name}": value for name, value in node.attributes.items()}
        repeated: set[str] = set()
        for child in node.children:
            place = (*path, child.name)
            value = self.value(child, place)
            if child.name in repeated:
                members[child.name].append(value)
            elif place in self._arrays or child.name in members:
                repeated.add(child.name)
                members[child.name] = [members[child.name], value] if child.name in members else [value]
            else:
                members[child.name] = value
        text = _text(node)
        return members if text is None else members | {"#text": text}

    def record(self, node: Node) -> Any:
        """The value of a record's element: always an object."""
        value = self.value(node)
        return value if isinstance(value, dict) else ({} if value is None else {"#text": value})


def records(
    content: bytes, encoding: str, items: str, namespaces: dict[str, str], shaper: Shaper, parent: str | None = None
) -> Iterator[tuple[str, bytes]]:
    """Locator and JSON text of every element at the path `items`, in the order of the document.

    The locator is the path with the element's number in the document, `/list/record[3]`. `parent`: an element that must
    be there, by default the one around the records. Raises PayloadError where the document is not whole and safe.
    """
    reading = _Reading(encoding, namespaces, items, parent, builds=True)
    for number, node in enumerate(reading.run(content), 1):
        yield f"{items}[{number}]", msgspec.json.encode(shaper.record(node))


def outline(
    content: bytes,
    encoding: str,
    items: str,
    namespaces: dict[str, str],
    wanted: Iterable[str],
    parent: str | None = None,
) -> Outline:
    """What a page says, without its records; `wanted` are paths of elements or attributes. See `records`."""
    content = _as_utf8(content, encoding)
    reading = _Reading(encoding, namespaces, items, parent, wanted=wanted)
    for _ in reading.run(content, is_utf8=True):
        pass
    spans = reading.spans
    edges = (content[slice(*spans[0])], content[slice(*spans[-1])]) if spans else None
    return Outline(len(spans), edges, reading.texts)


class _Reading:
    """One pass over a document."""

    def __init__(
        self,
        encoding: str,
        namespaces: dict[str, str],
        items: str,
        parent: str | None,
        *,
        builds: bool = False,
        wanted: Iterable[str] = (),
    ):
        self.spans: list[tuple[int, int]] = []
        self.texts: dict[str, list[str]] = {}
        self._encoding = encoding
        self._prefixes = {uri: prefix for prefix, uri in namespaces.items()} | FIXED_PREFIXES
        self._items = tokens(items)
        self._parent = tokens(parent) if parent is not None else self._items[:-1]
        self._found_parent = False
        self._builds = builds
        self._wanted = {tokens(w) for w in wanted}
        self._stack: list[str] = []
        self._open: list[Node] = []  # from the record down
        self._done: list[Node] = []
        self._depth = self._inside = self._start = 0  # `_inside`: depth of the record that is open
        self._nodes = self._characters = 0
        self._collecting: Path | None = None
        self._names: dict[str, str] = {}

    def run(self, content: bytes, *, is_utf8: bool = False) -> Iterator[Node]:
        """Feed the document; finished records come as they are found."""
        view = memoryview(content if is_utf8 else _as_utf8(content, self._encoding))
        self._parser = parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = self._doctype
        parser.StartElementHandler, parser.EndElementHandler = self._begin, self._end
        parser.CharacterDataHandler = self._data
        fed = 0
        try:
            while True:
                chunk = bytes(view[fed : fed + CHUNK])
                fed += len(chunk)
                parser.Parse(chunk, fed >= len(view))
                yield from self._done
                self._done.clear()
                if fed >= len(view):
                    break
                if fed - max(0, parser.CurrentByteIndex) > MAX_TOKEN:
                    raise PayloadError(f"the XML has a tag of more than {MAX_TOKEN:,} bytes")
        except expat.ExpatError as e:
            # expat names what is wrong and where, never content
            raise PayloadError(f"the XML is broken: {e}", "fetch it again; the source may be broken") from None
        if not self._found_parent:
            where = "/" + "/".join(self._parent)
            raise PayloadError(f"the XML has no {where}", "look at `items` in the source file")

    # -- what expat finds ---------------------------------------------------------------------------------------

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        ours = _codec(self._encoding)
        theirs = _codec(encoding) if encoding else ours
        if theirs != ours and theirs not in CONTAINED.get(ours, ()):
            raise PayloadError(f"the XML declares the encoding {theirs}, the contract {ours}", "mend `encoding`")

    def _doctype(self, *_: Any) -> None:
        raise PayloadError("the XML declares a document type", "types and entities are not read: ask for XML without")

    def _begin(self, name: str, attributes: list[str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise PayloadError(f"the XML is nested more than {MAX_DEPTH} deep")
        if self._inside:
            if self._builds:
                self._grow(name, attributes)
            return
        self._stack.append(self._name(name))
        here = tuple(self._stack)
        if here == self._parent:
            self._found_parent = True
        if here == self._items:
            self._inside, self._start = self._depth, self._parser.CurrentByteIndex
            if self._builds:
                self._nodes = self._characters = 0
                self._grow(name, attributes)
            return
        for path in self._wanted:
            if path == here:
                self._collecting = path
                self.texts.setdefault(_joined(path), []).append("")
            elif path[:-1] == here and path[-1].startswith("@"):
                value = self._attributes(attributes).get(path[-1][1:])
                if value is not None:
                    self.texts.setdefault(_joined(path), []).append(value)

    def _grow(self, name: str, attributes: list[str]) -> None:
        self._nodes += 1 + len(attributes) // 2
        if self._nodes > MAX_NODES:
            raise PayloadError(f"a record of the XML has more than {MAX_NODES:,} elements and attributes")
        self._open.append(Node(self._name(name), self._attributes(attributes) if attributes else {}))

    def _end(self, name: str) -> None:
        if self._open:
            node = self._open.pop()
            (self._open[-1].children if self._open else self._done).append(node)
        if self._depth == self._inside:
            self._inside = 0
            self.spans.append((self._start, self._parser.CurrentByteIndex))
        if not self._inside:
            if tuple(self._stack) == self._collecting:
                self._collecting = None
            self._stack.pop()
        self._depth -= 1

    def _data(self, text: str) -> None:
        if self._open:
            self._characters += len(text)
            if self._characters > MAX_TEXT:
                raise PayloadError(f"a record of the XML has more than {MAX_TEXT:,} characters")
            self._open[-1].text.append(text)
        elif self._collecting is not None and not self._inside:
            self.texts[_joined(self._collecting)][-1] += text

    def _attributes(self, pairs: list[str]) -> dict[str, str]:
        named = zip(pairs[::2], pairs[1::2], strict=True)
        return {self._name(n): v for n, v in named if not n.startswith(f"{INSTANCE} ")}

    def _name(self, name: str) -> str:
        """`uri local` as the local name, behind the prefix that the contract declares for the namespace."""
        known = self._names.get(name)
        if known is None:
            uri, _, local = name.rpartition(" ")
            prefix = self._prefixes.get(uri)
            known = self._names[name] = f"{prefix}:{local}" if prefix else local
        return known


def _text(node: Node) -> str | None:
    text = "".join(node.text)
    return text if text.strip() else None


def _joined(path: Path) -> str:
    return "/" + "/".join(path)


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name.removesuffix("-sig")
    except LookupError:
        raise PayloadError(f"the XML declares an unknown encoding ({name[:20]!r})") from None


def _as_utf8(content: bytes, encoding: str) -> bytes:
    """The document in UTF-8; UTF-8 itself is judged by expat."""
    if _codec(encoding) in ("utf-8", "ascii"):
        return content
    try:
        return content.decode(encoding).encode()
    except UnicodeDecodeError as e:
        raise PayloadError(f"byte {e.start} of the XML is not {encoding}") from None
