"""The tree of RFC 6962, against the published test vectors of Certificate Transparency."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import merkle

# certificate-transparency/python/ct/crypto/merkle_test.py and the Go implementation use the same eight leaves.
LEAVES = [bytes.fromhex(h) for h in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def recursive(leaves: list[bytes]) -> bytes:
    """The definition itself (RFC 6962, section 2.1): split at the largest power of two below n."""
    if not leaves:
        return merkle.EMPTY
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return merkle.node_hash(recursive(leaves[:k]), recursive(leaves[k:]))


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int):
    hashes = [merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]
    assert merkle.root(hashes).hex() == ROOTS[size]


def test_roots_of_all_prefixes():
    assert [r.hex() for r in merkle.prefix_roots(map(merkle.leaf_hash, LEAVES))] == ROOTS


@given(st.lists(st.binary(max_size=4).map(merkle.leaf_hash), max_size=70))
def test_the_stack_is_the_definition(leaves: list[bytes]):
    assert merkle.root(leaves) == recursive(leaves)


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=20), st.data())
def test_any_changed_leaf_changes_the_root(leaves: list[bytes], data: st.DataObject):
    i = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves[:i], leaves[i] + b"!", *leaves[i + 1 :]]
    assert merkle.root(map(merkle.leaf_hash, leaves)) != merkle.root(map(merkle.leaf_hash, changed))


def test_a_leaf_is_never_taken_for_a_node():
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


def h(*texts: str) -> list[bytes]:
    return [bytes.fromhex(t) for t in texts]


# github.com/transparency-dev/merkle, proof/verify_test.go: (leaf from 1, size) and (first, size), over the same leaves
A, B, C = (
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
)
OF_FIRST = h(
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    A,
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
SIXTH = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSION = {
    (1, 1): [], (1, 8): OF_FIRST, (6, 8): h(B, C, ROOTS[4]), (3, 3): h(ROOTS[2]), (2, 5): h(ROOTS[1], A, B),
}  # fmt: skip
CONSISTENCY = {
    (1, 1): [],
    (1, 8): OF_FIRST,
    (6, 8): h(SIXTH, C, ROOTS[4]),
    (2, 5): h(A, B),
    (6, 7): h(SIXTH, "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f", ROOTS[4]),
}


@pytest.mark.parametrize(("leaf", "size"), INCLUSION)
def test_published_audit_paths(leaf: int, size: int):
    hashes = [merkle.leaf_hash(data) for data in LEAVES[:size]]
    path = merkle.inclusion(hashes, leaf - 1)
    assert path == INCLUSION[leaf, size]
    assert merkle.root_of_path(hashes[leaf - 1], leaf - 1, size, path).hex() == ROOTS[size]


@pytest.mark.parametrize(("first", "size"), CONSISTENCY)
def test_published_consistency_proofs(first: int, size: int):
    hashes = [merkle.leaf_hash(data) for data in LEAVES[:size]]
    proof = merkle.consistency(hashes, first)
    assert proof == CONSISTENCY[first, size]
    assert merkle.is_consistent(first, *h(ROOTS[first]), size, *h(ROOTS[size]), proof)


def test_another_implementation_finds_the_same_roots_and_paths():
    """Digests over what pymerkle 7.0.0 (GPL, so no part of this house) gives for 1 to 130 leaves "0", "1", …"""
    leaves = [merkle.leaf_hash(str(i).encode()) for i in range(130)]
    roots, paths = hashlib.sha256(), hashlib.sha256()
    for size in range(1, 131):
        roots.update(merkle.root(leaves[:size]))
        for i in range(size):
            paths.update(b"".join(merkle.inclusion(leaves[:size], i)))
    assert roots.hexdigest() == "38a410dec6c9aaa42b6148dd0516b34359d88fa812e2c81764ea3184879a4c05"
    assert paths.hexdigest() == "5b259a2f998681a828a5b4c5e01933be50ff740b481a56e47a63ea7e63454115"


def spoilt(hashes: list[bytes]) -> Iterator[list[bytes]]:
    """A proof that is too short, too long, in another order, or has one bit turned."""
    yield [*hashes, bytes(32)]
    yield [bytes(32), *hashes]
    if hashes:
        yield hashes[1:]
        yield hashes[:-1]
        yield [*hashes[:-1], hashes[-1][:31]]
        for i, old in enumerate(hashes):
            yield [*hashes[:i], bytes([old[0] ^ 8]) + old[1:], *hashes[i + 1 :]]
    if len(hashes) > 1:
        yield hashes[::-1]


@given(st.integers(1, 70), st.data())
def test_a_path_leads_to_the_root_and_no_other_does(size: int, data: st.DataObject):
    leaves = [merkle.leaf_hash(str(i).encode()) for i in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path, root = merkle.inclusion(leaves, index), merkle.root(leaves)
    assert merkle.root_of_path(leaves[index], index, size, path) == root

    def leads(at: int, of: int, hashes: list[bytes]) -> bool:
        try:
            return merkle.root_of_path(leaves[index], at, of, hashes) == root
        except ValueError:
            return False

    assert not any(leads(index, size, other) for other in spoilt(path))
    assert not any(leads(at, size, path) for at in (index - 1, index + 1, index ^ 2))
    assert not any(leads(index, of, path) for of in (size * 2, size // 2))


@given(st.integers(1, 70), st.data())
def test_a_prefix_is_proven_and_nothing_else_is(size: int, data: st.DataObject):
    leaves = [merkle.leaf_hash(str(i).encode()) for i in range(size)]
    first = data.draw(st.integers(1, size))
    proof = merkle.consistency(leaves, first)
    old, new = merkle.root(leaves[:first]), merkle.root(leaves)
    assert merkle.is_consistent(first, old, size, new, proof)
    assert not any(merkle.is_consistent(first, old, size, new, other) for other in spoilt(proof))
    other = merkle.root([*leaves[: first - 1], merkle.leaf_hash(b"!")])
    assert not merkle.is_consistent(first, other, size, new, proof)
    assert not merkle.is_consistent(first, old, size, other if first < size else bytes(32), proof)
    assert not any(merkle.is_consistent(at, old, size, new, proof) for at in (0, first - 1, first + 1, size + 1))


def test_what_is_not_in_the_tree_has_no_proof():
    leaves = [merkle.leaf_hash(b"a")]
    for index in (-1, 1):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion(leaves, index)
    for first in (0, 2):
        with pytest.raises(ValueError, match="no prefix"):
            merkle.consistency(leaves, first)
