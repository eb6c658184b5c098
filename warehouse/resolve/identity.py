"""Clusters keep the ids that their members bore last time: an entity is the same one however it grows.

What is compared is the membership as it was last committed (source `resolution`). An id stays with the cluster that
holds most of its members; a cluster that brings several together keeps the one that most of its members bore, the
others are merged into it; a cluster that is left without one is new, or was split off. No id is ever given twice.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

PREFIXES = {"institution": "inst", "person": "pers"}
CREATED, JOINED, SPLIT, MERGED, MOVED = "created", "joined", "split", "merged", "moved"
EVENTS = (CREATED, JOINED, SPLIT, MERGED, MOVED)
MEMBERS = pa.schema([("mention", pa.string()), ("entity_id", pa.string())])
ASSIGNED = pa.schema(
    [("mention", pa.string()), ("entity_id", pa.string()), ("event", pa.string()), ("previous_id", pa.string())]
)


def new_id(entity_type: str, mention: str, used: set[str]) -> str:
    """An id never used before: a prefix and 16 hex digits of the SHA-256 of a cluster's smallest mention.

    The same as the dbt macro entity_id makes. Where that id was given before (its cluster has gone on without the
    mention that named it) a number is added to what is hashed.

    >>> new_id("person", "pds:talent:RC000001#self", set())
    'pers_7e2f4ee034adf68d'
    """
    text, n = mention, 1
    while (found := f"{PREFIXES[entity_type]}_{hashlib.sha256(text.encode()).hexdigest()[:16]}") in used:
        n += 1
        text = f"{mention}~{n}"
    return found


def assign(entity_type: str, clusters: pa.Table, known: pa.Table, used: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The entity of each mention, in the order of the mentions: ASSIGNED.

    `clusters`: columns mention and cluster, as `warehouse.resolve.clusters.cluster` gives them. `known`: MEMBERS as
    last committed, mentions that are gone included. `used`: every id that was ever given.

    `event` says why a mention has another id than in `known`, and is null where it has the same: `created` (a new
    mention of a new entity), `joined` (a new mention of a known one), `merged` (the id it had is gone), `split` (its
    new id did not exist before), `moved` (both existed and go on).
    """
    mentions = clusters.select(["mention", "cluster"])
    joined = mentions.join(known.rename_columns(["mention", "previous_id"]), "mention", join_type="left outer")
    joined = joined.sort_by("mention")
    ids = _ids(entity_type, joined, set(pc.unique(used).to_pylist()))
    table = pa.table({"cluster": list(ids), "entity_id": list(ids.values())}, schema=_IDS)
    places = pc.index_in(joined["cluster"], value_set=table["cluster"].combine_chunks())
    entity_id = table["entity_id"].take(places)
    previous = joined["previous_id"]

    fresh = pc.invert(pc.is_in(entity_id, value_set=_values(used)))
    unknown, same = pc.is_null(previous), pc.equal(previous, entity_id)
    gone = pc.invert(pc.is_in(previous, value_set=_values(entity_id)))
    old = pc.drop_null(pc.unique(entity_id.filter(pc.invert(unknown))))
    has_old = pc.is_in(entity_id, value_set=_values(old))
    event = pc.case_when(
        pc.make_struct(
            pc.fill_null(same, False),
            pc.and_(unknown, pc.and_(fresh, pc.invert(has_old))),
            unknown,
            fresh,
            gone,
        ),
        pa.scalar(None, pa.string()),
        *(pa.scalar(e) for e in (CREATED, JOINED, SPLIT, MERGED, MOVED)),
    )
    return pa.table([joined["mention"], entity_id, event, previous], schema=ASSIGNED)


_IDS = pa.schema([("cluster", pa.string()), ("entity_id", pa.string())])


def _values(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    found = pc.unique(column)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _ids(entity_type: str, joined: pa.Table, used: set[str]) -> dict[str, str]:
    """The id of each cluster. Pairs of cluster and old id are served by the number of members that they share, then by
    id and cluster; each cluster gets one id and each id goes to one cluster."""
    pairs = joined.filter(pc.is_valid(joined["previous_id"]))
    pairs = pairs.group_by(["cluster", "previous_id"]).aggregate([([], "count_all")])
    pairs = pairs.sort_by([("count_all", "descending"), ("previous_id", "ascending"), ("cluster", "ascending")])
    ids: dict[str, str] = {}
    given: set[str] = set()
    for cluster, old in zip(pairs["cluster"].to_pylist(), pairs["previous_id"].to_pylist(), strict=True):
        if cluster not in ids and old not in given:
            ids[cluster] = old
            given.add(old)
    taken = used | given
    for cluster in sorted(set(_values(joined["cluster"]).to_pylist()) - ids.keys()):
        ids[cluster] = new_id(entity_type, cluster, taken)
        taken.add(ids[cluster])
    return ids
