"""A column's origins are the columns whose values go into it, however the SQL between is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brain.errors import BrainError
from warehouse.lineage import Lineage


def _node(kind: str, name: str, schema: str, sql: str | None = None, columns: str = "", **more: Any) -> dict[str, Any]:
    return {
        "resource_type": kind,
        "name": name,
        "database": "brain",
        "schema": schema,
        "compiled_code": sql,
        "columns": {c: {"name": c, "description": c} for c in columns.split()},
        "package_name": "brain",
        "original_file_path": f"models/{name}.sql",
        "language": "sql",
        **more,
    }


STAGED = "select amount * 10000 as amount_cny, buyer, kind, is_gone, _record_id as record_id from raw.market__sale"
MART = """
with sales as (select * from "brain"."staging"."stg_sales" where not is_gone),
named as (select record_id, entity_id from "brain"."intermediate"."int_links"),
final as (
    select
        sales.record_id, named.entity_id as buyer_id, 'market' as source, count(*) over () as all_sales,
        case when sales.kind = 'gift' then 0 else sales.amount_cny end as net_cny,
        first_value(sales.kind) over (partition by sales.buyer order by sales.amount_cny) as first_kind,
        (select max(top) from "brain"."reference"."limits" where limits.kind = 'sale') as most_cny
    from sales left join named on sales.record_id = named.record_id
)
select * from final
"""


BOTH = "select amount_cny as x from brain.staging.stg_sales union all select top from brain.reference.limits"


@pytest.fixture
def lineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lineage:
    monkeypatch.setattr("warehouse.lineage.PROJECT", tmp_path)
    (tmp_path / "limits.csv").write_text("kind,top\nsale,5\n", encoding="utf-8")
    nodes = [
        _node("seed", "limits", "reference", original_file_path="limits.csv"),
        _node("model", "stg_sales", "staging", STAGED),
        _node("model", "int_links", "intermediate", columns="record_id entity_id", language="python"),
        _node("model", "fct_sales", "main", MART),
        _node("model", "fct_both", "main", BOTH),
    ]
    source = _node("source", "market__sale", "raw", columns="amount buyer kind is_gone _record_id")
    return Lineage({"nodes": {n["name"]: n for n in nodes}, "sources": {"market__sale": source}})


@pytest.mark.parametrize(
    ("column", "origins"),
    [
        ("record_id", "market__sale._record_id"),
        ("buyer_id", "int_links.entity_id"),  # Python made it: there the trail ends
        ("source", ""),  # a constant
        ("all_sales", ""),  # a count of rows
        ("net_cny", "market__sale.amount market__sale.kind"),  # what chooses between values counts, is_gone does not
        ("first_kind", "market__sale.kind"),
        ("most_cny", "limits.top"),
    ],
)
def test_a_column_leads_to_the_fields_that_its_values_are_made_of(lineage: Lineage, column: str, origins: str) -> None:
    assert [str(c) for c in lineage.origins("fct_sales", column)] == origins.split()


def test_both_sides_of_a_union_are_origins(lineage: Lineage) -> None:
    assert {str(c) for c in lineage.parents("fct_both", "x")} == {"limits.top", "stg_sales.amount_cny"}
    assert {c.kind for c in lineage.origins("fct_both", "x")} == {"seed", "source"}


def test_columns_are_those_that_the_sql_selects(lineage: Lineage) -> None:
    assert lineage.columns("stg_sales") == ["amount_cny", "buyer", "kind", "is_gone", "record_id"]
    assert lineage.columns("limits") == ["kind", "top"]


def test_sql_of_a_model_taken_over_unchanged_lies_in_the_folder_of_compiled_files(
    lineage: Lineage, tmp_path: Path
) -> None:
    code = lineage.manifest["nodes"]["stg_sales"]["compiled_code"]
    lineage.manifest["nodes"]["stg_sales"]["compiled_code"] = None
    with pytest.raises(BrainError, match="stg_sales"):
        lineage.origins("fct_sales", "net_cny")
    path = tmp_path / "compiled" / "brain" / "models" / "stg_sales.sql"
    path.parent.mkdir(parents=True)
    path.write_text(code, encoding="utf-8")
    assert Lineage(lineage.manifest, tmp_path / "compiled").origins("fct_sales", "net_cny")


@pytest.mark.parametrize(("model", "column"), [("fct_nothing", "x"), ("fct_sales", "nothing")])
def test_what_is_not_there_is_refused(lineage: Lineage, model: str, column: str) -> None:
    with pytest.raises(BrainError):
        lineage.parents(model, column) if model in lineage.nodes else lineage.columns(model)
