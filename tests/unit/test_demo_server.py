"""The stand-in's systems over HTTP: what they want, what they give, and that they end."""

import stat

import pytest
import requests

from demo.server import serve


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets") / "new"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PDS_TOKEN", "MARKET_KEY"):
            patch.delenv(f"BRAIN_SECRET_{name}", raising=False)
        with serve(0, seed=1, scale=0.1, secrets_dir=folder) as server:
            server.folder = folder
            yield server


def get(city, path, **headers):
    return requests.get(city.url + path, headers=headers, timeout=10)


def test_secrets_are_made_once_and_for_the_owner_only(city):
    path = city.folder / "PDS_TOKEN"
    token = path.read_text().strip()
    assert len(token) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with serve(0, seed=1, scale=0.1, secrets_dir=city.folder) as other:
        assert other.tokens == city.tokens == {"PDS_TOKEN": token, "MARKET_KEY": other.tokens["MARKET_KEY"]}


@pytest.mark.parametrize("path", ["/pds/api/v1/projects", "/pds/api/v1/talents", "/market/institutions"])
def test_no_token_no_records(city, path):
    assert get(city, path).status_code == 401
    assert get(city, path, Authorization="Bearer wrong", **{"X-Api-Key": "wrong"}).status_code == 401


@pytest.mark.parametrize(
    "path", ["/carriers/platforms?offset=-1", "/carriers/platforms?limit=0", "/integrity/cases?page=x"]
)
def test_impossible_requests(city, path):
    assert get(city, path).status_code == 400


def test_a_cursor_cannot_be_made_up(city):
    key = {"X-Api-Key": city.tokens["MARKET_KEY"]}
    following = get(city, "/market/institutions?limit=10", **key).json()["page"]["next"]
    assert get(city, f"/market/institutions?limit=10&cursor={following}", **key).status_code == 200
    for made_up in ("10", "AAAAAAAAAAAAAAAK", following[:-2] + "AA"):
        assert get(city, f"/market/institutions?cursor={made_up}", **key).status_code == 400


def test_updated_since_is_inclusive(city):
    token = {"Authorization": f"Bearer {city.tokens['PDS_TOKEN']}"}
    rows = get(city, "/pds/api/v1/projects?size=1000", **token).json()["data"]["items"]
    middle = sorted(r["updatedAt"] for r in rows)[len(rows) // 2]
    data = get(city, f"/pds/api/v1/projects?size=1000&updated_since={middle}", **token).json()["data"]
    assert data["items"] == [r for r in rows if r["updatedAt"] >= middle]
    assert data["total"] == len(data["items"])


def test_unknown_paths(city):
    assert get(city, "/").status_code == 404
    assert get(city, "/health").json()["status"] == "ok"


def test_a_taken_port_is_an_error_and_a_closed_one_is_free(tmp_path):
    first = serve(0, scale=0.1, secrets_dir=tmp_path)
    port = first.server_address[1]
    with pytest.raises(OSError, match="in use"):
        serve(port, scale=0.1, secrets_dir=tmp_path)
    first.close()
    serve(port, scale=0.1, secrets_dir=tmp_path).close()
