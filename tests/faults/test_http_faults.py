"""Every fault of the demo city against the source files as they stand: complete data, or one clear error."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from brain.errors import FetchError
from brain.settings import ROOT, Settings
from demo.server import serve
from ingest.contract import load_sources
from ingest.fetch import FetchContext, Payload
from ingest.fetch import http as http_module
from ingest.fetch.body import decode_body
from ingest.fetch.http import fetch_http
from ingest.fetch.paging import SourceMovedError

TALENTS = ("pds", "talents")  # page numbers behind a login
CONTRACTS = ("market", "contracts")  # a cursor and a key
PLEDGES = ("integrity", "pledges")  # links and signatures
REPORTS = ("reports", "oai")
PAGED = (TALENTS, CONTRACTS, PLEDGES)
PATHS = {TALENTS: "/pds/api", CONTRACTS: "/market", PLEDGES: "/integrity", REPORTS: "/reports"}
ROWS = 40  # asked for on a page, so that a small city has some pages


@pytest.fixture
def city(tmp_path: Path, monkeypatch):
    """`city(faults...)` fetches a server of a source file from a city with these faults."""
    monkeypatch.setattr(http_module, "BACKOFF_SECONDS", 0.01)

    def fetch(where: tuple[str, str], *faults: str, deadline: float | None = None) -> tuple[list[Payload], list[str]]:
        scale = 0.3 if where == REPORTS else 0.1  # the repository says how long its pages are
        with serve(0, seed=3, scale=scale, secrets_dir=tmp_path, faults=faults) as server:
            env = {"BRAIN_DEMO_URL": server.url, "BRAIN_SECRETS": str(tmp_path), "BRAIN_HOME": str(tmp_path / "var")}
            settings = Settings.from_env({k: v for k, v in os.environ.items() if not k.startswith("BRAIN_")} | env)
            source = load_sources(settings)[where[0]]
            one = next(s for s in source.servers if s.name == where[1])
            if one.paging.size_param:
                one = replace(one, paging=replace(one.paging, size=ROWS))
            given = {"perSecond": 0} | ({} if deadline is None else {"deadlineSeconds": deadline})
            one = replace(one, limits=tuple({**dict(one.limits), **given}.items()))
            try:
                payloads = list(fetch_http(one, FetchContext(settings, source)))
                return payloads, [r for r in server.requests if r.startswith(PATHS[where])]
            except FetchError as e:
                for secret in server.tokens.values():
                    assert secret not in f"{e}{e.__cause__}{e.__context__}", "a secret stands in an error"
                assert e.hint, "the error does not say what to do"
                assert str(e).startswith(f"{where[0]}/{where[1]}: ")
                raise

    return fetch


def rows(page: bytes) -> bytes:
    """A page without what differs from server to server: its port, its tokens, its time."""
    return re.sub(rb'"next":.*|<responseDate>.*?</request>|<resumptionToken.*', b"", page)


def contents(payloads: list[Payload]) -> list[bytes]:
    return [decode_body(p.body, p.headers.get("Content-Encoding"), 1 << 28, 200) for p in payloads]


@pytest.mark.parametrize("where", [*PAGED, REPORTS])
def test_without_faults_everything_comes(city, where):
    payloads, requests = city(where)
    assert len(payloads) == len(requests) > 2


@pytest.mark.parametrize(
    "fault", ["500", "429", "429-date", "reset", "short-body", "truncated-gzip", "half-page", "empty", "html"]
)
@pytest.mark.parametrize("where", [*PAGED, REPORTS])
def test_what_passes_is_mended(city, where, fault):
    """One strike in the middle of the walk: tried again, and nothing is missing or twice."""
    clean, _ = city(where)
    mended, requests = city(where, f"{fault}:{PATHS[where]}@2")
    assert [rows(b) for b in contents(mended)] == [rows(b) for b in contents(clean)]
    assert len(requests) == len(clean) + 1


@pytest.mark.parametrize("fault", ["401", "tokens-dropped"])
def test_a_token_that_ends_in_mid_walk_is_renewed(city, fault):
    clean, _ = city(TALENTS)
    mended, requests = city(TALENTS, f"{fault}:{PATHS[TALENTS]}@3")
    assert contents(mended) == contents(clean)
    assert len(requests) == len(clean) + 1


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("500", r"answers 500 \(6 tries\)"),
        ("429-long", "waiting 86,400 s would pass the deadline"),
        ("401", r"refuses a token that its login has just handed out \(401\)"),
        ("reset", r"breaks off in the middle of a body \(connection reset\)"),
        ("short-body", "breaks off in the middle of a body|announced .* bytes and sent"),
        ("truncated-gzip", "the compressed body is cut off"),
        ("half-page", "the page is not the promised JSON"),
        ("empty", "answers 200 with an empty body"),
        ("html", "the page is not the promised JSON"),
        ("gzip-bomb", "unpacks to more than"),
        ("same-page", "repeats an earlier page"),
        ("redirect-away", r"leads to http://elsewhere\.example, away from the source"),
        ("redirect-here", "more than 5 redirects"),
    ],
)
def test_what_stays_is_a_clear_error(city, fault, complaint):
    with pytest.raises(FetchError, match=complaint):
        city(TALENTS, f"{fault}:{PATHS[TALENTS]}@2x0")


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        (CONTRACTS, r"refuses the secret MARKET_KEY \(401\)"),
        (PLEDGES, r"refuses the signature made with \w+ and \w+ \(401\)"),
        (REPORTS, r"answers 401"),
    ],
)
def test_a_refusal_that_stays(city, where, complaint):
    with pytest.raises(FetchError, match=complaint):
        city(where, f"401:{PATHS[where]}@2x0")


@pytest.mark.parametrize("where", [CONTRACTS, PLEDGES])
def test_a_pointer_in_a_circle(city, where):
    with pytest.raises(FetchError, match=r"given before|repeats an earlier page"):
        city(where, "same-cursor@2x0")


def test_a_next_link_to_another_host(city):
    with pytest.raises(FetchError, match=r"the link to the next page leads to http://elsewhere\.example, away"):
        city(PLEDGES, "foreign-next@2")


@pytest.mark.parametrize("where", PAGED)
def test_a_total_that_moves_says_so(city, where):
    with pytest.raises(SourceMovedError, match=r"the declared total moved from .* on page 2"):
        city(where, f"moving-total:{PATHS[where]}@2")


@pytest.mark.parametrize("where", PAGED)
def test_a_wrong_total_is_found(city, where):
    with pytest.raises(FetchError, match=r"[0-9,]+ records are declared, [0-9,]+ came on [0-9]+ pages"):
        city(where, "wrong-totalx0")


def test_slow_bytes_do_not_outlast_the_deadline(city):
    # every byte comes well within the read timeout of 30 s; only the deadline of the whole fetch ends this
    payloads, _ = city(CONTRACTS, deadline=3)
    assert max(len(p.body) for p in payloads) * 0.02 > 3 * 2, "the slow body alone takes longer than the deadline"
    with pytest.raises(FetchError, match="not done within 3 s"):
        city(CONTRACTS, "slow", deadline=3)


@pytest.mark.parametrize("where", [TALENTS, PLEDGES])
@pytest.mark.parametrize("fault", ["overlap", "lost-row"])
def test_pages_that_shift_leave_no_gap(house, monkeypatch, where, fault):
    """The total stays, so nothing but the repeated records tells: all of it is read once more."""
    monkeypatch.setattr("expectations.arrival.check_batch", lambda *_: [])
    document = yaml.safe_load((ROOT / "ingest/sources" / f"{where[0]}.odcs.yaml").read_text())
    [server] = [s for s in document["servers"] if s["server"] == where[1]]
    properties = {p["property"]: p for p in server["customProperties"]}
    properties["paging"]["value"]["size"] = ROWS
    document["servers"] = [server | {"environment": "open"}]
    document["schema"] = [r for r in document["schema"] if r["name"] in properties["records"]["value"]]
    house.write(document)

    def ingest(*faults: str) -> tuple[Any, list[str]]:
        said: list[str] = []
        with serve(0, seed=3, scale=0.1, secrets_dir=house.settings.secrets, faults=faults) as city:
            monkeypatch.setenv("BRAIN_DEMO_URL", city.url)
            house.settings = replace(house.settings, demo_url=city.url)
            [batch] = house.ingest(where[0], full=True, progress=said.append)
        return batch, [line for line in said if "once more" in line]

    shifted, told = ingest(f"{fault}:{PATHS[where]}@3")
    assert len(told) == 1 and "came on more than one page" in told[0]
    clean, _ = ingest()
    assert (clean.received, clean.new) == (shifted.received, 0), "the first one left nothing out"
