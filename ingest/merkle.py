"""The Merkle tree of RFC 6962, section 2.1: leaves, root, audit paths and consistency proofs.

Checking follows RFC 9162, sections 2.1.3.2 and 2.1.4.2, which describe the same tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

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


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(index, leaves): the hashes that lead from a leaf (from 0) to the root, nearest first, in O(n)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"a tree of {len(leaves)} leaves has no leaf {index}")
    path, level = [], list(leaves)
    while len(level) > 1:
        if (sibling := index ^ 1) < len(level):
            path.append(level[sibling])
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [node_hash(a, b) for a, b in pairs] + level[len(level) & ~1 :]
        index >>= 1
    return path


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root to which an audit path leads; raises ValueError where it is none of a tree of that size."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    at, last, digest = index, size - 1, leaf
    for other in path:
        if not last or len(other) != 32:
            raise ValueError("the path is too long or holds what is no hash")
        if at & 1 or at == last:
            digest = node_hash(other, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = node_hash(digest, other)
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return digest


def consistency(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """PROOF(first, leaves): that the tree over the first leaves (1 ≤ first ≤ n) is a prefix of the tree over all."""
    if not 0 < first <= len(leaves):
        raise ValueError(f"a tree of {len(leaves)} leaves has no prefix of {first}")
    proof: list[bytes] = []
    start, end, whole = 0, len(leaves), True
    while first - start != end - start:
        half = 1 << (end - start - 1).bit_length() - 1
        if first - start <= half:
            proof.append(root(leaves[start + half : end]))
            end = start + half
        else:
            proof.append(root(leaves[start : start + half]))
            start, whole = start + half, False
    return ([] if whole else [root(leaves[start:end])]) + proof[::-1]


def is_consistent(first: int, first_root: bytes, size: int, size_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that a tree of `size` leaves begins with that of `first` (1 ≤ first ≤ size)."""
    if not 0 < first <= size or any(len(h) != 32 for h in proof):
        return False
    if first == size:
        return not proof and first_root == size_root
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = first - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for other in path[1:]:
        if not last:
            return False
        if at & 1 or at == last:
            old, new = node_hash(other, old), node_hash(other, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, other)
        at, last = at >> 1, last >> 1
    return not last and (old, new) == (first_root, size_root)


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
