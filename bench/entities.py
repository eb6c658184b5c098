"""`python -m bench.entities`: institutions of all registers, measured against what is true in the stand-in city.

    --seed N …   cities (default 1 and 2); --scale S (default 1)
    --built FILE a brain.duckdb instead, of any profile: counts and processor seconds only

A city is served, fetched and staged as the platform does it, in a folder that goes away; of the models only those that
institutions need are built. Precision and recall are those of pairs: of all pairs of mentions found to be one
institution, the share that is; of all that are, the share found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.resolve import institutions
from warehouse.resolve.clusters import EDGES, cluster

PRECISION, RECALL = 0.99, 0.97


def true_institutions(truth: Mapping[str, Any]) -> dict[str, str]:
    """Mention → institution, as `brain demo truth` tells it."""
    return {
        f"{record['record_id']}#{record['role']}": entity["entity"]
        for entity in truth["entities"]
        if entity["kind"] != "person"
        for record in entity["records"]
    }


def clusters(mentions: pa.Table, edges: pa.Table) -> dict[str, str]:
    """Mention → cluster by the accepted edges."""
    accepted = edges.filter(pc.invert(edges["is_uncertain"]))
    columns = ["mention_a", "mention_b", "probability", "rule", "evidence"]
    found = cluster(mentions["mention_id"], accepted.select(columns).rename_columns(EDGES.names))
    return dict(zip(found["mention"].to_pylist(), found["cluster"].to_pylist(), strict=True))


def pairwise(found: Mapping[str, str], true: Mapping[str, str]) -> tuple[float, float]:
    """Precision and recall over pairs of the mentions that the truth knows; one that was not found stands alone."""
    put = {mention: found.get(mention, f"lost {mention}") for mention in true}
    right = _pairs(Counter((put[m], true[m]) for m in true))
    return right / _pairs(Counter(put.values())), right / _pairs(Counter(true.values()))


def _pairs(sizes: Counter) -> int:
    return sum(n * (n - 1) // 2 for n in sizes.values())


@contextmanager
def city(seed: int, scale: float) -> Iterator[tuple[pa.Table, dict[str, str]]]:
    """Mentions of a city, and the truth: mention → institution."""
    from brain import journal
    from brain.settings import Settings
    from demo import commands
    from demo.server import serve
    from demo.state import State
    from demo.truth import truth
    from ingest.contract import load_sources
    from ingest.ledger import Ledger
    from ingest.run import ingest_source
    from warehouse import build, views

    with tempfile.TemporaryDirectory(prefix="bench-entities-") as folder:
        root = Path(folder)
        given = Settings.from_env({"BRAIN_HOME": str(root / "var"), "BRAIN_SECRETS": str(root / "secrets")})
        state = State(seed, scale, 0)
        commands.deliver(given, state)
        with serve(0, home=given.home, secrets_dir=given.secrets) as server:
            fetched = replace(given, demo_url=server.url)
            for source in load_sources(fetched):
                ingest_source(fetched, source)
        work = root / "work"
        work.mkdir()
        entries = Ledger(given).entries()
        for kind in journal.COLUMNS:
            journal.ensure(given, kind)
        views.create(given, entries, work / "brain.duckdb")
        _stage(work, root / "target", build.as_of_date(entries))
        yield staged_mentions(work / "brain.duckdb"), true_institutions(truth(state.city()))


def _stage(work: Path, target: Path, as_of: str) -> None:
    """Build the mentions and all before them."""
    from dbt.cli.main import dbtRunner

    from warehouse import build

    arguments = [
        *("build", "--select", "+int_institution_mentions", "--exclude-resource-type", "test", "unit_test"),
        *("--project-dir", str(build.PROJECT), "--profiles-dir", str(build.PROJECT), "--target-path", str(target)),
        *("--vars", f"{{as_of: '{as_of}'}}", "--log-level", "none", "--log-level-file", "none", "--no-version-check"),
    ]
    with build._environment(BRAIN_WAREHOUSE=str(work), BRAIN_DBT_TARGET=str(target)):
        try:
            if not dbtRunner().invoke(arguments).success:
                sys.exit("dbt failed")
        finally:
            build._release_databases()


def staged_mentions(path: Path) -> pa.Table:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute("from intermediate.int_institution_mentions").to_arrow_table()


def report(name: str, mentions: pa.Table, true: Mapping[str, str]) -> bool:
    """Print a line; whether both thresholds are met."""
    before = time.process_time()
    edges = institutions.edges(mentions)
    seconds = time.process_time() - before
    found = clusters(mentions, edges)
    doubts = pc.sum(edges["is_uncertain"]).as_py()
    line = f"{name}: {len(found):,} mentions, {len(set(found.values())):,} institutions, {doubts} doubts"
    if not true:
        print(f"{line}; {seconds:.1f} CPU-s")
        return True
    precision, recall = pairwise(found, true)
    print(f"{line}; precision {precision:.4f}, recall {recall:.4f}; {seconds:.1f} CPU-s")
    return precision >= PRECISION and recall >= RECALL


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.entities", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--built", type=Path)
    given = parser.parse_args()
    if given.built:
        return 0 if report(given.built.name, staged_mentions(given.built), {}) else 1
    good = True
    for seed in given.seed:
        with city(seed, given.scale) as (mentions, true):
            good &= report(f"city of seed {seed}, scale {given.scale:g}", mentions, true)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
