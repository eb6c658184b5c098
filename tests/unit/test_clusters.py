"""Mentions become the same clusters whatever the order they came in, and what stewards decided holds."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.resolve.clusters import CLUSTERS, EDGES, cluster


def edges(*rows: tuple) -> pa.Table:
    """Rows of a, b and, where it matters, probability, rule, evidence."""
    full = [(*row, *(0.9, "name", None)[len(row) - 2 :]) for row in rows]
    return pa.table([pa.array(c, t) for c, t in zip(zip(*full, strict=True), EDGES.types, strict=True)], schema=EDGES)


def pairs(*rows: tuple[str, str]) -> pa.Table:
    return pa.table({"a": pa.array([r[0] for r in rows], pa.string()), "b": [r[1] for r in rows]})


def sets(table: pa.Table) -> set[frozenset[str]]:
    found = defaultdict(set)
    for row in table.to_pylist():
        found[row["cluster"]].add(row["mention"])
    assert all(name == min(members) for name, members in found.items())
    return {frozenset(members) for members in found.values()}


def test_linked_mentions_are_one_cluster_named_after_its_smallest():
    found = cluster(["d", "c", "b", "a"], edges(("d", "b", 0.8, "name", "same name"), ("b", "c", 1.0, "code", "x")))
    assert found.schema == CLUSTERS
    assert found.to_pylist() == [
        {"mention": "a", "cluster": "a", "rule": "single", "probability": 1.0, "evidence": None, "via": None},
        {"mention": "b", "cluster": "b", "rule": "first", "probability": 1.0, "evidence": None, "via": None},
        {"mention": "c", "cluster": "b", "rule": "code", "probability": 1.0, "evidence": "x", "via": "b"},
        {"mention": "d", "cluster": "b", "rule": "name", "probability": 0.8, "evidence": "same name", "via": "b"},
    ]


def test_a_cluster_is_explained_by_its_strongest_edges():
    found = cluster(["a", "b", "c"], edges(("a", "b", 0.7), ("a", "c", 0.8), ("b", "c", 0.9)))
    explained = {row["mention"]: (row["via"], row["probability"]) for row in found.to_pylist()}
    assert explained == {"a": (None, 1.0), "b": ("c", 0.9), "c": ("a", 0.8)}


def test_what_a_steward_joins_is_joined_without_an_edge():
    told = pairs(("a", "b")).append_column("evidence", pa.array(["ST00001"]))
    found = cluster(["a", "b"], edges(("a", "b", 0.99)).slice(0, 0), together=told).to_pylist()[1]
    assert (found["cluster"], found["rule"], found["probability"], found["evidence"]) == (
        "a",
        "steward",
        1.0,
        "ST00001",
    )


def test_what_a_steward_keeps_apart_is_apart_along_the_whole_chain():
    chain = edges(("a", "b", 0.9), ("b", "c", 0.8), ("c", "d", 0.95), ("a", "e", 1.0), ("d", "e", 0.7))
    assert sets(cluster("abcde", chain)) == {frozenset("abcde")}
    assert sets(cluster("abcde", chain, apart=pairs(("a", "d")))) == {frozenset("abe"), frozenset("cd")}


def test_apart_holds_against_together():
    found = cluster("abc", edges(("a", "b")), together=pairs(("b", "c")), apart=pairs(("c", "a")))
    assert sets(found) == {frozenset("a"), frozenset("bc")}


def test_errors_name_no_mention():
    with pytest.raises(ValueError, match="1 ends of edges"):
        cluster(["a"], edges(("a", "b")))
    with pytest.raises(ValueError, match="twice"):
        cluster(["a", "a"], edges(("a", "a")))
    assert cluster([], edges(("a", "b")).slice(0, 0)).num_rows == 0


NAMES = [f"西:{i:02}" for i in range(12)]
PAIR = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))
EDGE = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from([0.5, 0.75, 1.0]), st.sampled_from(["x", "y"]),
    st.sampled_from([None, "e", "f"]),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(EDGE, min_size=1, max_size=25), st.lists(PAIR, max_size=4), st.lists(PAIR, max_size=6))
def test_the_order_in_which_things_come_changes_nothing(data, links, joined, kept):
    one = cluster(NAMES, edges(*links), pairs(*joined), pairs(*kept))
    turned = [(b, a, *rest) for a, b, *rest in data.draw(st.permutations(links))]
    other = cluster(
        data.draw(st.permutations(NAMES)),
        edges(*turned),
        pairs(*((b, a) for a, b in data.draw(st.permutations(joined)))),
        pairs(*((b, a) for a, b in data.draw(st.permutations(kept)))),
    )
    assert one.equals(other)


@settings(max_examples=200, deadline=None)
@given(st.lists(EDGE, min_size=1, max_size=25), st.lists(PAIR, max_size=4), st.lists(PAIR, max_size=6))
def test_clusters_are_as_large_as_stewards_allow_and_no_larger(links, joined, kept):
    found = cluster(NAMES, edges(*links), pairs(*joined), pairs(*kept))
    of = dict(zip(found["mention"].to_pylist(), found["cluster"].to_pylist(), strict=True))
    apart = {frozenset((of[a], of[b])) for a, b in kept if a != b}
    assert all(len(both) == 2 for both in apart), "what is kept apart is never in one cluster"
    for a, b, *_ in [*links, *joined]:
        assert of[a] == of[b] or frozenset((of[a], of[b])) in apart, "only a steward's word refuses an edge"
    for row in found.to_pylist():
        assert (row["via"] is None) == (row["mention"] == row["cluster"])
        assert row["via"] is None or of[row["via"]] == row["cluster"]
