"""`python -m demo serve`: the city's systems in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from demo.faults import KINDS
from demo.server import serve


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description="A stand-in city and its source systems.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "serve",
        help="serve the systems over HTTP on this machine",
        epilog="faults: " + "; ".join(f"{kind}: {what}" for kind, what in KINDS.items()),
    )
    command.add_argument("--seed", type=int, default=1, help="another seed, another city (default 1)")
    command.add_argument("--scale", type=float, default=1.0, help="1 is about 4,300 records in all (default 1)")
    command.add_argument("--port", type=int, default=8790, help="default 8790")
    command.add_argument("--secrets", type=Path, help="folder of PDS_TOKEN and MARKET_KEY (default BRAIN_SECRETS)")
    command.add_argument("--faults", default="", help="comma-separated, each kind[:/path][@first][xtimes]; x0 = always")
    given = parser.parse_args(arguments)
    try:
        faults = [f for f in given.faults.split(",") if f]
        server = serve(given.port, given.seed, given.scale, secrets_dir=given.secrets, faults=faults)
    except ValueError as e:
        parser.error(str(e))
    except OSError as e:
        sys.stderr.write(f"port {given.port} cannot be used: {e.strerror}; choose another with --port\n")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.stdout.write(f"the city (seed {given.seed}, scale {given.scale:g}) answers at {server.url}; Ctrl-C ends it\n")
    sys.stdout.flush()
    try:
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
