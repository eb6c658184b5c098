"""One contender, one process: `python contenders.py NAME URL FOLDER` prints processor seconds and peak memory as JSON.

Imports are done before the clock starts. dlt's two paths run in an environment of their own.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PAGE = 1000


def _bodies(url: str) -> Iterator[bytes]:
    """The pages by plain requests, as somebody without our fetcher would do it."""
    import requests

    with requests.Session() as session:
        number = 1
        while True:
            response = session.get(f"{url}/projects", params={"page": number, "size": PAGE}, timeout=30)
            response.raise_for_status()
            body = response.content
            if len(body) < 200:
                return
            yield body
            number += 1


def ours(url: str, folder: Path, *, encrypt: bool = False, gate: bool = False) -> Callable[[], int]:
    """HTTP pages to committed raw versions: landing with fsync, record checks, hashes, raw, ledger."""
    import os
    import shutil
    import types

    sources = folder / "sources"
    sources.mkdir()
    text = (Path(__file__).parent / "bench_city.odcs.yaml").read_text()
    if encrypt:
        text = text.replace(
            "description: Abstract., logicalType: string, classification: public",
            "description: Abstract., logicalType: string, classification: personal",
        )
    (sources / "bench_city.odcs.yaml").write_text(text)
    if not gate:  # Great Expectations is reported as a line of its own
        module = types.ModuleType("expectations.arrival")
        module.check_batch = lambda *a, **k: []
        sys.modules["expectations.arrival"] = module
    else:
        import great_expectations  # noqa: F401
    import expectations.arrival  # noqa: F401
    import ingest.fetch.http  # noqa: F401
    from brain.settings import Settings
    from ingest.run import ingest_source

    settings = Settings.from_env(
        {**os.environ, "BRAIN_HOME": str(folder / "home"), "BRAIN_SECRETS": str(folder / "secrets"),
         "BRAIN_SOURCES": str(sources), "BRAIN_PROFILE": "demo", "BRAIN_DEMO_URL": url}
    )  # fmt: skip
    shutil.rmtree(settings.home, ignore_errors=True)

    def run() -> int:
        [batch] = ingest_source(settings, "bench_city")
        return batch.new

    return run


def composite(url: str, folder: Path) -> Callable[[], int]:
    """What physics asks for: SHA-256 of the bytes, zstd -3 to a file, a typed DuckDB load."""
    import hashlib
    import os

    import duckdb
    import zstandard

    types = (
        "{'data': 'STRUCT(items STRUCT(project_id VARCHAR, title VARCHAR, updated_at TIMESTAMP, amount_cny DOUBLE, "
        "status VARCHAR, year BIGINT, host STRUCT(name VARCHAR, credit_code VARCHAR, district VARCHAR), "
        "keywords VARCHAR[], milestones STRUCT(name VARCHAR, due DATE, done BOOLEAN)[], abstract VARCHAR, "
        "district_code VARCHAR)[])'}"
    )

    def run() -> int:
        compressor = zstandard.ZstdCompressor(level=3)
        plain = folder / "plain"
        plain.mkdir()
        with (folder / "landing.zst").open("wb") as f:
            for n, body in enumerate(_bodies(url)):
                hashlib.sha256(body).hexdigest()
                f.write(compressor.compress(body))
                (plain / f"{n:06d}.json").write_bytes(body)
            f.flush()
            os.fsync(f.fileno())
        con = duckdb.connect(str(folder / "load.duckdb"))
        con.execute("SET threads=2; SET memory_limit='1GB'")
        con.execute(
            f"CREATE TABLE project AS SELECT unnest(data.items, recursive := false) FROM "
            f"read_json('{plain}/*.json', columns = {types}, maximum_object_size = 16777216)"
        )
        count = con.execute("SELECT count(*) FROM project").fetchone()[0]
        con.close()
        return count

    return run


def _dlt(url: str, folder: Path, as_arrow: bool) -> Callable[[], int]:
    import os

    os.environ |= {
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DATA_WRITER__DISABLE_COMPRESSION": "false",
    }
    import dlt
    import orjson
    import pyarrow as pa

    @dlt.resource(
        name="project", primary_key="project_id", write_disposition="append", max_table_nesting=0 if as_arrow else None
    )
    def project():
        for body in _bodies(url):
            items = orjson.loads(body)["data"]["items"]
            yield pa.Table.from_pylist(items) if as_arrow else items

    pipeline = dlt.pipeline("bench", destination=dlt.destinations.filesystem(str(folder / "out")), dataset_name="bench",
                            pipelines_dir=str(folder / "pipelines"))  # fmt: skip

    def run() -> int:
        pipeline.run(project(), loader_file_format="parquet")
        import pyarrow.dataset as ds

        return ds.dataset(str(folder / "out" / "bench" / "project"), format="parquet").count_rows()

    return run


CONTENDERS: dict[str, Callable[[str, Path], Callable[[], int]]] = {
    "ours": ours,
    "ours, encrypted": lambda url, folder: ours(url, folder, encrypt=True),
    "ours, with the arrival gate": lambda url, folder: ours(url, folder, gate=True),
    "composite": composite,
    "dlt, Arrow": lambda url, folder: _dlt(url, folder, True),
    "dlt, default": lambda url, folder: _dlt(url, folder, False),
}


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main(name: str, url: str, folder: str) -> None:
    run = CONTENDERS[name](url, Path(folder))
    cpu, wall = _cpu(), time.perf_counter()
    records = run()
    result = {
        "name": name,
        "records": records,
        "cpu": round(_cpu() - cpu, 3),
        "wall": round(time.perf_counter() - wall, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
