"""`make docs`: every model and column is described, its origins are right, and no page needs a network."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brain.settings import ROOT
from warehouse import site
from warehouse.content import meta_of
from warehouse.lineage import Lineage

PAGES = ("index.html", "columns.html", "models.html")
# what takes something from elsewhere when a page opens
LOADS = re.compile(r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?([^"' >]+)|<link[^>]*\shref=["']?([^"' >]+)""")
STYLE_LOADS = re.compile(r"""(?:@import\s+|url\()["']?(?!data:|#)([\w:/.][^"')]*)""")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The folder of pages, and the lineage of the manifest that dbt gave for them."""
    kept: dict[str, Any] = {}
    generate = site._generate

    def remember(work: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
        kept["generated"] = generate(work)
        kept["lineage"] = Lineage(json.loads(json.dumps(kept["generated"][0])))
        return kept["generated"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "_generate", remember)
        kept["folder"] = site.make(tmp_path_factory.mktemp("docs") / "site")
    return kept


@pytest.fixture(scope="module")
def lineage(made: dict[str, Any]) -> Lineage:
    return made["lineage"]


def _models(lineage: Lineage) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((n["name"], n) for n in lineage.nodes.values() if n["resource_type"] in ("model", "seed"))


def test_every_model_and_every_column_is_described(lineage: Lineage) -> None:
    silent = [name for name, node in _models(lineage) if not node["description"].strip()]
    silent += [f"{n}.{c}" for n, node in _models(lineage) for c, d in node["columns"].items() if not d["description"]]
    assert silent == []


def test_every_column_that_a_model_yields_is_declared_and_no_other(lineage: Lineage) -> None:
    differing = {
        name: sorted(set(lineage.columns(name)) ^ set(node["columns"]))
        for name, node in _models(lineage)
        if set(lineage.columns(name)) != set(node["columns"])
    }
    assert differing == {}


def test_every_mart_and_every_column_of_a_model_has_a_label(lineage: Lineage) -> None:
    bare = [name for name in site.served(lineage) if not meta_of(lineage.nodes[name]).get("label")]
    for name, node in _models(lineage):
        if node["resource_type"] == "model":  # seeds are read by those who keep the rules, in English
            bare += [f"{name}.{c}" for c, d in node["columns"].items() if not meta_of(d).get("label")]
    assert bare == []


@pytest.mark.parametrize(
    ("mart", "column", "origins"),
    [
        ("fct_contracts", "net_cny", "market__contract.amount_wan_cny market__contract.cancelled_date"),
        ("fct_contracts", "title", "market__contract.title"),
        ("fct_enterprise_ladder", "revenue_cny", "enterprises__firm_year.revenue_wan_cny"),
        ("fct_platform_use", "external_share", "carriers__platform.external_hours carriers__platform.service_hours"),
        ("fct_project_outcomes", "certificate_number", "nssfc__outcome.certificate_number"),
        ("fct_vouchers", "holder_name", "finance__voucher.holder_name"),
        ("fct_ip_pledges", "pledge_amount_cny", "finance__ip_pledge.amount_wan_cny"),
        ("dim_platforms", "host_institution_id", "int_institution_links.entity_id int_person_links.entity_id"),
        ("audit_batches", "received", "ledger__batches.received"),
        ("fct_projects", "outcome_count", ""),
        ("fct_plan_tasks", "due_date", "statistics__plan_task.due_date"),
        ("record_proofs", "payload_url", "ledger__payloads.url"),
    ],
)
def test_origins_of_columns_are_right(lineage: Lineage, mart: str, column: str, origins: str) -> None:
    assert [str(c) for c in lineage.origins(mart, column)] == origins.split()


def test_every_trail_ends_at_a_field_that_exists(lineage: Lineage) -> None:
    for mart in site.served(lineage):
        for column in lineage.columns(mart):
            for origin in lineage.origins(mart, column):
                assert origin.name in lineage.columns(origin.relation), f"{mart}.{column} from {origin}"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_nothing_to_load_from_elsewhere(made: dict[str, Any], page: str) -> None:
    text = (made["folder"] / page).read_text(encoding="utf-8")
    assert "default-src 'none'" in text[:1000], "a page says itself that it loads nothing"
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    loaded = [a or b for a, b in LOADS.findall(markup)] + STYLE_LOADS.findall(markup)
    assert [address for address in loaded if re.match(r"(https?:)?//", address)] == []
    assert str(ROOT) not in text, "a page tells where it was made"


def test_the_pages_show_columns_and_their_origins(made: dict[str, Any]) -> None:
    text = (made["folder"] / "columns.html").read_text(encoding="utf-8")
    row = re.search(r"<tr><td><code>net_cny</code></td>.*?</tr>", text[text.index('id="fct_contracts"') :], re.S)[0]
    assert "净交易额" in row and "market__contract.amount_wan_cny" in row
    assert "market__contract.amount_wan_cny" in (made["folder"] / "models.html").read_text(encoding="utf-8")


def test_a_browser_opens_every_page_without_a_network(made: dict[str, Any], tmp_path: Path) -> None:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    binaries = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(binaries):
        reason = "chromium and chromedriver are missing: apt-get install chromium chromium-driver fonts-noto-cjk"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    options = Options()
    options.binary_location = binaries[0]
    quiet = "headless no-sandbox disable-gpu no-first-run disable-background-networking disable-dev-shm-usage"
    for flag in [*quiet.split(), "disable-component-update", f"user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(f"--{flag}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(binaries[1]))
    try:
        shown = []
        for page in (*PAGES, "models.html#!/model/model.brain.fct_contracts"):
            driver.get("about:blank")
            driver.get(f"file://{made['folder']}/{page}")
            said = "净交易额" if "#" in page else "dbt" if page == "models.html" else "字段"
            WebDriverWait(driver, 60).until(lambda d, said=said: said in d.page_source and d.title)
            shown.append(driver.title)
        asked = [
            m["params"]["request"]["url"]
            for m in (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
            if m["method"] == "Network.requestWillBeSent"
        ]
    finally:
        driver.quit()
    assert len(shown) == 4
    # what the browser itself shows before the first page is its own
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:", "blob:", "chrome"))] == []
