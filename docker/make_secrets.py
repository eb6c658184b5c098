"""Make every key and password of docker-compose.yml, one file each, in the folder named on the command line.

Run once: `docker compose run --rm secrets`. Keep a copy in a safe place: without `landing.key` the encrypted payloads
are lost, without `ledger.key` no further head can be signed. A file that exists is never replaced.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import yaml
from cryptography.fernet import Fernet

from brain.keys import load_keys, write_secret
from brain.settings import Settings

SERVICE_USER = (10001, 0)  # runs Airflow and Superset, see the Dockerfiles
POSTGRES_USER = (999, 999)  # runs the PostgreSQL image
ACCESS = Path(__file__).resolve().parent.parent / "superset" / "access.yml"


def make(folder: Path) -> list[Path]:
    """Write the missing files into `folder`; returns those that were written."""
    before = set(folder.iterdir()) if folder.is_dir() else set()
    # the three keys of the data, as on a single machine
    load_keys(Settings.from_env({"BRAIN_HOME": os.devnull, "BRAIN_SECRETS": str(folder)}))
    passwords = {name: _kept(folder / f"postgres_{name}_password") for name in ("admin", "airflow", "superset")}
    for database in ("airflow", "superset"):
        address = f"postgresql+psycopg2://{database}:{passwords[database]}@postgres/{database}"
        _once(folder / f"{database}_database_uri", address)
    _once(folder / "airflow_fernet_key", Fernet.generate_key().decode())
    for name in ("airflow_jwt_key", "airflow_api_key", "superset_secret_key", "superset_guest_token_key"):
        _once(folder / name, secrets.token_urlsafe(48))
    _once(folder / "airflow_admin_password", secrets.token_urlsafe(18))
    users = yaml.safe_load(ACCESS.read_text(encoding="utf-8"))["users"]
    _once(folder / "superset_users", "\n".join(f"{name}\t{secrets.token_urlsafe(15)}" for name in users))
    (folder / ".lock").unlink(missing_ok=True)
    return sorted(set(folder.iterdir()) - before)


def _once(path: Path, text: str) -> None:
    if not path.exists():
        write_secret(path, text)


def _kept(path: Path) -> str:
    _once(path, secrets.token_urlsafe(24))
    return path.read_text().strip()


def main() -> int:
    folder = Path(sys.argv[1])
    written = make(folder)
    if os.getuid() == 0:  # in the container: hand each file to the user that reads it
        for path in folder.iterdir():
            os.chown(path, *(POSTGRES_USER if path.name.startswith("postgres_") else SERVICE_USER))
            path.chmod(0o400)
    sys.stderr.write(f"{len(written)} files written to {folder}; files that were there stay\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
