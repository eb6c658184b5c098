"""`python -m bench.people`: who is who among people, measured on FEBRL, on the stand-in city, and for speed.

    --train   learn the weights anew first: FEBRL 1 and 2 for bench/febrl.json, the city of seed 3 for people.json

Prints the tables of docs/people-matching.md. A city is served, fetched and staged as the platform does it, in a folder
that goes away; only the models that people need are built.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from bench import febrl
from warehouse import connect
from warehouse.resolve import linkage, people
from warehouse.resolve.clusters import EDGES, cluster

TABLES = ("mentions.parquet", "employers.parquet")
TRAINED_ON, SEEDS = 3, (1, 2)
SOURCES = ("pds", "integrity", "reports", "market", "carriers", "enterprises", "finance", "steward")
ONCE = ("self", "legal_representative", "author 1", "subject")  # the city without most repeats of one person
# Levels that the city does not show or shows too seldom to learn from: m, u of each, best first; None is learnt. What
# joined nodes at once (the same ID number, talent number or ORCID) cannot be seen any more, so only the difference is
# left to be weighed. The name counts by how many bear it, not by u, so m is all that its levels need.
STATED: dict[str, dict[int, tuple[float | None, float | None]]] = {
    "name": {0: (0.99, None), 1: (0.99, None), 2: (0.9, None), 3: (0.001, None)},
    "id_number": {0: (0.999, None), 1: (0.001, None)},
    "orcid": {0: (0.98, 1e-5), 1: (0.02, 0.99999)},
    "talent_no": {0: (0.98, 1e-4), 1: (0.02, 0.9999)},
    "phone": {0: (0.7, 1e-5), 1: (0.3, 0.99999)},
    "email": {0: (0.7, 1e-5), 1: (0.3, 0.99999)},
    "birth_year": {0: (0.98, None), 1: (0.02, None)},
    "gender": {0: (0.99, None), 1: (0.01, None)},
    "discipline": {0: (0.9, None), 1: (0.1, None)},
    "years": {2: (0.005, 0.02)},
}


def settings() -> dict[str, Any]:
    """What is compared of two nodes (people.py makes them)."""

    def comparison(name: str, missing: str, *levels: str | dict[str, Any]) -> dict[str, Any]:
        return {
            "output_column_name": name,
            "comparison_levels": [
                {"sql_condition": missing, "is_null_level": True},
                *({"sql_condition": level} if isinstance(level, str) else level for level in levels),
                {"sql_condition": "ELSE"},
            ],
        }

    def either(column: str) -> str:
        return f"{column}_l IS NULL OR {column}_r IS NULL"

    def shared(column: str) -> str:
        return f"list_has_any({column}_l, {column}_r)"

    def by_frequency(sql: str, column: str) -> dict[str, Any]:
        return {"sql_condition": sql, "tf_adjustment_column": column, "disable_tf_exact_match_detection": True}

    def within(years: int) -> str:
        return f"greatest(first_year_l, first_year_r) - least(last_year_l, last_year_r) <= {years}"

    romanised = "(name_forms_l IS NULL OR name_forms_r IS NULL)"
    shapes = "list_transform({0}, x -> x[:-2])"  # a masked ID number but for its check character
    same_shape = f"list_has_any({shapes.format('masks_l')}, {shapes.format('masks_r')})"
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": linkage.ID,
        "comparisons": [
            comparison(
                "name",
                either("sound"),
                by_frequency(shared("name_forms"), "name"),
                by_frequency(f"sound_l = sound_r AND {romanised}", "sound"),
                by_frequency(f"{shared('sounds')} AND {romanised}", "sound"),
                shared("sounds"),
            ),
            comparison("id_number", either("ids"), same_shape),
            *(
                comparison(c, either(f"{c}s"), shared(f"{c}s"))
                for c in ("orcid", "phone", "email", "birth_year", "gender")
            ),
            comparison("talent_no", either("talents"), shared("talents")),
            comparison(
                "employer", either("employers"), shared("headed"), shared("small_employers"), shared("employers")
            ),
            comparison("project", either("projects"), shared("projects")),
            comparison("discipline", either("disciplines"), shared("disciplines")),
            comparison("years", either("first_year"), within(5), within(15)),
        ],
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": "l.blocks = r.blocks", "arrays_to_explode": ["blocks"]}
        ],
    }


# -- data -------------------------------------------------------------------------------------------------------------


@contextmanager
def city(seed: int, scale: float = 1.0) -> Iterator[tuple[pa.Table, pa.Table, dict[str, str]]]:
    """Mentions and employers of a city, and the truth: mention → person."""
    from brain import journal
    from brain.settings import Settings
    from demo import commands
    from demo.server import serve
    from demo.state import State
    from demo.truth import truth
    from ingest.ledger import Ledger
    from ingest.run import ingest_source
    from warehouse import build, views

    with tempfile.TemporaryDirectory(prefix="bench-people-") as folder:
        root = Path(folder)
        given = Settings.from_env({"BRAIN_HOME": str(root / "var"), "BRAIN_SECRETS": str(root / "secrets")})
        state = State(seed, scale, 0)
        commands.deliver(given, state)
        with serve(0, home=given.home, secrets_dir=given.secrets) as server:
            fetched = replace(given, demo_url=server.url)
            for source in SOURCES:
                ingest_source(fetched, source)
        work = root / "work"
        work.mkdir()
        entries = Ledger(given).entries()
        for kind in journal.COLUMNS:
            journal.ensure(given, kind)
        views.create(given, entries, work / "brain.duckdb")
        stage(build, work, root / "target", build.today(given, entries))
        with duckdb.connect(str(work / "brain.duckdb"), read_only=True) as con:
            mentions = con.execute("from intermediate.int_person_mentions").to_arrow_table()
            employers = con.execute("from intermediate.int_person_employers").to_arrow_table()
        told = truth(state.city())
    yield mentions, employers, persons(told)


def stage(build: Any, work: Path, target: Path, as_of: str) -> None:
    """Build the two models that people are told apart by, and all before them."""
    from dbt.cli.main import dbtRunner

    arguments = [
        *("build", "--select", "+int_person_mentions", "+int_person_employers"),
        *("--exclude-resource-type", "test", "unit_test"),
        *("--project-dir", str(build.PROJECT), "--profiles-dir", str(build.PROJECT), "--target-path", str(target)),
        *("--vars", f"{{as_of: '{as_of}'}}", "--log-level", "none", "--log-level-file", "none", "--no-version-check"),
    ]
    with build._environment(BRAIN_WAREHOUSE=str(work), BRAIN_DBT_TARGET=str(target)):
        result = dbtRunner().invoke(arguments)
        build._release_databases()
    if not result.success:
        sys.exit("dbt failed: run `brain build` to see why")


def persons(truth: Mapping[str, Any]) -> dict[str, str]:
    """Mention → person, of what has to be found. Who reports misconduct is nobody's to find out, and what a steward
    decides about is no mention.
    """
    return {
        f"{record['record_id']}#{record['role']}": entity["entity"]
        for entity in truth["entities"]
        if entity["kind"] == "person"
        for record in entity["records"]
        if record["role"] != "reporter" and not record["record_id"].startswith("steward:")
    }


# -- scores -----------------------------------------------------------------------------------------------------------


def clusters(mentions: pa.Table, edges: pa.Table) -> dict[str, str]:
    """Mention → the first mention of its cluster."""
    sure = edges.filter(pc.invert(edges["is_uncertain"])).drop_columns("is_uncertain").rename_columns(EDGES.names)
    found = cluster(mentions["mention_id"], sure)
    return dict(zip(found["mention"].to_pylist(), found["cluster"].to_pylist(), strict=True))


def pairwise(found: Mapping[str, str], true: Mapping[str, str]) -> tuple[float, float]:
    """Precision and recall over the pairs of mentions that the truth knows."""

    def pairs(sizes: Counter[Any]) -> int:
        return sum(n * (n - 1) // 2 for n in sizes.values())

    known = [m for m in true if m in found]
    both = pairs(Counter((found[m], true[m]) for m in known))
    return both / pairs(Counter(found[m] for m in known)), both / pairs(Counter(true.values()))


def febrl_score(number: str, model: Mapping[str, Any]) -> tuple[float, float]:
    """Precision and recall over pairs of records after clustering (4: of a record of one file and one of the other)."""
    forms = febrl.forms(number)
    ids = forms[linkage.ID].to_pylist()
    pairs = linkage.score(forms, model, least=febrl.THRESHOLD)
    n = pairs.num_rows
    columns = [pairs["left"], pairs["right"], pairs["probability"], pa.array(["name"] * n), pa.nulls(n, pa.string())]
    edges = pa.table(columns, names=EDGES.names)
    found = cluster(ids, edges)
    of = dict(zip(found["mention"].to_pylist(), found["cluster"].to_pylist(), strict=True))
    return pairwise(of, dict(zip(ids, forms["entity"].to_pylist(), strict=True)))


def many(
    mentions: pa.Table, employers: pa.Table, copies: int, roles: Sequence[str] | None = None
) -> tuple[pa.Table, pa.Table]:
    """The city side by side with itself: other numbers, projects and employers in each copy, names moved on along the
    alphabet of the city, so that people share names as often as they would. `roles`: only these.
    """
    if roles:
        mentions = mentions.filter(pc.is_in(mentions["role"], pa.array(roles)))
        employers = employers.filter(pc.is_in(employers["mention_id"], mentions["mention_id"]))
    from demo import words

    own = ("mention_id", "record_id", "id_number_pseudonym", "phone_pseudonym", "email_pseudonym", "talent_no",
           "expert_no", "project", "orcid")  # fmt: skip
    alphabet = words.NAME_CHARACTERS
    moved = [alphabet[i * 7 % len(alphabet) :] + alphabet[: i * 7 % len(alphabet)] for i in range(copies)]
    columns = [
        f"{c} || '~' || i as {c}"
        if c in own
        else f"translate(person_name, '{alphabet}', moved) as {c}"
        if c == "person_name"
        else c
        for c in mentions.column_names
    ]
    with connect.memory(threads=1) as con:
        con.register("m", mentions)
        con.register("e", employers)
        con.register("c", pa.table({"i": list(range(copies)), "moved": moved}))
        return (
            con.execute(f"select {', '.join(columns)} from m, c").to_arrow_table(),
            con.execute("select mention_id || '~' || i as mention_id, employer_id || i as employer_id from e, c")
            .to_arrow_table(),
        )  # fmt: skip


# -- training ---------------------------------------------------------------------------------------------------------


def train_febrl() -> None:
    both = pa.concat_tables([febrl.forms("1"), febrl.forms("2")])
    known = sum(n * (n - 1) // 2 for n in Counter(both["entity"].to_pylist()).values())
    with connect.memory(threads=1) as con:
        linker, _ = linkage.linked(con, both, febrl.settings())
        linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
        linker.training.estimate_m_from_label_column("entity")
        model = linker.misc.save_model_to_json()
    model["probability_two_random_records_match"] = 2 * known / both.num_rows**2
    write(febrl.MODEL, model, {})


def train_people() -> None:
    with city(TRAINED_ON) as (mentions, employers, true):
        forms, number = people.nodes(mentions, employers)
        of = dict(zip(number["mention_id"].to_pylist(), number["unique_id"].to_pylist(), strict=True))
        votes: dict[int, Counter[str]] = defaultdict(Counter)
        for mention, person in true.items():
            if mention in of:
                votes[of[mention]][person] += 1
        entity = [votes[n].most_common(1)[0][0] if votes[n] else None for n in forms[linkage.ID].to_pylist()]
        forms = forms.append_column("entity", pa.array(entity, pa.string()))
    with connect.memory(threads=1) as con:
        linker, api = linkage.linked(con, forms, settings())
        for column in ("name", "sound"):  # frequencies are those of the build, not of the training
            empty = pa.schema([(column, pa.string()), (f"tf_{column}", pa.float64())]).empty_table()
            linker.table_management.register_term_frequency_lookup(api.register(empty), column)
        linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
        linker.training.estimate_m_from_label_column("entity")
        write(people.MODEL, linker.misc.save_model_to_json(), STATED)


def write(
    path: Path, model: dict[str, Any], stated: Mapping[str, Mapping[int, tuple[float | None, float | None]]]
) -> None:
    """The model with what is stated in place of what is learnt; no weight is without bounds."""
    for comparison in model["comparisons"]:
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        for place, level in enumerate(levels):
            m, u = stated.get(comparison["output_column_name"], {}).get(place, (None, None))
            for name, given, least in (("m_probability", m, 1e-3), ("u_probability", u, 1e-6)):
                level[name] = float(f"{max(given or level.get(name) or 0, least):.4g}")
    path.write_text(json.dumps(model, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


# -- figures ----------------------------------------------------------------------------------------------------------


def speed(folder: Path) -> None:
    """One line of the table: mentions, CPU-s, MB of the whole process with its tables."""
    mentions, employers = (parquet.read_table(folder / name) for name in TABLES)
    began = time.process_time()
    people.edges(mentions, employers)
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"| {mentions.num_rows:,} | {spent:.1f} | {peak:,} |")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.people", description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true", help="learn the weights anew first")
    parser.add_argument("--speed", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.speed:
        speed(Path(given.speed))
        return 0
    if given.train:
        train_febrl()
        train_people()
        people._model.cache_clear()
    model = linkage.load(febrl.MODEL)
    print("| data | precision | recall | F1 |\n|---|---|---|---|")
    for number in "1234":
        p, r = febrl_score(number, model)
        print(f"| FEBRL {number} | {p:.4f} | {r:.4f} | {2 * p * r / (p + r):.4f} |", flush=True)
    for seed in SEEDS:
        with city(seed) as (mentions, employers, true):
            p, r = pairwise(clusters(mentions, people.edges(mentions, employers)), true)
            print(
                f"| city, seed {seed}, {len(true)} mentions | {p:.4f} | {r:.4f} | {2 * p * r / (p + r):.4f} |",
                flush=True,
            )
    print("\n| people | mentions | CPU-s | peak MB |\n|---|---|---|---|")
    for copies, roles in ((5, None), (67, ONCE)):
        with tempfile.TemporaryDirectory(prefix="bench-people-") as folder:
            for name, table in zip(TABLES, many(mentions, employers, copies, roles), strict=True):
                parquet.write_table(table, f"{folder}/{name}")
            # in a process of its own: what was measured before would count as memory
            command = [sys.executable, "-m", "bench.people", "--speed", folder]
            print(f"| {copies * len(set(true.values())):,} {subprocess.check_output(command, text=True)}", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
