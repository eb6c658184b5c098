"""`python -m bench.rebuild [--scale S]`: what a build costs after a day, beside the same build from nothing.

The stand-in city is served, fetched and built; a day passes and is fetched; then it is built on top of the last build,
and once more from nothing. Prints a table in CPU-seconds of the build alone, and compares the content hash of every
mart: the two builds must say the same. The folder goes away at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from brain.settings import Settings
from demo import commands
from demo.server import serve
from demo.state import State
from ingest.contract import load_sources
from warehouse import content, state


def brain(settings: Settings, url: str, *arguments: str) -> Any:
    """One command of `brain` in a process of its own; its JSON."""
    command = [sys.executable, "-m", "brain.cli", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(settings, url))
    if done.returncode:
        sys.exit(f"brain {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout)


def environment(settings: Settings, url: str) -> dict[str, str]:
    own = {"BRAIN_HOME": str(settings.home), "BRAIN_SECRETS": str(settings.secrets), "BRAIN_DEMO_URL": url}
    return {**os.environ, **own, "BRAIN_PROFILE": "demo"}


def ingest(settings: Settings, url: str) -> int:
    """Fetch every source; the number of new records."""
    return sum(b["new"] for b in brain(settings, url, "ingest", *load_sources(settings))["batches"])


def timed(settings: Settings, url: str, name: str, *arguments: str) -> dict[str, Any]:
    """A build: CPU-seconds of its process, how many models it made, how many it kept, hashes of the marts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    models = brain(settings, url, "build", *arguments)["models"]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = Counter(m["status"] for m in models)
    hashes = content.content_hashes(settings.warehouse_dir, content.read_manifest(state.manifest_path(settings)))
    print(f"| {name} | {found['success']} | {found['unchanged']} | {seconds:.1f} |", flush=True)
    return {"hashes": hashes, "seconds": seconds}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.rebuild", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rebuild-") as folder:
        root = Path(folder)
        settings = Settings.from_env({"BRAIN_HOME": str(root / "var"), "BRAIN_SECRETS": str(root / "secrets")})
        commands.deliver(settings, State(given.seed, given.scale, 0))
        with serve(0, home=settings.home, secrets_dir=settings.secrets) as server:
            print(f"scale {given.scale:g}: {ingest(settings, server.url):,} new records\n")
            print("| build | made | kept | CPU-s |\n|---|---|---|---|")
            timed(settings, server.url, "first, from nothing")
            timed(settings, server.url, "again, with nothing new")
            commands.advance(settings, 1, None, None, "")
            new = ingest(settings, server.url)
            after = timed(settings, server.url, f"after a day ({new:,} new records)")
            nothing = timed(settings, server.url, "the same from nothing", "--full")
    same = after["hashes"] == nothing["hashes"]
    print(f"\n{len(after['hashes'])} marts: {'all the same' if same else 'NOT the same'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
