"""Probabilistic linkage after Fellegi and Sunter (1969) with Splink on DuckDB: forms and a model in, scored pairs out.

A model is a Splink settings file: comparisons with their levels, each with m (how often pairs that are one thing fall
into the level) and u (how often other pairs do), and the rules that say which pairs are looked at. It is trained in
`bench/` and committed; nothing is estimated here, so the same forms get the same probabilities on every day.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from warehouse import connect

DECIMALS = 4  # of probabilities: sums of floating point weights differ behind them from machine to machine
ID = "unique_id"


def memory(*tables: pa.Table) -> str:
    """What DuckDB may take to link these tables; the rest goes to disk. Measured at 200,000 people and at a tenth."""
    return f"{250 + sum(t.nbytes for t in tables) // 1_000_000}MB"


def load(path: Path) -> dict[str, Any]:
    """A committed model as Splink reads it."""
    return json.loads(path.read_text(encoding="utf-8"))


def score(
    forms: pa.Table,
    model: Mapping[str, Any],
    *,
    prior: float | None = None,
    shares: Mapping[str, pa.Table] | None = None,
    least: float = 0.01,
    say: Mapping[str, Mapping[int, str]] | None = None,
) -> pa.Table:
    """Pairs of forms that one blocking rule of the model brings together and that reach probability `least`.

    `forms` has a column `unique_id` and those that the model compares; with the column `source_dataset` and a model of
    link type `link_only` only pairs of two data sets are looked at. `prior` is the probability that two forms drawn at
    random are one thing (else the model's), `shares` a table of (column, tf_column) for every column whose frequent
    values say less than its rare ones. Result, in the order of the ids: `left` < `right`, `probability` (rounded to
    DECIMALS) and `said`: the texts of `say` (comparison → level, 0 the worst → text) for the levels that the pair falls
    into, joined by commas.
    """
    settings = dict(model) | {"retain_intermediate_calculation_columns": False, "retain_matching_columns": True}
    if prior is not None:
        settings["probability_two_random_records_match"] = prior
    with connect.memory(threads=1, limit=memory(forms)) as con:
        linker, api = linked(con, forms, settings)
        for column, table in (shares or {}).items():
            linker.table_management.register_term_frequency_lookup(api.register(table), column)
        found = linker.inference.predict(threshold_match_probability=least, warning_mode="never")
        texts = []
        for name, levels in (say or {}).items():
            cases = " ".join(f"when {level} then {connect.literal(text)}" for level, text in levels.items())
            texts.append(f"case gamma_{name} {cases} end")
        pairs = con.execute(
            f"""
            select least({ID}_l, {ID}_r) as "left", greatest({ID}_l, {ID}_r) as "right",
                match_probability as probability, concat_ws(', ', {", ".join(texts or ["null"])}) as said
            from {found.physical_name}
            order by 1, 2
            """
        ).to_arrow_table()
    return pairs.set_column(2, "probability", pc.round(pairs["probability"], ndigits=DECIMALS))


def linked(con: duckdb.DuckDBPyConnection, forms: pa.Table, settings: Mapping[str, Any]) -> tuple[Any, Any]:
    """A Splink linker over the forms, and the database that it works in."""
    from splink import DuckDBAPI, Linker  # a second to import, and most commands of the house never link anything

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(con)
    parts = [forms]
    if "source_dataset" in forms.column_names:
        names = sorted(forms["source_dataset"].unique().to_pylist())
        parts = [forms.filter(pc.equal(forms["source_dataset"], name)) for name in names]
    return Linker([api.register(part) for part in parts], dict(settings), log_level=None), api
