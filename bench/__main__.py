"""`make bench`: HTTP pages to committed raw versions, against dlt and against what physics asks for.

Every contender runs in a process of its own against the same server, in turns, so that a busy machine is busy for all;
the medians of the turns are compared. `--records N` (default 1,000,000) and `--turns N` (default 3) make it shorter.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
DLT_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
# (contender, the most that ours may cost of it), from the measure that the project set itself
LIMITS = {"dlt, Arrow": 0.6, "dlt, default": 0.15, "composite": 1.5}
PEAK_MB = 1024
GROWTH = 1.5  # a batch ten times as large may take this much more memory: what it holds is bounded


def turn(name: str, url: str) -> dict:
    """One contender once."""
    python = str(DLT_PYTHON) if name.startswith("dlt") else sys.executable
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = [python, str(ROOT / "bench/contenders.py"), name, url, folder]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
        return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def city(records: int) -> Iterator[str]:
    """The server in a process of its own; gives its address."""
    command = [sys.executable, str(ROOT / "bench/city.py"), str(records)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.wait(timeout=20)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    names = ["ours", "composite", "dlt, Arrow", "dlt, default", "ours, encrypted", "ours, with the arrival gate"]
    results: dict[str, list[dict]] = {n: [] for n in names}
    with city(given.records) as url:
        for i in range(given.turns):
            for name in names:
                found = turn(name, url)
                if found["records"] != given.records:
                    sys.exit(f"{name}: {found['records']} records arrived, {given.records} were sent")
                results[name].append(found)
                figures = f"{found['cpu']} CPU-s, {found['wall']} s, {found['peak_mb']} MB"
                print(f"turn {i + 1}: {name}: {figures}", file=sys.stderr, flush=True)
    with city(given.records // 10) as url:
        tenth = turn("ours", url)
    cpu = {n: median(r["cpu"] for r in rs) for n, rs in results.items()}
    print(f"{given.records:,} records, medians of {given.turns} turns\n")
    print("| contender | CPU-s | wall s | peak MB | ours / it | at most |")
    print("|---|---|---|---|---|---|")
    missed = []
    for n, rs in results.items():
        ratio, limit = cpu["ours"] / cpu[n], LIMITS.get(n)
        wall, peak = median(r["wall"] for r in rs), max(r["peak_mb"] for r in rs)
        print(f"| {n} | {cpu[n]:.1f} | {wall:.1f} | {peak} | {ratio:.2f} | {limit or ''} |")
        if limit and ratio > limit:
            missed.append(f"{ratio:.2f} of {n}, at most {limit}")
    peak = max(r["peak_mb"] for r in results["ours"])
    if peak > PEAK_MB:
        missed.append(f"peak memory {peak} MB, at most {PEAK_MB}")
    print(f"\npeak memory of ours at a tenth of the records: {tenth['peak_mb']} MB")
    if peak > GROWTH * tenth["peak_mb"]:
        missed.append(f"peak memory {peak} MB against {tenth['peak_mb']} MB at a tenth, at most {GROWTH} times")
    for m in missed:
        print(f"MISSED: {m}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
