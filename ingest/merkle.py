"""The Merkle tree of RFC 6962, section 2.1: leaves, root, consistency of a prefix."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """MTH({d}) = SHA-256(0x00 ‖ d)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Merkle tree hash over leaf hashes, in O(n)."""
    stack: list[tuple[int, bytes]] = []
    for leaf in leaves:
        _push(stack, leaf)
    return _fold(stack)


def prefix_roots(leaves: Iterable[bytes]) -> Iterator[bytes]:
    """Roots of the trees over the first 0, 1, 2, … leaves, in O(n log n) altogether."""
    stack: list[tuple[int, bytes]] = []
    yield EMPTY
    for leaf in leaves:
        _push(stack, leaf)
        yield _fold(stack)


def _push(stack: list[tuple[int, bytes]], leaf: bytes) -> None:
    """Add a leaf to a stack of complete subtrees (height, hash)."""
    height, digest = 0, leaf
    while stack and stack[-1][0] == height:
        digest = node_hash(stack.pop()[1], digest)
        height += 1
    stack.append((height, digest))


def _fold(stack: list[tuple[int, bytes]]) -> bytes:
    if not stack:
        return EMPTY
    digest = stack[-1][1]
    for _, left in reversed(stack[:-1]):
        digest = node_hash(left, digest)
    return digest
