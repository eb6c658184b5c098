"""Bring Superset to the state the files here describe: `python superset/provision.py [--force]`.

One process: keys, metadata database, wording, users, assets, roles, row rules. Run again it compares the digest of all
its inputs with the last one and leaves at once; `--force` does everything again and ends in the same state.

stdout: one JSON object {"changed", "digest", "seconds", ...}; stderr: progress. Exit 0 done, 1 failed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
import sqlite3
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

import assemble  # noqa: E402
import wording  # noqa: E402

HOME = Path(os.environ.get("BRAIN_HOME", "var")).resolve()
SECRETS = Path(os.environ.get("BRAIN_SECRETS", ".secrets")).resolve()
STATE = HOME / "superset"
MARKER = STATE / "provisioned.json"
USERS = SECRETS / "superset_users"
KEYS = ("superset_secret_key", "superset_guest_token_key")
KINDS = ("dashboard", "chart", "dataset", "database")  # in the order in which they may be deleted


class ProvisionError(Exception):
    """Something the operator can mend; the message says how."""


def say(text: str) -> None:
    sys.stderr.write(f"superset: {text}\n")


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, never leaving half of it."""
    part = path.with_name(path.name + ".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


# --- keys -----------------------------------------------------------------------------------------------------------
def ensure_keys() -> None:
    """Make the keys of a new installation. An installation without its keys is an error: a new key would make every
    session and every stored password unreadable, and hide that something was lost."""
    SECRETS.mkdir(mode=0o700, parents=True, exist_ok=True)
    missing = [name for name in KEYS if not (SECRETS / name).exists()]
    if missing and MARKER.exists():
        raise ProvisionError(f"BRAIN_HOME holds a Superset but BRAIN_SECRETS lacks {', '.join(missing)}: restore them")
    for name in missing:
        write_private(SECRETS / name, secrets.token_urlsafe(48) + "\n")
        say(f"made {name}")


def passwords(names: list[str], create: bool) -> dict[str, str]:
    """User → first password, from BRAIN_SECRETS/superset_users; made for names it does not have if `create`."""
    known = {}
    if USERS.exists():
        for line in USERS.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                name, password = line.split("\t")[:2]
                known[name] = password
    new = [name for name in names if name not in known]
    if new and create:
        known |= {name: secrets.token_urlsafe(15) for name in new}
        lines = ["# user\tpassword", *(f"{name}\t{password}" for name, password in known.items())]
        write_private(USERS, "\n".join(lines) + "\n")
    return known


# --- is there anything to do? ---------------------------------------------------------------------------------------
def digest() -> str:
    """SHA-256 over every file this state derives from, and the version that interprets them."""
    found = hashlib.sha256(f"{version('apache-superset')} {version('duckdb')}".encode())
    files = [p for p in HERE.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    files += [*assemble.MARTS.rglob("*.yml"), *assemble.MARTS.rglob("*.yaml")]
    files.append(HERE.parent / "warehouse" / "metrics.py")
    for path in sorted(files):
        found.update(f"\0{path.relative_to(HERE.parent)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def up_to_date(now: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        database = STATE / "superset.db"
        there = (SECRETS / "superset_database_uri").exists() or database.exists()
        built = (STATE / "translations" / "zh" / "LC_MESSAGES" / "messages.mo").exists()
        return there and built and USERS.exists() and json.loads(MARKER.read_text())["digest"] == now
    return False


# --- doing it -------------------------------------------------------------------------------------------------------
def provision() -> dict[str, Any]:
    """Everything behind the keys; needs the app, so Superset is imported here. Returns figures for the report."""
    os.environ["SUPERSET_CONFIG_PATH"] = str(HERE / "superset_config.py")
    logging.disable(logging.WARNING)  # Superset greets every start with a page of warnings that concern nobody here
    say("building the zh wording")
    wording.build(STATE / "translations")
    say("starting Superset to set it up (about 10 s)")
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        from flask_migrate import upgrade

        from superset import appbuilder, db, security_manager

        say("metadata database")
        upgrade(directory=str(Path(sys.modules["superset"].__file__).parent / "migrations"))
        logging.disable(logging.WARNING)  # alembic configures logging anew
        if app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite:"):
            with contextlib.closing(sqlite3.connect(STATE / "superset.db")) as connection:
                connection.execute("PRAGMA journal_mode=WAL")  # readers go on while the event log is written
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        db.session.commit()

        access = yaml.safe_load((HERE / "access.yml").read_text(encoding="utf-8"))
        # Every role must be there before a user is; assets are imported by a user, and roles name the assets.
        figures = {"users": add_users(access, security_manager)}
        db.session.commit()
        say("data sets, charts, dashboards")
        figures |= import_assets(security_manager, db)
        figures["roles"] = set_roles(access, security_manager, db)
        set_row_rules(access, security_manager, db)
        set_welcome(access, security_manager, db)
        db.session.commit()
    return figures


def add_users(access: dict[str, Any], manager: Any) -> int:
    """Add the users that are not there; a user who is keeps the password she has, and is put back into her role."""
    wanted = access["users"]
    known = {name for name in wanted if manager.find_user(name)}
    words = passwords(list(wanted), create=not known)
    for name, entry in wanted.items():
        role = manager.find_role(entry["role"]) or manager.add_role(entry["role"])
        if name in known:
            user = manager.find_user(name)
            if user.roles != [role]:
                user.roles = [role]
            continue
        if name not in words:
            words = passwords(list(wanted), create=True)
        if not manager.add_user(name, entry["name"], "", f"{name}@science-brain.invalid", role, password=words[name]):
            raise ProvisionError(f"the user {name} could not be added")
        say(f"added the user {name}")
    return len(wanted)


def import_assets(manager: Any, db: Any) -> dict[str, int]:
    """Import the bundle over what is there, and delete what we once imported and no longer have."""
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.utils.core import override_user

    bundle = assemble.bundle()
    with override_user(manager.find_user("admin")):
        ImportAssetsCommand(dict(bundle)).run()
        present = _uuids(bundle)
        before = json.loads(MARKER.read_text()).get("assets", {}) if MARKER.exists() else {}
        for kind in KINDS:
            for uuid in set(before.get(kind, ())) - set(present[kind]):
                if found := db.session.query(_model(kind)).filter_by(uuid=uuid).one_or_none():
                    db.session.delete(found)
        db.session.commit()
    return {f"{kind}s": len(uuids) for kind, uuids in present.items()}


def _model(kind: str) -> Any:
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    return {"dashboard": Dashboard, "chart": Slice, "dataset": SqlaTable, "database": Database}[kind]


def _uuids(bundle: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for path, text in bundle.items():
        for kind in KINDS:
            if path.startswith(f"{kind}s/"):
                found[kind].append(yaml.safe_load(text)["uuid"])
    return {kind: sorted(uuids) for kind, uuids in found.items()}


def _database_id(name: str) -> str:
    return assemble.uid("database", name)


def _tables(names: list[str], db: Any) -> list[Any]:
    """The data sets over the databases named."""
    databases = [db.session.query(_model("database")).filter_by(uuid=_database_id(name)).one() for name in names]
    found = db.session.query(_model("dataset")).filter(_model("dataset").database_id.in_([d.id for d in databases]))
    return sorted(found, key=lambda table: table.table_name)


def set_roles(access: dict[str, Any], manager: Any, db: Any) -> int:
    """Give each of our roles exactly what access.yml says: whatever was added by hand is gone."""

    def permission(name: str, view: str) -> Any:
        found = manager.find_permission_view_menu(name, view)
        if not found:
            raise ProvisionError(f"access.yml: Superset has no permission [{name}, {view}]")
        return found

    for name, entry in access["roles"].items():
        granted = [permission(*pair) for pair in entry.get("permissions", ())]
        for base in entry.get("inherit", ()):
            granted += manager.find_role(base).permissions
        refused = {tuple(pair) for pair in entry.get("without", ())}
        granted = [p for p in granted if (p.permission.name, p.view_menu.name) not in refused]
        granted += [
            manager.add_permission_view_menu("datasource_access", t.perm) for t in _tables(entry["databases"], db)
        ]
        for database in entry.get("sql_lab", ()):
            found = db.session.query(_model("database")).filter_by(uuid=_database_id(database)).one()
            granted.append(manager.add_permission_view_menu("database_access", found.perm))
        role = manager.find_role(name)
        wanted = {p.id: p for p in granted}
        if {p.id for p in role.permissions} != set(wanted):
            role.permissions = list(wanted.values())
    return len(access["roles"])


def set_row_rules(access: dict[str, Any], manager: Any, db: Any) -> None:
    from superset.connectors.sqla.models import RowLevelSecurityFilter

    for name, entry in access["row_rules"].items():
        rule = db.session.query(RowLevelSecurityFilter).filter_by(name=name).one_or_none()
        rule = rule or RowLevelSecurityFilter(name=name)
        rule.filter_type, rule.clause, rule.group_key = "Base", entry["clause"], None
        rule.tables = _tables(entry["databases"], db)
        rule.roles = [manager.find_role(role) for role in entry["except"]]
        db.session.add(rule)


def set_welcome(access: dict[str, Any], manager: Any, db: Any) -> None:
    from superset.models.user_attributes import UserAttribute

    for name, entry in access["users"].items():
        user = manager.find_user(name)
        page = db.session.query(_model("dashboard")).filter_by(slug=entry["welcome"]).one()
        attribute = db.session.query(UserAttribute).filter_by(user_id=user.id).first() or UserAttribute(user_id=user.id)
        attribute.welcome_dashboard_id = page.id
        db.session.add(attribute)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--force", action="store_true", help="do everything again, even where nothing changed")
    options = parser.parse_args()
    start = time.monotonic()
    STATE.mkdir(parents=True, exist_ok=True)
    try:
        with (STATE / "provision.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ensure_keys()
            now = digest()
            figures: dict[str, Any] = {}
            changed = options.force or not up_to_date(now)
            if changed:
                with contextlib.redirect_stdout(sys.stderr):  # migrations print; stdout is for our one line
                    figures = provision()
                marker = {"digest": now, "assets": _uuids(assemble.bundle())}
                write_private(MARKER, json.dumps(marker, indent=1) + "\n")
            seconds = round(time.monotonic() - start, 1)
            say(f"ready in {seconds} s" if changed else "nothing changed")
            report = {"changed": changed, "digest": now, "users_file": str(USERS), **figures, "seconds": seconds}
            sys.stdout.write(json.dumps(report) + "\n")
    except (ProvisionError, assemble.AssetError) as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
