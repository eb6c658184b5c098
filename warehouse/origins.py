"""`brain columns`: what a column of a mart means, and where it comes from."""

from __future__ import annotations

from typing import Any

from brain.errors import BrainError
from brain.settings import Settings
from warehouse import content, state
from warehouse.lineage import Column, Lineage

KINDS = {"source": "来源字段", "seed": "配置表", "python": "程序推断"}


def columns(settings: Settings, ref: str | None = None) -> dict[str, Any]:
    """Columns of the last build's marts: `rows`, one per column of `ref`, which names a mart or one of its columns.

    Without `ref` one row per mart. Raises BrainError for an unknown name, or where nothing was built.
    """
    manifest = content.read_manifest(state.manifest_path(settings))
    lineage = Lineage(manifest, settings.home / "dbt" / "target" / "compiled")
    marts = served(lineage)
    if ref is None:
        return {"rows": [_mart(lineage, name) for name in marts]}
    name, _, column = ref.partition(".")
    if name not in marts:
        raise BrainError(f"there is no mart {name}", "`brain columns` lists them")
    wanted = [column] if column else lineage.columns(name)
    return {"rows": [described(lineage, name, c) for c in wanted]}


def served(lineage: Lineage) -> list[str]:
    """The marts, by name."""
    return sorted(n["name"] for n in lineage.nodes.values() if n.get("database") in state.SERVED)


def described(lineage: Lineage, name: str, column: str) -> dict[str, Any]:
    """One column: what it is, the columns of other models that it is made of, and where the trail ends."""
    origins = lineage.origins(name, column)
    return {
        **_words(lineage, Column(lineage.kind(name), name, column)),
        "parents": [str(c) for c in lineage.parents(name, column)],
        "origins": [_words(lineage, c) for c in origins],
        # a constant, or a count of rows: then the relations say more than the column
        "reads": [] if origins else _reads(lineage.nodes[name]),
    }


def _mart(lineage: Lineage, name: str) -> dict[str, Any]:
    node = lineage.nodes[name]
    return {
        "mart": name,
        "database": node["database"],
        "label": content.meta_of(node).get("label"),
        "description": node["description"],
        "columns": len(node["columns"]),
    }


def _words(lineage: Lineage, column: Column) -> dict[str, Any]:
    node = lineage.nodes[column.relation]
    declared = node["columns"].get(column.name) or {}
    return {
        "kind": column.kind,
        "relation": column.relation,
        "column": column.name,
        "label": content.meta_of(declared).get("label"),
        "type": declared.get("data_type"),
        "description": declared.get("description"),
        **({"reads": _reads(node)} if column.kind == "python" else {}),
    }


def _reads(node: dict[str, Any]) -> list[str]:
    return sorted(d.rpartition(".")[2] for d in node["depends_on"]["nodes"])
