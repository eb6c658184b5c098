"""Mentions become clusters: connected components of pairwise links, strongest first, under what stewards decided.

What is wanted is one answer whatever the order in which records came. So everything is put in one order first: the
mentions by name, the edges by probability (high to low), then by the names at their ends, rule and evidence. An edge is
taken when it joins two components that nobody keeps apart; what was taken is a maximum spanning forest. Two mentions
that a steward keeps apart hold apart everything that hangs on either of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

STEWARD = "steward"
FIRST = "first"
SINGLE = "single"
EDGES = pa.schema(
    [
        ("a", pa.string()),
        ("b", pa.string()),
        ("probability", pa.float64()),
        ("rule", pa.string()),
        ("evidence", pa.string()),
    ]
)
PAIRS = pa.schema([("a", pa.string()), ("b", pa.string()), ("evidence", pa.string())])
CLUSTERS = pa.schema(
    [
        ("mention", pa.string()),
        ("cluster", pa.string()),
        ("rule", pa.string()),
        ("probability", pa.float64()),
        ("evidence", pa.string()),
        ("via", pa.string()),
    ]
)


def cluster(
    mentions: Sequence[str] | pa.Array | pa.ChunkedArray,
    edges: pa.Table,
    together: pa.Table | None = None,
    apart: pa.Table | None = None,
) -> pa.Table:
    """The clusters of `mentions` (each named once), one row per mention in the order of their names: CLUSTERS.

    `edges` has the columns of EDGES; only accepted ones belong in it. `together` and `apart` have those of PAIRS
    (`evidence` may be missing): the former are edges of rule `steward` before all others, the latter are never joined,
    by `together` neither. `cluster` is the smallest mention of the component.

    A component is explained by the tree of edges that holds it together, seen from its smallest mention: that one has
    the rule `first` (`single` where it stands alone) and probability 1, every other the rule, probability and evidence
    of the edge to the mention `via`, which leads towards the first. Raises ValueError where a mention is named twice or
    an edge names one that is not among the mentions.
    """
    names = _in_order(mentions)
    links = _sorted_edges(names, edges, together)
    parent = list(range(len(names)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    enemies: dict[int, set[int]] = {}
    if apart is not None and apart.num_rows:
        for a, b in zip(_places(names, apart["a"]).tolist(), _places(names, apart["b"]).tolist(), strict=True):
            if a != b:
                enemies.setdefault(a, set()).add(b)
                enemies.setdefault(b, set()).add(a)

    taken = []
    low, high = links["low"].to_numpy().tolist(), links["high"].to_numpy().tolist()
    for edge, (a, b) in enumerate(zip(low, high, strict=True)):
        a, b = find(a), find(b)
        if a == b or (a in enemies and b in enemies[a]):
            continue
        if b < a:  # the root is the smallest member
            a, b = b, a
        parent[b] = a
        for enemy in enemies.pop(b, ()):
            enemies[enemy].remove(b)
            enemies[enemy].add(a)
            enemies.setdefault(a, set()).add(enemy)
        taken.append(edge)
    return _explained(names, [find(i) for i in range(len(names))], links.take(pa.array(taken, pa.int64())))


def _in_order(mentions: Sequence[str] | pa.Array | pa.ChunkedArray) -> pa.Array:
    """The mentions by name (bytes of their UTF-8), as one array."""
    names = mentions if isinstance(mentions, pa.Array | pa.ChunkedArray) else pa.array(mentions, pa.string())
    if isinstance(names, pa.ChunkedArray):
        names = names.combine_chunks()
    names = names.cast(pa.string())
    if len(names.unique()) != len(names) or names.null_count:
        raise ValueError("a mention is named twice, or has no name")
    return names.take(pc.sort_indices(names))


def _places(names: pa.Array, column: pa.ChunkedArray) -> np.ndarray:
    """Where each value of a column stands among the mentions in order."""
    places = pc.index_in(column.cast(pa.string()), value_set=names)
    if places.null_count:
        raise ValueError(f"{places.null_count} ends of edges are not among the mentions")
    return places.to_numpy().astype(np.int64)


def _sorted_edges(names: pa.Array, edges: pa.Table, together: pa.Table | None) -> pa.Table:
    """All edges as places (low, high) with probability, rule and evidence: those of stewards, then the strongest."""
    parts = [_placed(names, edges.select(EDGES.names).cast(EDGES), order=1)]
    if together is not None and together.num_rows:
        n = together.num_rows
        evidence = together["evidence"] if "evidence" in together.column_names else pa.nulls(n, pa.string())
        stewards = pa.table(
            [together["a"], together["b"], pa.array(np.ones(n)), pa.array([STEWARD] * n), evidence], schema=EDGES
        )
        parts.insert(0, _placed(names, stewards, order=0))
    keys = [("order", "ascending"), ("probability", "descending")]
    keys += [(name, "ascending") for name in ("low", "high", "rule", "evidence")]
    return pa.concat_tables(parts).sort_by(keys)


def _placed(names: pa.Array, edges: pa.Table, order: int) -> pa.Table:
    a, b = _places(names, edges["a"]), _places(names, edges["b"])
    return pa.table(
        {
            "order": pa.array(np.full(len(a), order, np.int8)),
            "low": np.minimum(a, b),
            "high": np.maximum(a, b),
            "probability": edges["probability"],
            "rule": edges["rule"],
            "evidence": edges["evidence"],
        }
    )


def _explained(names: pa.Array, roots: list[int], tree: pa.Table) -> pa.Table:
    """One row per mention, with the edge of the tree that leads from it towards the first of its component."""
    beside: dict[int, list[tuple[int, int]]] = {}
    ends = zip(tree["low"].to_numpy().tolist(), tree["high"].to_numpy().tolist(), strict=True)
    for edge, (a, b) in enumerate(ends):
        beside.setdefault(a, []).append((b, edge))
        beside.setdefault(b, []).append((a, edge))
    via, by = [-1] * len(roots), [-1] * len(roots)
    for first in sorted({roots[i] for i in beside}):
        reached = [first]
        while reached:
            at = reached.pop()
            for other, edge in beside[at]:
                if via[at] != other:  # a tree: the only way back is the one we came by
                    via[other], by[other] = at, edge
                    reached.append(other)
    places, edges = pa.array(via, pa.int64()), pa.array(by, pa.int64())
    linked = pc.greater_equal(edges, 0)
    edges = pc.if_else(linked, edges, pa.scalar(None, pa.int64()))
    places = pc.if_else(linked, places, pa.scalar(None, pa.int64()))
    alone = pa.array([FIRST if i in beside else SINGLE for i in range(len(roots))], pa.string())
    taken = tree.take(edges)
    return pa.table(
        [
            names,
            names.take(pa.array(roots, pa.int64())),
            pc.if_else(linked, taken["rule"], alone),
            pc.if_else(linked, taken["probability"], 1.0),
            taken["evidence"],
            names.take(places),
        ],
        schema=CLUSTERS,
    )
