"""The tree of RFC 6962, against the published test vectors of Certificate Transparency."""

from __future__ import annotations

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
