"""An entity keeps its id while it grows, is merged and split; ids are never given twice."""

from __future__ import annotations

import doctest

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.resolve import identity
from warehouse.resolve.identity import ASSIGNED, MEMBERS, assign, new_id


def clusters(*groups: str) -> pa.Table:
    """Each word is a cluster, each letter a mention."""
    rows = [(m, min(g)) for g in groups for m in g]
    return pa.table({"mention": [m for m, _ in rows], "cluster": [c for _, c in rows]})


def members(**groups: str) -> pa.Table:
    rows = [(m, i) for i, g in groups.items() for m in g]
    return pa.table([pa.array([m for m, _ in rows], pa.string()), pa.array([i for _, i in rows], pa.string())],
                    schema=MEMBERS)  # fmt: skip


def run(now: pa.Table, known: pa.Table, used: tuple[str, ...] = ()) -> dict[str, tuple[str, str | None]]:
    ever = pa.array({*known["entity_id"].to_pylist(), *used}, pa.string())
    found = assign("institution", now, known, ever)
    assert found.schema == ASSIGNED
    return {r["mention"]: (r["entity_id"], r["event"]) for r in found.to_pylist()}


def fresh(mention: str) -> str:
    return new_id("institution", mention, set())


def test_the_example_in_the_docstring():
    assert doctest.testmod(identity).failed == 0


def test_first_time_ids_come_from_the_smallest_mention():
    found = run(clusters("ba", "c"), members())
    assert found == {"a": (fresh("a"), "created"), "b": (fresh("a"), "created"), "c": (fresh("c"), "created")}
    assert fresh("a").startswith("inst_") and fresh("a") != fresh("c")


def test_nothing_changes_when_nothing_changed():
    assert run(clusters("bc", "d"), members(x="bc", y="d")) == {"b": ("x", None), "c": ("x", None), "d": ("y", None)}


def test_a_new_mention_takes_the_id_even_where_it_is_the_smallest():
    assert run(clusters("abc"), members(x="bc"))["a"] == ("x", "joined")


def test_of_several_ids_the_one_with_most_members_stays_then_the_smaller():
    assert run(clusters("abc"), members(x="a", y="bc")) == {"a": ("y", "merged"), "b": ("y", None), "c": ("y", None)}
    assert run(clusters("ab"), members(y="a", x="b")) == {"a": ("x", "merged"), "b": ("x", None)}


def test_of_several_clusters_with_one_id_the_largest_keeps_it():
    found = run(clusters("ad", "bce"), members(x="abc"))
    assert found == {
        "a": (fresh("a"), "split"), "d": (fresh("a"), "joined"),
        "b": ("x", None), "c": ("x", None), "e": ("x", "joined"),
    }  # fmt: skip


def test_a_mention_may_move_between_entities_that_go_on():
    assert run(clusters("ab", "cde"), members(x="abc", y="de")) == {
        "a": ("x", None), "b": ("x", None), "c": ("y", "moved"), "d": ("y", None), "e": ("y", None),
    }  # fmt: skip


def test_an_id_left_over_goes_to_the_next_largest_part():
    """X has most members in the cluster that is Y's; the rest of X is still X."""
    found = run(clusters("abcdefg", "hi"), members(x="abchi", y="defg"))
    assert {m: i for m, (i, _) in found.items()} == {**dict.fromkeys("abcdefg", "y"), **dict.fromkeys("hi", "x")}


def test_an_id_is_never_given_twice():
    """The mention that named an entity left it; alone again, it gets another id."""
    found = run(clusters("a", "bc"), members(**{fresh("a"): "abc"}))
    assert found["b"] == (fresh("a"), None)
    assert found["a"][1] == "split" and found["a"][0] != fresh("a")
    assert run(clusters("a"), members(), used=(fresh("a"),))["a"][0] not in (fresh("a"),)


def test_mentions_that_are_gone_keep_their_id_for_the_day_they_come_back():
    assert run(clusters("b"), members(x="ab")) == {"b": ("x", None)}
    assert run(clusters("a", "b"), members(x="ab"))["a"] == ("x", None)
    assert run(clusters("a", "bc"), members(x="abc"))["a"][1] == "split"


GROUPS = st.lists(st.integers(0, 5), min_size=10, max_size=10)


@settings(max_examples=200, deadline=None)
@given(GROUPS, GROUPS, st.permutations(range(10)))
def test_what_was_committed_is_found_again(before, after, order):
    """Through any change: one id per cluster, none for two, and a rebuild over what was committed changes nothing."""

    def grouped(labels: list[int]) -> list[str]:
        return ["".join("abcdefghij"[i] for i in range(10) if labels[i] == n) for n in sorted(set(labels))]

    known = members()
    used: set[str] = set()
    for groups in (grouped(before), grouped(after)):
        now = clusters(*groups)
        ever = pa.array(sorted(used), pa.string())
        found = assign("person", now, known, ever)
        assert found.equals(assign("person", now.take(order), known.take(order[: len(known)]) if len(known) else known,
                                   ever))  # fmt: skip
        of = dict(zip(found["mention"].to_pylist(), found["entity_id"].to_pylist(), strict=True))
        ids = [{of[m] for m in group} for group in groups]
        assert all(len(i) == 1 for i in ids) and len(set.union(*ids)) == len(groups)
        known = found.select(["mention", "entity_id"]).cast(MEMBERS)
        used |= set(of.values())
        again = assign("person", now, known, pa.array(sorted(used), pa.string()))
        assert again["event"].null_count == len(again) and again["entity_id"].equals(found["entity_id"])


@pytest.mark.parametrize("kind", ["institution", "person"])
def test_two_kinds_never_share_an_id(kind):
    assert new_id(kind, "m", set()).split("_")[0] == {"institution": "inst", "person": "pers"}[kind]
