"""docker-compose.yml: valid by the Compose schema, hardened as it claims. It was never run: this is all its proof."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from brain.settings import ROOT

COMPOSE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    """Every service that stays up or prepares the others; not the one that writes the secrets by hand."""
    return {name: s for name, s in compose["services"].items() if "setup" not in s.get("profiles", [])}


def test_it_is_valid_by_the_compose_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_it_has_the_services_of_production(services: dict[str, Any]) -> None:
    airflow = {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}
    assert airflow | {"airflow-init", "postgres", "superset", "superset-init"} == set(services)


def test_airflow_has_accounts_and_no_sqlite(services: dict[str, Any]) -> None:
    for name in ("airflow-init", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor"):
        env = services[name]["environment"]
        assert env["AIRFLOW__CORE__AUTH_MANAGER"].endswith("fab_auth_manager.FabAuthManager")
        assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"].endswith(" /run/secrets/airflow_database_uri")
        assert env["AIRFLOW__CORE__LOAD_EXAMPLES"] == "false"


def test_every_lasting_service_is_watched_and_comes_back(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name.endswith("-init"):
            assert service["restart"] == "no", name
        else:
            assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
            assert service["restart"] == "unless-stopped", name


def test_nobody_is_root_and_nothing_can_be_gained(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert int(service["user"].split(":")[0]) > 0, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_state_is_one_volume_and_ports_open_on_loopback_only(compose: dict[str, Any], services: dict[str, Any]) -> None:
    assert set(compose["volumes"]) == {"state", "postgres"}
    for name, service in services.items():
        if name != "postgres":
            assert "state:/var/lib/brain" in service["volumes"], name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_passwords_come_from_files_and_none_is_written_down(compose: dict[str, Any], services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert set(service["secrets"]) <= set(compose["secrets"]), name
        for key, value in service["environment"].items():
            if re.search(r"PASSWORD|SECRET|_KEY|CONN|URI|TOKEN", key):
                assert re.fullmatch(r"(sed -z 's/\\n//g' )?/run/secrets(/\w+)?", str(value)), f"{name}: {key}"
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())


def test_only_what_needs_a_key_of_the_data_gets_it(services: dict[str, Any]) -> None:
    keys = {"landing.key", "pseudonym.key", "ledger.key"}
    holders = {name for name, service in services.items() if keys & set(service["secrets"])}
    assert holders == {"airflow-scheduler"}  # LocalExecutor: it runs the tasks


def test_every_secret_named_is_made_once_and_kept(compose: dict[str, Any], tmp_path: Path) -> None:
    def make() -> dict[str, bytes]:
        command = [sys.executable, str(ROOT / "docker/make_secrets.py"), str(tmp_path / "secrets")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return {p.name: p.read_bytes() for p in (tmp_path / "secrets").iterdir()}

    first = make()
    named = {
        Path(s["file"].replace("${BRAIN_SECRETS_DIR:-./secrets}", "secrets")).name for s in compose["secrets"].values()
    }
    assert set(first) == named == set(compose["secrets"])
    assert all((p.stat().st_mode & 0o077) == 0 for p in (tmp_path / "secrets").iterdir())
    values = [v for name, v in first.items() if name not in ("airflow_database_uri", "superset_database_uri")]
    assert len(set(values)) == len(values)
    assert make() == first


@pytest.mark.parametrize("name", ["platform", "superset"])
def test_an_image_installs_with_hashes_and_ends_as_a_plain_user(name: str) -> None:
    text = (ROOT / f"docker/{name}.Dockerfile").read_text(encoding="utf-8")
    assert text.count("--require-hashes") == 2
    assert f"requirements/{name}.txt" in text
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert users[-1:] == ["10001:0"]
    for copied in re.findall(r"^COPY (\S+) ", text, re.MULTILINE):
        assert (ROOT / copied).exists(), copied
