"""Settings come from the environment; every path of the state derives from them.

| variable | meaning | default |
|---|---|---|
| `BRAIN_HOME` | all state | `./var` |
| `BRAIN_SECRETS` | keys and passwords (0700) | `./.secrets` |
| `BRAIN_SOURCES` | folders of source files, `:`-separated | `ingest/sources` |
| `BRAIN_DROP` | root of file drops | none; profile `demo`: `<BRAIN_HOME>/demo/drop` |
| `BRAIN_PROFILE` | `demo` (the stand-in city) or `open` (public sources) | `demo` |
| `BRAIN_DEMO_URL`, `BRAIN_DEMO_PORT` | where the stand-in city answers | `http://127.0.0.1:8790` |
| `BRAIN_DEMO_DATABASE` | its database (SQLAlchemy, no password) | `sqlite:///<BRAIN_HOME>/demo/finance.sqlite` |
| `BRAIN_AIRFLOW_PORT`, `BRAIN_SUPERSET_PORT` | ports of the services | `8080`, `8088` |
| `BRAIN_AS_OF` | the day (ISO) that every rule takes for today | the stand-in city's day, or the newest batch's |
| `BRAIN_WEBHOOK` | address that alerts are posted to as JSON (channel `json`) | none |
| `BRAIN_ALERTS` | channels told of alerts, `,`-separated: `json`, `wecom:serious` (the least severity), … | none |
| `BRAIN_ALERTS_AUDIT` | the same for integrity alerts, which only auditors may see | none |
| `BRAIN_SMTP`, `BRAIN_ALERT_MAIL` | mail server (`smtps://user@host:465`) and `,`-separated addresses | none |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from brain.errors import BrainError

ROOT = Path(__file__).resolve().parent.parent
PROFILES = ("demo", "open")
PROFILE_LABELS = {"demo": "演示数据", "open": "公开数据"}
ALERT_CHANNELS = ("json", "wecom", "dingtalk", "feishu", "mail")
ALERT_SEVERITIES = ("notice", "warning", "serious", "critical")


@dataclass(frozen=True)
class Settings:
    """Where things lie and which sources count. All paths are absolute."""

    home: Path
    secrets: Path
    source_dirs: tuple[Path, ...]
    drop: Path | None
    profile: str
    demo_url: str
    demo_port: int
    demo_database: str
    airflow_port: int
    superset_port: int
    webhook: str | None
    as_of: date | None = None
    alerts: tuple[str, ...] = ()
    alerts_audit: tuple[str, ...] = ()
    smtp: str | None = None
    alert_mail: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; raises BrainError naming the variable that cannot be used."""
        env = os.environ if env is None else env

        def path(name: str, default: Path) -> Path:
            found = Path(env.get(name) or default).expanduser().resolve()
            if "'" in str(found):
                raise BrainError(f"{name} names a folder with a quotation mark in it", "choose another folder")
            return found

        def port(name: str, default: int) -> int:
            text = env.get(name) or str(default)
            if not text.isdigit() or not 0 < int(text) < 65536:
                raise BrainError(f"{name} is not a port number", "give a number from 1 to 65535")
            return int(text)

        def day(name: str) -> date | None:
            try:
                return date.fromisoformat(env[name]) if env.get(name) else None
            except ValueError:
                raise BrainError(f"{name} is not a day", "give it as 2026-06-30") from None

        def names(name: str) -> tuple[str, ...]:
            return tuple(dict.fromkeys(n.strip() for n in (env.get(name) or "").split(",") if n.strip()))

        for variable in ("BRAIN_ALERTS", "BRAIN_ALERTS_AUDIT"):
            for name, _, least in (n.partition(":") for n in names(variable)):
                if name not in ALERT_CHANNELS:
                    raise BrainError(f"{variable} names no channel: {name}", f"use {', '.join(ALERT_CHANNELS)}")
                if least and least not in ALERT_SEVERITIES:
                    raise BrainError(f"{variable} names no severity: {least}", f"use {', '.join(ALERT_SEVERITIES)}")
        profile = env.get("BRAIN_PROFILE") or "demo"
        if profile not in PROFILES:
            raise BrainError(f"BRAIN_PROFILE={profile} is unknown", f"use one of: {', '.join(PROFILES)}")
        home = path("BRAIN_HOME", ROOT / "var")
        drop = path("BRAIN_DROP", ROOT) if env.get("BRAIN_DROP") else None
        if drop is not None and not drop.is_dir():
            raise BrainError(f"BRAIN_DROP={drop} is no folder", "point it at the root of the file drops")
        if drop is None and profile == "demo":  # the stand-in city makes it
            drop = home / "demo" / "drop"
        sources = env.get("BRAIN_SOURCES")
        dirs = (
            [Path(d).expanduser().resolve() for d in sources.split(":") if d] if sources else [ROOT / "ingest/sources"]
        )
        demo_port = port("BRAIN_DEMO_PORT", 8790)
        return cls(
            home=home,
            secrets=path("BRAIN_SECRETS", ROOT / ".secrets"),
            source_dirs=tuple(dirs),
            drop=drop,
            profile=profile,
            demo_url=(env.get("BRAIN_DEMO_URL") or f"http://127.0.0.1:{demo_port}").rstrip("/"),
            demo_port=demo_port,
            demo_database=env.get("BRAIN_DEMO_DATABASE") or f"sqlite:///{home / 'demo' / 'finance.sqlite'}",
            airflow_port=port("BRAIN_AIRFLOW_PORT", 8080),
            superset_port=port("BRAIN_SUPERSET_PORT", 8088),
            webhook=env.get("BRAIN_WEBHOOK") or None,
            as_of=day("BRAIN_AS_OF"),
            alerts=names("BRAIN_ALERTS"),
            alerts_audit=names("BRAIN_ALERTS_AUDIT"),
            smtp=env.get("BRAIN_SMTP") or None,
            alert_mail=names("BRAIN_ALERT_MAIL"),
        )

    def environ(self) -> dict[str, str]:
        """The same settings as environment variables, for child processes."""
        env = {
            "BRAIN_HOME": str(self.home),
            "BRAIN_SECRETS": str(self.secrets),
            "BRAIN_SOURCES": ":".join(map(str, self.source_dirs)),
            "BRAIN_PROFILE": self.profile,
            "BRAIN_DEMO_URL": self.demo_url,
            "BRAIN_DEMO_PORT": str(self.demo_port),
            "BRAIN_DEMO_DATABASE": self.demo_database,
            "BRAIN_AIRFLOW_PORT": str(self.airflow_port),
            "BRAIN_SUPERSET_PORT": str(self.superset_port),
        }
        if self.drop and self.drop != self.demo_drop:  # a folder that is given must exist
            env["BRAIN_DROP"] = str(self.drop)
        if self.webhook:
            env["BRAIN_WEBHOOK"] = self.webhook
        if self.as_of:
            env["BRAIN_AS_OF"] = self.as_of.isoformat()
        given = {
            "BRAIN_ALERTS": self.alerts,
            "BRAIN_ALERTS_AUDIT": self.alerts_audit,
            "BRAIN_ALERT_MAIL": self.alert_mail,
        }
        env |= {name: ",".join(values) for name, values in given.items() if values}
        if self.smtp:
            env["BRAIN_SMTP"] = self.smtp
        return env

    @property
    def profile_label(self) -> str:
        """The mark every dashboard carries: 演示数据 over the stand-in city."""
        return PROFILE_LABELS[self.profile]

    @property
    def demo_drop(self) -> Path:
        """Where the stand-in city drops its files; it writes into no other folder."""
        return self.home / "demo" / "drop"

    @property
    def demo_calendar(self) -> Path:
        """JSON that says as `today` how far the stand-in city's time has come; its rules count from that day."""
        return self.home / "demo" / "city.json"

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def raw(self) -> Path:
        return self.home / "raw"

    @property
    def quarantine(self) -> Path:
        return self.home / "quarantine"

    @property
    def hashes(self) -> Path:
        return self.home / "hashes"

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def journal(self) -> Path:
        return self.home / "journal"

    @property
    def ledger_path(self) -> Path:
        return self.home / "ledger" / "ledger.sqlite"

    @property
    def warehouse_dir(self) -> Path:
        return self.home / "warehouse"

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def current(self) -> Path:
        return self.home / "current"

    @property
    def run_dir(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"
