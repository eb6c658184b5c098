"""What every test may ask for.

| fixture | what |
|---|---|
| `house` | a house of its own: `house.settings`; helpers to write a tiny contract, drop files, ingest, look into raw |
| `new_house` | makes such houses, for tests that need more than one |
| `open_gate` | switches the arrival gate off, for tests that are not about it (its engine takes seconds to import) |
| `postgresql` | a PostgreSQL server of its own, from Debian's package; `create` makes a database with a reader |
| `drop` | the folder of real files, `../shared/data` beside the checkout |
| `open_home` | Settings: all open sources ingested once per session. Read only |
| `release_home` | Settings: a copy of it, built, checked and published once per session. Read only |
| `copy_home` | copies such a home for a test that changes it |

Nothing of the real files may be missing in CI (`CI=true`): there a test fails where elsewhere it is skipped.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import hypothesis
import pytest
import yaml

from brain.settings import ROOT, Settings

DROP = ROOT.parent / "shared" / "data"
OPEN_SOURCES = (
    "academicians",
    "listed_companies",
    "moe",
    "nsfc",
    "nssfc",
    "retraction_watch",
    "ror",
    "ror_laboratories",
    "statistics",
)
Field = dict[str, Any]

# Nothing is timed, nothing is kept between runs, and CI draws the same examples every time. Fixtures that a property
# test shares between its examples make things (`new_house`) or switch them off (`open_gate`); they hold no state.
_shared = [hypothesis.HealthCheck.function_scoped_fixture]
hypothesis.settings.register_profile("house", deadline=None, database=None, suppress_health_check=_shared)
hypothesis.settings.register_profile("ci", hypothesis.settings.get_profile("house"), derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "house")


def make_settings(
    root: Path, *, profile: str = "open", drop: Path | None = None, sources: Path | None = None
) -> Settings:
    """Settings of a house below `root` that shares nothing with any other."""
    env = {
        "BRAIN_HOME": str(root / "var"),
        "BRAIN_SECRETS": str(root / "secrets"),
        "BRAIN_SOURCES": str(sources or ROOT / "ingest/sources"),
        "BRAIN_PROFILE": profile,
    }
    return Settings.from_env(env | ({"BRAIN_DROP": str(drop)} if drop else {}))


def _properties(given: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in given.items()]


class House:
    """A house of its own with one small source at a time; `toy` by default, a CSV snapshot keyed by `id`."""

    def __init__(self, root: Path, profile: str = "open"):
        self.root = root
        self.sources = root / "sources"
        self.dropped = root / "drop"
        self.sources.mkdir(parents=True)
        self.dropped.mkdir()
        self.settings = make_settings(root, profile=profile, drop=self.dropped, sources=self.sources)

    @staticmethod
    def field(
        name: str, type_: str = "string", *, key: int | None = None, props: dict[str, Any] | None = None, **more: Any
    ) -> Field:
        """One property. `key`: position in the key; `props`: custom properties; `more`: the standard's own."""
        found: Field = {
            "name": name,
            "logicalType": type_,
            "businessName": f"{name}标签",
            "description": f"The {name}.",
            "classification": "public",
            **more,
        }
        if key:
            found |= {"primaryKey": True, "primaryKeyPosition": key}
        return found | ({"customProperties": _properties(props)} if props else {})

    @classmethod
    def record(cls, name: str, fields: Iterable[Field], *, delivery: str = "snapshot", **props: Any) -> dict[str, Any]:
        """One record type; `props` are its custom properties."""
        given = {"class": "project", "delivery": delivery, "keyNote": "declared unique; no collision measured", **props}
        return {
            "name": name,
            "logicalType": "object",
            "businessName": f"{name}标签",
            "properties": list(fields),
            "customProperties": _properties(given),
        }

    @classmethod
    def server(
        cls, path: str = "*.csv", format_: str = "csv", *, name: str = "files", encoding: str = "utf-8", **props: Any
    ) -> dict[str, Any]:
        """One file pattern; the as-of date is what stands before the file's ending (`list_2026-01-31.csv`)."""
        given = {"asOf": r"(\d{4}-\d{2}-\d{2})\.", **props}
        return {
            "server": name,
            "type": "local",
            "environment": "open",
            "path": path,
            "format": format_,
            "encoding": encoding,
            "customProperties": _properties({k: v for k, v in given.items() if v is not None}),
        }

    def contract(
        self,
        fields: Iterable[Field] | None = None,
        *,
        name: str = "toy",
        records: list[dict[str, Any]] | None = None,
        servers: list[dict[str, Any]] | None = None,
        version: str = "1.0.0",
        **record: Any,
    ) -> Path:
        """Write a source file; without `fields` and `records` a record `thing` with the key `id` and a `title`."""
        if records is None:
            fields = [self.field("id", key=1), self.field("title")] if fields is None else fields
            records = [self.record("thing", fields, **record)]
        return self.write(
            {
                "apiVersion": "v3.2.0",
                "kind": "DataContract",
                "id": name,
                "name": f"{name}来源",
                "version": version,
                "status": "active",
                "domain": "project",
                "servers": servers or [self.server()],
                "schema": records,
                "slaProperties": [{"property": "freshness", "value": 24, "unit": "h"}],
            }
        )

    def write(self, document: dict[str, Any]) -> Path:
        path = self.sources / f"{document['id']}.odcs.yaml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path

    def deliver(self, name: str, content: str | bytes) -> Path:
        """Put one file into the drop."""
        path = self.dropped / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def undeliver(self, name: str) -> None:
        """Take a file out of the drop again."""
        (self.dropped / name).unlink()

    def ingest(self, name: str = "toy", **how: Any) -> list[Any]:
        """Batches of one run."""
        from ingest.run import ingest_source

        return ingest_source(self.settings, name, **how)

    def entries(self, kind: str | None = None) -> list[Any]:
        """Entries of the ledger, in order."""
        from ingest.ledger import Ledger

        return [e for e in Ledger(self.settings).entries() if kind in (None, e.kind)]

    def versions(
        self, columns: str = "*", record: str = "thing", name: str = "toy", where: str = "true"
    ) -> list[dict[str, Any]]:
        """Rows of `raw.<source>__<record>`, by record id and version."""
        from ingest.contract import load_sources
        from ingest.ledger import Ledger, live_entries
        from ingest.raw import relation_sql

        rec = load_sources(self.settings)[name].record(record)
        live = live_entries(Ledger(self.settings).entries(name, record))
        files = [self.settings.home / f["path"] for e in live for f in e.data["raw"]]
        with duckdb.connect() as con:
            found = con.execute(
                f"SELECT {columns} FROM ({relation_sql(rec, files)}) WHERE {where} ORDER BY _record_id, _version"
            )
            names = [d[0] for d in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def current(self, columns: str = "*", record: str = "thing", name: str = "toy") -> list[dict[str, Any]]:
        """The rows that staging sees: current and not withdrawn."""
        return self.versions(columns, record, name, "_is_current AND NOT _is_withdrawn")

    def refused(self) -> list[dict[str, Any]]:
        """What lies in quarantine, newest batch first."""
        from ingest.quarantine import list_items

        return list_items(self.settings)


@dataclass(frozen=True)
class PostgreSQL:
    """A running server on loopback. `password`: of its one superuser `owner`."""

    port: int
    password: str

    def run(self, database: str, *statements: str) -> list[tuple]:
        """Execute as the owner, each by itself; rows of the last."""
        import psycopg2

        con = psycopg2.connect(host="127.0.0.1", port=self.port, dbname=database, user="owner", password=self.password)
        con.autocommit = True
        try:
            with con.cursor() as cursor:
                for s in statements:
                    cursor.execute(s)
                return cursor.fetchall() if cursor.description else []
        finally:
            con.close()

    def create(self, database: str, reader: str, password: str, *statements: str) -> None:
        """A database and a login that may read what lies there at the end."""
        self.run("postgres", f'create database "{database}"', f"create role \"{reader}\" login password '{password}'")
        self.run(database, *statements, f'grant select on all tables in schema public to "{reader}"')


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server of Debian's package `postgresql` in a folder of its own, ended by its process id."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        reason = "PostgreSQL is not installed (Debian package postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; in CI nothing is skipped for want of it")
        pytest.skip(reason)
    programs = found[-1].parent
    # the server refuses to be run by root; the package has made a user for it
    who: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        secret = secrets.token_hex(8)
        (folder / "password").write_text(secret)
        if who:
            shutil.chown(folder, "postgres", "postgres")
            shutil.chown(folder / "password", "postgres", "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        make = [programs / "initdb", "-D", folder / "data", "-U", "owner", f"--pwfile={folder}/password"]
        make += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(make, check=True, capture_output=True, cwd=folder, **who)
        run = [programs / "postgres", "-D", folder / "data", "-k", folder, "-h", "127.0.0.1", "-p", str(port), "-F"]
        with open(folder / "log", "wb") as log:
            server = subprocess.Popen(run, stdout=log, stderr=log, cwd=folder, **who)
        try:
            ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
            while subprocess.run(ready).returncode:
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
            yield PostgreSQL(port, secret)
        finally:
            server.send_signal(signal.SIGINT)  # ends connections, then itself
            server.wait(timeout=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A test that forgets its settings must not find the checkout's own state."""
    for name in [n for n in os.environ if n.startswith("BRAIN_")]:
        monkeypatch.delenv(name)
    nowhere = tmp_path_factory.getbasetemp() / "nowhere"
    monkeypatch.setenv("BRAIN_HOME", str(nowhere / "var"))
    monkeypatch.setenv("BRAIN_SECRETS", str(nowhere / "secrets"))


@pytest.fixture(scope="session")
def new_house(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., House]:
    """Makes houses; each call gives an empty one."""
    return lambda **how: House(tmp_path_factory.mktemp("house"), **how)


@pytest.fixture
def house(new_house: Callable[..., House]) -> House:
    """One empty house."""
    return new_house()


@pytest.fixture
def settings(house: House) -> Settings:
    """Settings of one empty house."""
    return house.settings


@pytest.fixture
def open_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """No arrival rule judges the batches of this test."""
    monkeypatch.setattr("expectations.arrival.check_batch", lambda *_: [])


@pytest.fixture(scope="session")
def drop() -> Path:
    """The folder of real files."""
    if not DROP.is_dir():
        reason = f"the real files are not at {DROP}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; in CI nothing is skipped for want of them")
        pytest.skip(reason)
    return DROP


@pytest.fixture(scope="session")
def open_home(drop: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """All open sources, ingested through the arrival gate. Read only: ask `copy_home` for one to change."""
    from ingest.run import ingest_source

    settings = make_settings(tmp_path_factory.mktemp("open"), drop=drop)
    for name in OPEN_SOURCES:
        ingest_source(settings, name)
    return settings


@pytest.fixture(scope="session")
def release_home(open_home: Settings, copy_home: Callable[[Settings], Settings]) -> Settings:
    """The real files as a release: built, checked, published. Read only."""
    from expectations.release import check_release
    from warehouse.build import build
    from warehouse.publish import publish

    settings = copy_home(open_home)
    build(settings)
    held = [c for c in check_release(settings) if c.holds]
    assert not held, f"the release gate holds the real files: {held}"
    publish(settings)
    return settings


@pytest.fixture(scope="session")
def copy_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Settings], Settings]:
    """Copies a home with its keys (about 0.1 s per 100 MB), so that a test may change it."""

    def copy(settings: Settings) -> Settings:
        root = tmp_path_factory.mktemp("copy")
        shutil.copytree(settings.home, root / "var", symlinks=True)
        shutil.copytree(settings.secrets, root / "secrets")
        return replace(settings, home=root / "var", secrets=root / "secrets")

    return copy
