"""Where each column of a model comes from, read off the SQL that dbt compiled.

A column's parents are the columns of other relations whose values go into it: copied, computed with, chosen between.
What only decides which rows there are (joins, filters) or in which order they are looked at is not its origin. Followed
to the end they lead to columns of raw views, that is to fields of contracts, to columns of seeds, or to a model in
Python, whose inside SQL cannot tell: there the trail ends and says so.

The SQL is that of the manifest; of a model that the last build took over unchanged it lies where an earlier one left
it.
"""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from brain import journal
from brain.errors import BrainError
from brain.settings import ROOT
from warehouse import views

# sqlglot tells of subqueries in filters that it does not follow; they are no origin of a value
logging.getLogger("sqlglot").setLevel(logging.ERROR)
DIALECT = "duckdb"
PROJECT = ROOT / "dbt_project"
# relations that the house makes of its own books; no contract declares their columns
OWN = {
    "sources": views.SOURCES,
    "ledger__batches": views.BATCHES,
    "ledger__payloads": views.PAYLOADS,
    "quarantine__records": views.QUARANTINE,
    **{f"journal__{kind}": columns for kind, columns in journal.COLUMNS.items()},
}


@dataclass(frozen=True, order=True)
class Column:
    """A column of a relation. `kind`: model, python, seed or source; `relation`: the model's name, or that of the raw
    view."""

    kind: str
    relation: str
    name: str

    def __str__(self) -> str:
        return f"{self.relation}.{self.name}"


@dataclass
class Lineage:
    """Column lineage of one manifest. Models are read when they are asked for, each once."""

    manifest: dict[str, Any]
    compiled: Path | None = None  # dbt's folder of compiled files
    _columns: dict[str, list[str]] = field(default_factory=dict)
    _queries: dict[str, Any] = field(default_factory=dict)
    _parents: dict[tuple[str, str], tuple[Column, ...]] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """Models, seeds and sources by name; names are unique within the project."""
        every = [*self.manifest["nodes"].values(), *self.manifest["sources"].values()]
        return {n["name"]: n for n in every if n["resource_type"] in ("model", "seed", "source")}

    @cached_property
    def _names(self) -> dict[tuple[str, ...], str]:
        """Relation by database, schema and name → name of its node; without the database too, for SQL may leave it."""
        found = {}
        for name, node in self.nodes.items():
            whole = (node["database"], node["schema"], node.get("identifier") or node.get("alias") or name)
            found |= {whole: name, whole[1:]: name}
        return found

    def kind(self, name: str) -> str:
        """model, python, seed or source."""
        node = self.nodes[name]
        return "python" if node.get("language") == "python" else node["resource_type"]

    def columns(self, name: str) -> list[str]:
        """Columns that a relation yields, in order: those that a model in SQL selects, the header of a seed, else those
        that are declared."""
        if name not in self.nodes:
            raise BrainError(f"there is no model {name}", "`brain columns` lists the marts")
        if name not in self._columns:
            if self.kind(name) == "model":
                self._query(name)
            elif self.kind(name) == "seed":
                with (PROJECT / self.nodes[name]["original_file_path"]).open(encoding="utf-8", newline="") as file:
                    self._columns[name] = next(csv.reader(file))
            else:
                self._columns[name] = list(self.nodes[name]["columns"] or OWN.get(name, ()))
        return self._columns[name]

    def parents(self, name: str, column: str) -> tuple[Column, ...]:
        """Columns of the relations that a model reads that go into one of its columns; none for a constant."""
        if self.kind(name) != "model":
            return ()
        if column not in self.columns(name):
            raise BrainError(f"{name} has no column {column}", f"`brain columns {name}` lists them")
        key = (name, column)
        if key not in self._parents:
            self._parents[key] = tuple(sorted(self._read(name, column)))
        return self._parents[key]

    def origins(self, name: str, column: str) -> tuple[Column, ...]:
        """Where the trail of a column ends: fields of contracts, columns of seeds, columns that Python makes."""
        seen: set[Column] = set()
        todo = [Column(self.kind(name), name, column)]
        while todo:
            here = todo.pop()
            if here not in seen:
                seen.add(here)
                todo += self.parents(here.relation, here.name)
        return tuple(sorted(c for c in seen if c.kind != "model"))

    def _query(self, name: str) -> Any:
        """The model's query with every column qualified and every star expanded, and its scope."""
        from sqlglot import exp, parse_one
        from sqlglot.optimizer import build_scope
        from sqlglot.optimizer.qualify import qualify

        if name in self._queries:
            return self._queries[name]
        tree = parse_one(self._code(name), read=DIALECT)
        schema: dict[str, Any] = {}
        for table in tree.find_all(exp.Table):
            known = self._node_of(table)
            if known and (columns := self.columns(known)):
                node = self.nodes[known]
                table.set("catalog", exp.to_identifier(node["database"], quoted=True))
                tables = schema.setdefault(node["database"], {}).setdefault(node["schema"], {})
                tables[table.name] = dict.fromkeys(columns, "varchar")
        tree = qualify(tree, schema=schema, dialect=DIALECT, validate_qualify_columns=False, identify=False)
        self._columns[name] = list(tree.named_selects)
        # in which order rows are looked at decides which of the values it is, not what the value is made of
        for window in tree.find_all(exp.Window):
            window.set("partition_by", None)
            window.set("order", None)
        for order in [o for f in tree.find_all(exp.AggFunc) for o in f.find_all(exp.Order)]:
            order.replace(order.this) if order.this else order.pop()
        self._queries[name] = (tree, build_scope(tree), schema)
        return self._queries[name]

    def _code(self, name: str) -> str:
        node = self.nodes[name]
        if code := node.get("compiled_code"):
            return code
        path = self.compiled / node["package_name"] / node["original_file_path"] if self.compiled else None
        if path is None or not path.is_file():
            raise BrainError(f"there is no compiled SQL of {name}", "run `brain build`")
        return path.read_text(encoding="utf-8")

    def _read(self, name: str, column: str) -> set[Column]:
        from sqlglot import exp
        from sqlglot.lineage import lineage

        tree, scope, schema = self._query(name)
        root = lineage(column, tree, schema=schema, dialect=DIALECT, scope=scope, copy=False, trim_selects=False)
        found = set()
        for node in root.walk():
            is_end = isinstance(node.source, exp.Table) and not node.downstream
            if is_end and (relation := self._node_of(node.source)):
                found.add(Column(self.kind(relation), relation, node.name.rpartition(".")[2]))
        return found

    def _node_of(self, table: Any) -> str | None:
        """The node that a table of a query is; None for a name that the query itself gives."""
        return self._names.get(tuple(part.name for part in table.parts))
