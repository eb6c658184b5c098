"""From mentions and edges to links: which entity each mention belongs to, and why. The dbt models int_*_links."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.resolve.clusters import EDGES, cluster
from warehouse.resolve.identity import assign

LINKS = pa.schema(
    [
        ("mention_id", pa.string()),
        ("record_id", pa.string()),
        ("role", pa.string()),
        ("entity_id", pa.string()),
        ("rule", pa.string()),
        ("probability", pa.float64()),
        ("evidence", pa.string()),
        ("linked_mention_id", pa.string()),
        ("event", pa.string()),
        ("previous_id", pa.string()),
    ]
)


def links(
    entity_type: str, mentions: pa.Table, edges: pa.Table, pairs: pa.Table, known: pa.Table, used: pa.Table
) -> pa.Table:
    """One row per mention in the order of the mentions: LINKS.

    `mentions`: mention_id, record_id, role. `edges`: mention_a, mention_b, probability, rule, evidence. `pairs`:
    mention_a, mention_b, decision_no, is_together, what stewards decided. `known`: mention_id, entity_id as last
    committed. `used`: entity_id, every one that was ever given.
    """
    names = ["mention_a", "mention_b"]
    accepted = edges.select([*names, "probability", "rule", "evidence"]).rename_columns(EDGES.names).cast(EDGES)
    told = pairs.select([*names, "decision_no"]).rename_columns(["a", "b", "evidence"])
    joined = cluster(
        mentions["mention_id"],
        accepted,
        told.filter(pairs["is_together"]),
        told.filter(pc.invert(pairs["is_together"])),
    )
    members = known.select(["mention_id", "entity_id"]).rename_columns(["mention", "entity_id"])
    assigned = assign(entity_type, joined, members, used["entity_id"])
    mentions = mentions.select(["mention_id", "record_id", "role"]).sort_by("mention_id")
    # all three are in the order of the mentions
    columns = [*mentions.columns, assigned["entity_id"], *joined.select(["rule", "probability", "evidence", "via"])]
    return pa.table([*columns, assigned["event"], assigned["previous_id"]], schema=LINKS)


def model(dbt: Any, entity_type: str, mentions: Any, edges: Any) -> pa.Table:
    """The table of a dbt model; `mentions` and `edges` are the relations of its refs."""
    membership = dbt.ref("stg_resolution__membership")
    return links(
        entity_type,
        mentions.project("mention_id, record_id, role").to_arrow_table(),
        edges.filter("not is_uncertain").to_arrow_table(),
        dbt.ref("int_entity_decision_pairs").filter(f"entity_type = '{entity_type}'").to_arrow_table(),
        membership.filter(f"is_current and entity_type = '{entity_type}'").to_arrow_table(),
        membership.project("entity_id").distinct().to_arrow_table(),
    )
