"""Settings: the environment decides, what cannot be used is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from brain.errors import BrainError
from brain.settings import ROOT, Settings


def test_defaults_lie_in_the_checkout():
    s = Settings.from_env({})
    assert (s.home, s.secrets, s.source_dirs) == (ROOT / "var", ROOT / ".secrets", (ROOT / "ingest/sources",))
    assert (s.profile, s.drop, s.webhook) == ("demo", ROOT / "var/demo/drop", None)
    assert s.demo_database == f"sqlite:///{ROOT}/var/demo/finance.sqlite"
    assert (s.airflow_port, s.superset_port, s.demo_port) == (8080, 8088, 8790)


def test_every_part_of_the_state_lies_below_home(tmp_path: Path):
    s = Settings.from_env({"BRAIN_HOME": str(tmp_path)})
    parts = [
        "landing",
        "raw",
        "quarantine",
        "hashes",
        "work",
        "journal",
        "warehouse_dir",
        "releases",
        "current",
        "logs",
    ]
    assert all(getattr(s, p).parent == tmp_path for p in parts)
    assert s.ledger_path.is_relative_to(tmp_path)


def test_folders_of_sources_are_separated_by_colons(tmp_path: Path):
    s = Settings.from_env({"BRAIN_SOURCES": f"{tmp_path}/a:{tmp_path}/b"})
    assert s.source_dirs == (tmp_path / "a", tmp_path / "b")


def test_a_demo_port_moves_the_demo_address():
    assert Settings.from_env({"BRAIN_DEMO_PORT": "9001"}).demo_url == "http://127.0.0.1:9001"
    given = {"BRAIN_DEMO_PORT": "9001", "BRAIN_DEMO_URL": "http://city.test/"}
    assert Settings.from_env(given).demo_url == "http://city.test"


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"BRAIN_PROFILE": "prod"}, "BRAIN_PROFILE=prod"),
        ({"BRAIN_DROP": "/nowhere/at/all"}, "BRAIN_DROP=/nowhere/at/all"),
        ({"BRAIN_HOME": "/tmp/it's mine"}, "BRAIN_HOME"),  # paths of committed files go into SQL
        ({"BRAIN_AIRFLOW_PORT": "eighty"}, "BRAIN_AIRFLOW_PORT"),
        ({"BRAIN_SUPERSET_PORT": "0"}, "BRAIN_SUPERSET_PORT"),
        ({"BRAIN_DEMO_PORT": "65536"}, "BRAIN_DEMO_PORT"),
        ({"BRAIN_AS_OF": "30.6.2026"}, "BRAIN_AS_OF"),
        ({"BRAIN_ALERTS": "wecom,fax"}, "fax"),
        ({"BRAIN_ALERTS_AUDIT": "mail:loud"}, "loud"),
    ],
)
def test_what_cannot_be_used_is_named(env: dict[str, str], named: str):
    with pytest.raises(BrainError) as e:
        Settings.from_env(env)
    assert named in e.value.message and e.value.hint


def test_a_child_process_gets_the_same_settings(tmp_path: Path):
    env = {
        "BRAIN_HOME": str(tmp_path / "home"),
        "BRAIN_SECRETS": str(tmp_path / "keys"),
        "BRAIN_SOURCES": f"{tmp_path}/a:{tmp_path}/b",
        "BRAIN_DROP": str(tmp_path),
        "BRAIN_PROFILE": "open",
        "BRAIN_DEMO_URL": "http://127.0.0.1:1",
        "BRAIN_DEMO_PORT": "2",
        "BRAIN_DEMO_DATABASE": "postgresql://reader@127.0.0.1:3/city",
        "BRAIN_AIRFLOW_PORT": "3",
        "BRAIN_SUPERSET_PORT": "4",
        "BRAIN_WEBHOOK": "http://127.0.0.1:5/hook",
        "BRAIN_AS_OF": "2026-06-30",
        "BRAIN_ALERTS": "wecom:serious,mail",
        "BRAIN_ALERTS_AUDIT": "mail",
        "BRAIN_SMTP": "smtps://brain@mail.test:465",
        "BRAIN_ALERT_MAIL": "a@city.test,b@city.test",
    }
    s = Settings.from_env(env)
    assert s.environ() == env
    assert Settings.from_env(s.environ()) == s


def test_the_city_drops_its_files_below_home_unless_told_otherwise(tmp_path: Path):
    """The folder is made when the city first writes: a child must not be refused for want of it."""
    s = Settings.from_env({"BRAIN_HOME": str(tmp_path / "home")})
    assert s.drop == s.demo_drop == tmp_path / "home/demo/drop"
    assert "BRAIN_DROP" not in s.environ() and Settings.from_env(s.environ()) == s
    assert Settings.from_env({"BRAIN_DROP": str(tmp_path)}).drop == tmp_path
    assert Settings.from_env({"BRAIN_PROFILE": "open"}).drop is None


def test_the_demo_profile_is_marked_as_such():
    assert Settings.from_env({}).profile_label == "演示数据"
    assert Settings.from_env({"BRAIN_PROFILE": "open"}).profile_label == "公开数据"
