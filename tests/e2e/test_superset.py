"""What officials, auditors and engineers see: Superset itself over a release of the real files, by API and in Chromium.

One Superset for the file, with a home of its own; every number of the page that a test looks at is computed again from
raw Parquet, by SQL that shares nothing with the marts. `BRAIN_SCREENSHOTS=<folder>` keeps what the browser saw.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
import yaml

from brain import processes, services
from brain.settings import ROOT, Settings
from tests.city import BuiltCity, built_city
from warehouse import changes

SCREENSHOTS = os.environ.get("BRAIN_SCREENSHOTS")  # read here: in a test nothing of the outside is left
ROLES = ("official", "auditor", "engineer", "admin")
LATIN_WORD = re.compile(r"[A-Za-z]{3,}")


@dataclass(frozen=True)
class Served:
    """A running Superset: `settings` of its home, `passwords` by user."""

    settings: Settings
    passwords: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.superset_port}"

    def api(self, user: str) -> Api:
        return Api(self.url, user, self.passwords[user])


class Api:
    """Superset's API as one user, with the session and CSRF token a browser would have."""

    def __init__(self, url: str, user: str | None = None, password: str | None = None):
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Referer"] = url  # Superset's CSRF check wants one
        if user:
            page = self("GET", "/login/").text
            token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page).group(1)
            form = {"username": user, "password": password, "csrf_token": token}
            assert self("POST", "/login/", data=form).status_code == 302
            self.http.headers["X-CSRFToken"] = self("GET", "/api/v1/security/csrf_token/").json()["result"]

    def __call__(self, method: str, path: str, **how: Any) -> requests.Response:
        return self.http.request(method, f"{self.url}{path}", timeout=120, allow_redirects=False, **how)

    def listed(self, kind: str, key: str) -> dict[str, int]:
        """Name → id of what this user is shown."""
        answer = self("GET", f"/api/v1/{kind}/?q=(page_size:100)")
        answer.raise_for_status()
        return {entry[key]: entry["id"] for entry in answer.json()["result"]}

    def data(self, dataset: int, format_: str = "json", **query: Any) -> requests.Response:
        body = {
            "datasource": {"id": dataset, "type": "table"},
            "queries": [{"filters": [], "row_limit": 1000, **query}],
            "result_format": format_,
            "result_type": "full",
        }
        return self("POST", "/api/v1/chart/data", json=body)

    def rows(self, dataset: int, **query: Any) -> list[dict[str, Any]]:
        answer = self.data(dataset, **query)
        assert answer.status_code == 200, answer.text[:500]
        return answer.json()["result"][0]["data"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def served(release_home: Settings, copy_home: Callable[[Settings], Settings]) -> Iterator[Served]:
    if not services.SUPERSET_PYTHON.exists():
        reason = f"{services.SUPERSET_PYTHON} is missing: run `make setup`"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    settings = replace(copy_home(release_home), superset_port=_free_port())
    try:
        services.finish_provisioning(settings, services.begin_provisioning(settings), lambda _: None)
        services.start_superset(settings, services.superset_service(settings), lambda _: None)
        lines = (settings.secrets / "superset_users").read_text(encoding="utf-8").splitlines()
        yield Served(settings, dict(line.split("\t")[:2] for line in lines if line and not line.startswith("#")))
    finally:
        processes.stop(settings.run_dir, processes.known(settings.run_dir))


@pytest.fixture(scope="module")
def apis(served: Served) -> dict[str, Api]:
    return {user: served.api(user) for user in ROLES}


@pytest.fixture(scope="module")
def datasets(apis: dict[str, Api]) -> dict[str, int]:
    return apis["admin"].listed("dataset", "table_name")


def raw(settings: Settings, source: str, record: str) -> str:
    """The raw files of one record type, for SQL that knows nothing of dbt."""
    return f"read_parquet('{settings.raw}/{source}/{record}/*/*.parquet')"


# --- the numbers ----------------------------------------------------------------------------------------------------
def numbers_of_raw(settings: Settings) -> dict[str, float]:
    """Four tiles of the overview, from raw: titles are what the page calls them."""
    with duckdb.connect() as con:
        sums = {
            "投了多少钱？": f"SELECT round(sum(amount_wan_cny) / 1e4, 2) FROM {raw(settings, 'nsfc', 'project')}",
            "有多少平台载体？": f"SELECT count(DISTINCT ror_id) FROM {raw(settings, 'ror_laboratories', 'laboratory')}",
            "有多少诚信通报？": f"SELECT count(DISTINCT _record_id) FROM {raw(settings, 'retraction_watch', 'notice')}",
        }
        return {title: con.execute(sql).fetchone()[0] for title, sql in sums.items()}


def test_projects_by_year_equal_raw(served: Served, apis: dict[str, Api], datasets: dict[str, int]) -> None:
    """The bars of «立项逐年是增是减？» for one programme, against the start years in the raw file."""
    shown = apis["official"].rows(
        datasets["fct_projects"],
        columns=["year"],
        metrics=["project_count"],
        filters=[{"col": "source", "op": "==", "val": "nsfc"}],
    )
    with duckdb.connect() as con:
        expected = con.execute(
            f"SELECT left(period, 4), count(*) FROM {raw(served.settings, 'nsfc', 'project')} GROUP BY 1"
        ).fetchall()
    assert {row["year"]: row["project_count"] for row in shown} == dict(expected)
    assert len(expected) > 15


def test_listed_companies_of_shaanxi_equal_the_file(
    served: Served, apis: dict[str, Api], datasets: dict[str, int], drop: Path
) -> None:
    """«陕西的上市企业在哪些行业？», against the file itself."""
    shown = apis["official"].rows(
        datasets["dim_enterprises"],
        columns=["industry"],
        metrics=["enterprise_count"],
        filters=[{"col": "is_shaanxi", "op": "IS TRUE"}, {"col": "listing_status", "op": "==", "val": "在市"}],
    )
    file = drop / "enterprises" / "a_share_stock_basic_2026_utf8bom.csv"
    with duckdb.connect() as con:
        expected = con.execute(
            f"SELECT industry, count(*) FROM read_csv('{file}', all_varchar=true) WHERE area = '陕西' GROUP BY 1"
        ).fetchall()
    assert {row["industry"]: row["enterprise_count"] for row in shown} == dict(expected)


def test_a_typed_word_is_looked_for_inside_names(
    served: Served, apis: dict[str, Api], datasets: dict[str, int]
) -> None:
    """The search box: as its filter asks, against the names in the raw list of schools; what is typed stays a text."""

    def titles(*typed: str) -> set[str]:
        filters = [
            {"col": "class_label", "op": "==", "val": "机构"},
            {"col": "search_text", "op": "IN", "val": list(typed)},
        ]
        rows = apis["official"].rows(datasets["search_entries"], columns=["title"], metrics=[], filters=filters)
        return {row["title"] for row in rows}

    with duckdb.connect() as con:
        names = con.execute(f"SELECT DISTINCT name FROM {raw(served.settings, 'moe', 'institution')}").fetchall()
    schools = {name for (name,) in names if "交通大学" in name}
    found = titles("交通大学")
    assert schools and schools <= found and len(found) < 500
    assert "西安交通大学" in titles("西安 交通大学") < found
    assert titles("西安 交通大学", "没有这样一个名称") == titles("西安 交通大学")
    assert titles("没有这样一个名称") == titles("') OR 1=1 --") == titles("%") == set()


# --- who may see what -----------------------------------------------------------------------------------------------
def test_nobody_reads_anything_without_a_login(served: Served, datasets: dict[str, int]) -> None:
    nobody = Api(served.url)
    assert nobody("GET", "/superset/dashboard/overview/").status_code == 302
    for path in ("/api/v1/dashboard/overview", "/api/v1/dataset/", "/api/v1/chart/", "/api/v1/database/"):
        answer = nobody("GET", path)
        assert answer.status_code in (401, 403, 404) or answer.json().get("count") == 0, path
    assert nobody.data(datasets["release_info"], columns=["release_id"]).status_code in (400, 401, 403)
    body = {"username": "admin", "password": "admin", "provider": "db"}
    assert nobody("POST", "/api/v1/security/login", json=body).status_code == 401


def test_each_role_is_shown_its_own(apis: dict[str, Api]) -> None:
    audit = {"audit", "engineering"}
    official = {path.stem for path in (ROOT / "superset/assets/dashboards").glob("*.yaml")} - audit
    assert set(apis["official"].listed("dashboard", "slug")) == official
    assert set(apis["auditor"].listed("dashboard", "slug")) == official | audit
    assert set(apis["engineer"].listed("dashboard", "slug")) == official | audit
    assert not [name for name in apis["official"].listed("dataset", "table_name") if name.startswith("audit_")]
    assert [name for name in apis["auditor"].listed("dataset", "table_name") if name.startswith("audit_")]


def test_an_official_gets_no_row_of_the_audit_file(apis: dict[str, Api], datasets: dict[str, int]) -> None:
    official = apis["official"]
    audit = {name: number for name, number in datasets.items() if name.startswith("audit_")}
    assert len(audit) >= 6
    for name, number in audit.items():
        assert official.data(number, columns=[], metrics=[{"expressionType": "SQL", "sqlExpression": "COUNT(*)",
                                                           "label": "n"}]).status_code == 403, name  # fmt: skip
        assert official("GET", f"/api/v1/dataset/{number}").status_code in (403, 404), name
        assert official("GET", f"/api/v1/datasource/table/{number}/column/source/values/").status_code == 403, name
        samples = f"/datasource/samples?datasource_type=table&datasource_id={number}&force=false"
        assert official("POST", samples, json={}).status_code == 403, name
    for slug in ("audit", "engineering"):
        for part in ("", "/charts", "/datasets"):
            assert official("GET", f"/api/v1/dashboard/{slug}{part}").status_code in (403, 404), slug


@pytest.mark.parametrize("user", ["official", "auditor"])
def test_only_engineers_have_sql_lab_and_editing(user: str, apis: dict[str, Api], datasets: dict[str, int]) -> None:
    api = apis[user]
    database = next(iter(apis["admin"].listed("database", "database_name").values()))
    query = {"database_id": database, "sql": "select 1", "schema": "main"}
    assert api("POST", "/api/v1/sqllab/execute/", json=query).status_code == 403
    assert api("GET", "/sqllab/").status_code in (302, 403)
    assert api("GET", "/api/v1/database/").status_code == 403
    number = datasets["fct_projects"]
    assert api("PUT", f"/api/v1/dataset/{number}", json={"description": "x"}).status_code == 403
    assert api("POST", "/api/v1/dataset/", json={"database": database, "table_name": "x"}).status_code == 403
    assert api("DELETE", f"/api/v1/dataset/{number}").status_code == 403
    overview = api.listed("dashboard", "slug")["overview"]
    assert api("PUT", f"/api/v1/dashboard/{overview}", json={"css": ""}).status_code == 403
    chart = next(iter(api.listed("chart", "slice_name").values()))
    assert api("PUT", f"/api/v1/chart/{chart}", json={"slice_name": "x"}).status_code == 403
    assert api("GET", "/api/v1/security/users/").status_code == 403


def test_an_engineer_reads_in_sql_lab_and_can_neither_write_nor_reach_out(served: Served, apis: dict[str, Api]) -> None:
    api = apis["engineer"]
    databases = apis["admin"].listed("database", "database_name")

    def run(sql: str, name: str = "科技大脑·公开库") -> requests.Response:
        body = {"database_id": databases[name], "sql": sql, "schema": "main", "runAsync": False}
        return api("POST", "/api/v1/sqllab/execute/", json=body)

    assert run("select count(*) as n from fct_projects").json()["data"][0]["n"] > 50_000
    assert run("select count(*) as n from audit_batches", "科技大脑·审计库").json()["data"][0]["n"] > 8
    elsewhere = served.settings.secrets / "superset_secret_key"
    for sql in (
        "create table t as select 1",
        "delete from fct_projects",
        f"select * from read_text('{elsewhere}')",
        f"select * from '{served.settings.raw}/nsfc/project/*/*.parquet'",
        f"attach '{served.settings.warehouse_dir}/brain.duckdb' as b",
        "copy fct_projects to '/tmp/stolen.csv'",
        "install httpfs",
        "set lock_configuration = false",
        "set memory_limit = '100GB'",
    ):
        answer = run(sql)
        assert answer.status_code != 200, sql
        assert served.passwords["admin"] not in answer.text
    assert not Path("/tmp/stolen.csv").exists()


def test_a_data_set_granted_by_mistake_shows_no_row(served: Served, datasets: dict[str, int]) -> None:
    """The row rule fails closed: only the roles it names read the audit file, whatever else is granted."""
    script = """
import logging; logging.disable(logging.WARNING)
from superset.app import create_app
app = create_app()
with app.app_context():
    from superset import db, security_manager as sm
    from superset.connectors.sqla.models import SqlaTable
    role = sm.add_role("mistake")
    table = db.session.query(SqlaTable).filter_by(table_name="audit_batches").one()
    permissions = list(sm.find_role("官员 Official").permissions)
    permissions.append(sm.add_permission_view_menu("datasource_access", table.perm))
    role.permissions = permissions
    sm.add_user("mistaken", "x", "y", "mistaken@science-brain.invalid", role, password="only-in-this-test")
    db.session.commit()
"""
    done = subprocess.run(
        [str(services.SUPERSET_PYTHON), "-c", script],
        env=services.superset_environment(served.settings),
        cwd=served.settings.home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    mistaken = Api(served.url, "mistaken", "only-in-this-test")
    count = {"expressionType": "SQL", "sqlExpression": "COUNT(*)", "label": "n"}
    assert mistaken.rows(datasets["audit_batches"], columns=[], metrics=[count]) == [{"n": 0}]


# --- exports --------------------------------------------------------------------------------------------------------
FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "＝1+1", "\u200b=1+1", "\u3000=1+1", "\t=1+1", '"=1+1', "|calc"]


@pytest.mark.parametrize("text", FORMULAS)
def test_csv_export_disarms_formulas(text: str, apis: dict[str, Api], datasets: dict[str, int]) -> None:
    column = {"expressionType": "SQL", "label": "x", "sqlExpression": f"'{text}'"}
    answer = apis["engineer"].data(datasets["release_info"], "csv", columns=[column, "release_id"], metrics=[])
    assert answer.status_code == 200, answer.text[:300]
    line = answer.content.decode("utf-8-sig").splitlines()[1].lstrip('"')
    assert line.startswith("'"), line


def test_csv_export_leaves_numbers_and_text_alone(apis: dict[str, Api], datasets: dict[str, int]) -> None:
    columns = [
        {"expressionType": "SQL", "label": name, "sqlExpression": sql}
        for name, sql in {
            "a": "CAST('-5' AS INTEGER)",
            "b": "'-5.2%'",
            "c": "'西安交通大学'",
            "d": "'10.1000/x-1'",
        }.items()
    ]
    answer = apis["engineer"].data(datasets["release_info"], "csv", columns=columns, metrics=[])
    assert answer.content.decode("utf-8-sig").splitlines()[1] == "-5,-5.2%,西安交通大学,10.1000/x-1"


# --- provisioning ---------------------------------------------------------------------------------------------------
def provision(settings: Settings, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(services.SUPERSET_PYTHON), "superset/provision.py", *options],
        env=services.superset_environment(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def described(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """What Superset's own database says, without the times at which it was written."""
    tables = ("dashboards", "slices", "tables", "table_columns", "sql_metrics", "dbs", "dashboard_slices", "ab_role",
              "ab_user_role", "ab_permission_view_role", "row_level_security_filters", "rls_filter_tables",
              "rls_filter_roles", "user_attribute")  # fmt: skip
    found = {}
    with closing(sqlite3.connect(f"file:{settings.home}/superset/superset.db?mode=ro", uri=True)) as con:
        for table in tables:
            names = [row[1] for row in con.execute(f"PRAGMA table_info({table})")]
            kept = [n for n in names if n not in ("changed_on", "created_on", "last_saved_at", "changed_by_fk")]
            kept = [n for n in kept if not (n == "id" and table in ("dashboard_slices", "ab_permission_view_role"))]
            found[table] = sorted(con.execute(f"SELECT {', '.join(kept)} FROM {table}").fetchall(), key=repr)
    return found


def test_a_second_provisioning_changes_nothing(served: Served) -> None:
    before = described(served.settings)
    assert len(before["slices"]) > 30
    again = provision(served.settings)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["changed"] is False
    forced = provision(served.settings, "--force")
    assert forced.returncode == 0, forced.stderr[-2000:]
    assert json.loads(forced.stdout)["changed"] is True
    assert described(served.settings) == before


def test_no_secret_is_printed_and_every_key_is_private(served: Served) -> None:
    again = provision(served.settings)
    secrets = [*served.passwords.values(), (served.settings.secrets / "superset_secret_key").read_text().strip()]
    assert not [s for s in secrets if s in again.stdout + again.stderr]
    log = (served.settings.logs / "superset.log").read_text(errors="replace")
    assert not [s for s in secrets if s in log]
    for name in ("superset_secret_key", "superset_guest_token_key", "superset_users"):
        assert (served.settings.secrets / name).stat().st_mode & 0o777 == 0o600


def test_state_without_its_key_is_an_error_and_no_new_key(served: Served, tmp_path: Path) -> None:
    home, secrets = tmp_path / "var", tmp_path / "secrets"
    (home / "superset").mkdir(parents=True)
    shutil.copy(served.settings.home / "superset" / "provisioned.json", home / "superset")
    shutil.copytree(served.settings.secrets, secrets)
    (secrets / "superset_secret_key").unlink()
    done = provision(replace(served.settings, home=home, secrets=secrets))
    assert done.returncode == 1
    assert "superset_secret_key" in done.stderr and "restore" in done.stderr
    assert not (secrets / "superset_secret_key").exists()


# --- in the browser -------------------------------------------------------------------------------------------------
class Page:
    """Headless Chromium, logged in as one user."""

    def __init__(self, served: Served, driver: Any, shots: Path | None):
        self.served, self.driver, self.shots = served, driver, shots

    def find(self, css: str) -> list[Any]:
        return self.driver.find_elements("css selector", css)

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if found := condition():
                    return found
            except Exception as error:
                if "stale element" not in str(error):
                    raise
            time.sleep(0.3)
        self.shot("failed")
        raise AssertionError(f"{what}: not within {seconds} s; {self.driver.current_url}")

    def shot(self, name: str) -> None:
        if self.shots:
            self.driver.save_screenshot(str(self.shots / f"{name}.png"))

    def login(self, user: str) -> None:
        self.driver.get(f"{self.served.url}/login/")
        password = self.until(lambda: self.find("input[type=password]"), "the login page")[0]
        self.until(lambda: "登录" in self.text(), "the zh wording")
        self.shot("login")
        self.login_text = self.text()
        self.find("input#username, input[name=username]")[0].send_keys(user)
        password.send_keys(self.served.passwords[user])
        self.find("button[type=submit]")[0].click()
        self.until(lambda: "/login" not in self.driver.current_url, "the login")

    def text(self) -> str:
        return self.driver.execute_script("return document.body.innerText")

    def charts_drawn(self, at_least: int) -> None:
        """Wait until that many charts are there and none is loading; charts below the window load as it grows."""

        def drawn() -> bool:
            height = self.driver.execute_script(
                "const c = document.querySelector('.dashboard-content'); return c ? c.scrollHeight + 300 : 0"
            )
            if height > self.driver.get_window_size()["height"]:
                self.driver.set_window_size(1366, height)
            charts = self.find("[data-test-viz-type]")
            return len(charts) >= at_least and not self.find("[data-test=loading-indicator], .loading")

        self.until(drawn, f"{at_least} charts")
        self.until(drawn, f"{at_least} charts")  # once more, after the window grew

    def errors(self) -> list[str]:
        return [e.text for e in self.find(".ant-alert-error, [data-test=error-alert], [data-test=error-container]")]

    def chart(self, title: str) -> Any:
        for holder in self.find(".dashboard-component-chart-holder"):
            if holder.find_elements("css selector", ".header-title") and title in holder.text.splitlines()[0]:
                return holder
        raise AssertionError(f"no chart «{title}»")

    def number(self, title: str) -> float:
        shown = self.chart(title).find_element("css selector", ".header-line").text
        return float(shown.replace(",", ""))


@pytest.fixture
def page(served: Served, tmp_path: Path) -> Iterator[Page]:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    binaries = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(binaries):
        reason = "chromium and chromedriver are missing: apt-get install chromium chromium-driver fonts-noto-cjk"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    options = Options()
    options.binary_location = binaries[0]
    quiet = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking hide-scrollbars"
    quiet += " disable-component-update disable-sync disable-dev-shm-usage lang=zh-CN window-size=1366,768"
    for flag in [*quiet.split(), f"user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    shots = Path(SCREENSHOTS) if SCREENSHOTS else None
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    driver = webdriver.Chrome(options=options, service=Service(binaries[1]))
    try:
        yield Page(served, driver, shots)
    finally:
        driver.quit()


def answers(page: Page) -> list[tuple[int, str]]:
    """Status and address of what the page fetched from Superset."""
    found = []
    for entry in page.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.responseReceived":
            response = message["params"]["response"]
            found.append((response["status"], response["url"]))
    return found


# Latin words an official knows; every other one outside the data is a leftover of another language.
KNOWN = {"SHA", "DOI", "ROR", "UTC", "brain", "trace", "verify"}


def test_an_official_opens_the_overview_and_follows_a_row_to_its_proof(page: Page) -> None:
    from warehouse.trace import trace

    page.login("official")
    assert "西安科技大脑" in page.login_text
    assert not set(LATIN_WORD.findall(page.login_text)) - KNOWN

    # The first page after the login is the plan's; from there a link leads to the overview, with no chart in error.
    page.until(lambda: "目标能实现吗？" in page.text(), "the first page")
    page.until(lambda: page.find("a[href='/superset/dashboard/overview/']"), "the links to the other pages")[0].click()
    page.until(lambda: len(page.find(".header-line")) == 6, "the tiles of the overview")
    page.shot("overview-1366x768")
    page.charts_drawn(at_least=20)
    assert page.errors() == []
    assert "没有可显示的内容" not in page.text()
    page.shot("overview")

    expected = numbers_of_raw(page.served.settings)
    assert {title: page.number(title) for title in expected} == pytest.approx(expected)
    release = json.loads((page.served.settings.current / "release.json").read_text())
    strip = page.find(".strip")[0].text
    assert "公开数据" in strip
    assert page.served.settings.current.resolve().name.partition(".")[0] in strip, release

    # Wording: titles, legends, menus, filters; cells of tables are data and may hold anything.
    chrome = page.driver.execute_script(
        "const c = document.body.cloneNode(true); c.querySelectorAll('td, script, style').forEach(e => e.remove());"
        "return c.textContent"
    )
    assert not set(LATIN_WORD.findall(chrome)) - KNOWN
    assert not [url for status, url in answers(page) if status >= 500 or status in (401, 403)]

    # A row leads to its record, and the record's proof is what the ledger and the landed bytes say.
    link = page.chart("每条记录从哪里来？").find_elements("css selector", "a.trace")[0]
    link.click()
    page.until(lambda: "这条记录的凭证" in page.text() and "留存字节 SHA-256" in page.text(), "the record page")
    page.charts_drawn(at_least=3)
    assert page.errors() == []
    proof = dict(
        [cell.text for cell in row.find_elements("css selector", "td")]
        for row in page.chart("这条记录的凭证").find_elements("css selector", "tbody tr")
    )
    page.shot("record")
    record = trace(page.served.settings, proof["记录编号"])["records"][0]
    version = record["versions"][-1]
    assert version["verified"] is True
    assert proof["留存字节 SHA-256"] == version["payload"]["sha256"]
    assert proof["在原文件中的位置"] == version["pointer"]
    assert proof["记录内容 SHA-256"] == version["content_hash"]
    assert proof["批次号"] == str(version["batch"])


def test_a_filter_of_the_bar_changes_the_numbers(page: Page) -> None:
    """Region 陕西: the tiles show what the marts hold for it."""
    page.login("official")
    mask = "(NATIVE_FILTER-region:(extraFormData:(filters:!((col:region,op:IN,val:!(陕西)))),filterState:(label:陕西,"
    page.driver.get(
        f"{page.served.url}/superset/dashboard/overview/?native_filters={mask}value:!(陕西)),"
        "id:NATIVE_FILTER-region,ownState:()))"
    )
    page.charts_drawn(at_least=20)
    assert page.errors() == []
    with duckdb.connect(str((page.served.settings.current / "official.duckdb").resolve()), read_only=True) as con:
        expected = con.execute("SELECT count(*) FROM fct_projects WHERE province = '陕西'").fetchone()[0]
        platforms = con.execute("SELECT count(*) FROM dim_platforms WHERE province_name = '陕西省'").fetchone()[0]
    assert 2_000 < expected < 5_000
    assert page.number("立了多少项目？") == expected
    assert page.number("有多少平台载体？") == platforms


def test_an_auditor_opens_the_audit_dashboard(page: Page) -> None:
    page.login("auditor")
    page.until(lambda: "这个数字能证明吗？" in page.text(), "the audit dashboard")
    page.charts_drawn(at_least=12)
    assert page.errors() == []
    page.shot("audit")
    stored = f"read_parquet('{page.served.settings.raw}/*/*/*/*.parquet', union_by_name=true)"
    with duckdb.connect() as con:
        versions = con.execute(f"SELECT count(*) FROM {stored} WHERE _record_id NOT LIKE 'resolution:%'").fetchone()[0]
    assert page.number("保存了多少版本？") == versions


def test_an_engineer_opens_the_page_of_the_load(page: Page) -> None:
    page.login("engineer")
    page.until(lambda: "今天的数据装得对不对？" in page.text(), "the page of the load")
    page.charts_drawn(at_least=12)
    assert page.errors() == []
    page.shot("engineering")
    from ingest.ledger import Ledger, batches

    # a build tells of what it read; what it found of who is who it enters when it is done
    entries = [e for e in batches(Ledger(page.served.settings).entries()) if e.source != "resolution"]
    assert page.number("入账多少批？") == len(entries)
    assert page.number("多少批账目不符？") == 0


def test_an_official_at_the_audit_dashboard_sees_nothing_of_it(page: Page) -> None:
    page.login("official")
    page.driver.get(f"{page.served.url}/superset/dashboard/audit/")
    # the refusal is an error page, a redirect, or the answer to the page's own question for the dashboard
    refused = (
        "return document.readyState === 'complete' && (!location.pathname.includes('/dashboard/audit')"
        " || performance.getEntriesByType('navigation')[0].responseStatus >= 400"
        " || performance.getEntriesByType('resource').some("
        "e => e.name.includes('/api/v1/dashboard/audit') && e.responseStatus >= 400))"
    )
    page.until(lambda: page.driver.execute_script(refused) and page.text().strip(), "the refusal")
    assert "批次台账" not in page.text()
    assert not page.find("[data-test-viz-type]")


def dashboards(database: str) -> list[str]:
    """Slugs of the dashboards that read one of the released files, in the order of the links."""
    tables = {path.stem: path.parent.name for path in (ROOT / "superset/assets/datasets").glob("*/*.yaml")}
    slugs = yaml.safe_load((ROOT / "superset/assets/frame.yaml").read_text(encoding="utf-8"))["dashboards"]
    charts = {s: next((ROOT / "superset/assets/charts" / s).glob("*.yaml")) for s in slugs}
    read = {s: yaml.safe_load(chart.read_text(encoding="utf-8"))["dataset"] for s, chart in charts.items()}
    return [s for s in slugs if tables[read[s]] == database]


def test_no_dashboard_has_a_chart_in_error(page: Page) -> None:
    """Over the real files, which fill few of them: whoever may read them all opens one after the other."""
    page.login("auditor")
    page.until(lambda: "这个数字能证明吗？" in page.text(), "the first page")
    broken = {}
    for slug in [*dashboards("official"), *dashboards("audit")]:
        page.driver.set_window_size(1366, 768)
        page.driver.get(f"{page.served.url}/superset/dashboard/{slug}/")
        page.until(lambda: page.find(".strip .mark-open"), f"the mark of {slug}")
        page.charts_drawn(at_least=3)
        if errors := page.errors():
            broken[slug] = errors
    assert broken == {}


# --- last, for these change what is served ----------------------------------------------------------------------------
# Charts that may be empty over the stand-in city, each with its reason.
EMPTY_IN_THE_CITY: set[str] = set()
# Pages about one thing, empty until somebody names it.
ASKED = {"search", "record"}


@pytest.fixture(scope="module")
def city_served(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuiltCity]:
    """The stand-in city as the current release, by the same swap of a link that a publish makes."""
    settings = served.settings
    before = settings.current.resolve()
    with built_city(tmp_path_factory.mktemp("city"), seed=1, scale=0.1) as city:
        fresh = settings.releases / "20980101T000000Z-00000000"
        fresh.mkdir()
        shutil.copy(before / "release.json", fresh)
        for name in ("official", "audit"):
            shutil.copy(city.settings.warehouse_dir / f"{name}.duckdb", fresh)
            with duckdb.connect(str(fresh / f"{name}.duckdb")) as con:
                con.execute(f"ATTACH '{before / name}.duckdb' AS old (READ_ONLY)")
                con.execute("CREATE OR REPLACE TABLE release_info AS SELECT * FROM old.main.release_info")
                con.execute("UPDATE release_info SET profile = 'demo', profile_label = '演示数据'")
                changes.write(con, name, None, is_same=False)
        _point(settings, fresh)
        yield city
        _point(settings, before)


def _point(settings: Settings, release: Path) -> None:
    swapped = settings.home / "current.new"
    swapped.symlink_to(release)
    swapped.replace(settings.current)


def test_every_dashboard_of_the_city_is_drawn_and_none_is_empty(city_served: BuiltCity, page: Page) -> None:
    """One browser opens all that an official may read; the tiles of five agree with SQL over the city's raw files."""
    page.login("official")
    page.until(lambda: "目标能实现吗？" in page.text(), "the first page")
    broken, empty, numbers = {}, set(), {}
    for slug in dashboards("official"):
        page.driver.set_window_size(1366, 768)
        page.driver.get(f"{page.served.url}/superset/dashboard/{slug}/")
        page.until(lambda: page.find(".strip .mark-demo"), f"the mark of {slug}")
        page.charts_drawn(at_least=3)
        if errors := page.errors():
            broken[slug] = errors
        page.shot(f"city-{slug}")
        if slug in ASKED:
            continue
        for holder in page.find(".dashboard-component-chart-holder"):
            if "没有可显示的内容" in holder.text:
                empty.add(f"{slug}: {holder.text.splitlines()[0]}")
            elif lines := holder.find_elements("css selector", ".header-line"):
                numbers[slug, holder.text.splitlines()[0]] = lines[0].text
        for card in page.find(".card"):
            name, value = (card.find_element("css selector", c).text for c in (".card-name", ".card-value"))
            numbers[slug, name] = value
    assert broken == {}
    assert empty == EMPTY_IN_THE_CITY
    expected = numbers_of_the_city(city_served)
    assert {place: numbers[place] for place in expected} == expected


def numbers_of_the_city(city: BuiltCity) -> dict[tuple[str, str], str]:
    """What tiles and cards have to say: by the city's truth, and by SQL over raw that shares nothing with the marts."""

    def one(sql: str, source: str, record: str) -> Any:
        newest = "QUALIFY row_number() OVER (PARTITION BY _record_id ORDER BY _version_order DESC) = 1"
        with duckdb.connect() as con:
            rows = f"(SELECT * FROM {raw(city.settings, source, record)} {newest})"
            return con.execute(f"SELECT {sql} FROM {rows}").fetchone()[0]

    leverage = one("sum(private_wan_cny) / sum(public_wan_cny)", "finance", "fund")
    paid = one("sum(paid_wan_cny) / 1e4", "finance", "fiscal_item")
    redeemed = one("sum(redeemed_cny) / sum(limit_cny)", "finance", "voucher")
    traded = sum(volume["total_wan"] for volume in city.truth["contract_volumes"]) / 1e4
    firms, houses, contracts = (
        one(PUBLISHED.format(code), "statistics", "indicator_value") for code in ("I07", "I05", "I06")
    )
    return {
        ("finance", "一元财政钱引来几元社会钱？"): f"{leverage:.2f}",
        ("finance", "财政拨了多少？"): f"{paid:.2f}",
        ("finance", "创新券兑付了多少？"): f"{redeemed:.1%}",
        ("transfer", "成交了多少钱？"): f"{traded:.2f}",
        ("ladder", "高企几家将到期？"): str(len(city.truth["lapsing"])),
        ("plan", "国家高新技术企业数"): f"{firms:,.0f}家",
        ("plan", "市级以上新型研发机构数"): f"{houses:,.0f}家",
        ("plan", "技术合同交易额"): f"{contracts:,.1f}亿元",
    }


# the city's own figure of 2025, last revision, in the definition of the plan
PUBLISHED = (
    "max_by(value, revision) FILTER (WHERE indicator_code = '{}' AND year = 2025 AND unit_code = '610100'"
    " AND definition LIKE '%专栏1口径%')"
)


def test_a_new_release_shows_without_a_restart_and_empty_data_explains_itself(page: Page) -> None:
    """The next release is of the stand-in city and holds no row: the mark says so, no chart breaks, each explains."""
    settings = page.served.settings
    fresh = settings.releases / "20990101T000000Z-00000000"
    shutil.copytree(settings.current.resolve(), fresh)
    for name in ("official", "audit"):
        with duckdb.connect(str(fresh / f"{name}.duckdb")) as con:
            for (table,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall():
                if table != "release_info":
                    con.execute(f'DELETE FROM "{table}"')
            con.execute("UPDATE release_info SET profile = 'demo', profile_label = '演示数据', release_id = 'next-one'")
    page.login("official")
    page.until(lambda: "目标能实现吗？" in page.text(), "the first page")
    swapped = settings.home / "current.new"
    swapped.symlink_to(fresh)
    swapped.replace(settings.current)
    page.driver.get(f"{page.served.url}/superset/dashboard/overview/")
    page.charts_drawn(at_least=20)
    assert page.errors() == []
    strip = page.find(".strip")[0]
    assert "next-one" in strip.text
    assert strip.find_element("css selector", ".mark-demo").text == "演示数据"
    assert page.number("立了多少项目？") == 0
    assert "没有可显示的内容" in page.chart("谁在承担项目？").text
    page.shot("overview-empty-demo")


def test_guessing_a_password_is_slowed_down(served: Served) -> None:
    """By form and by API. Each of the two workers allows thirty tries a minute; which of them counts a try is
    left to chance, so
    the tries go on until refusals come in a row, which on a slow machine may take the next minute's allowance too."""
    guesser = Api(served.url)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', guesser("GET", "/login/").text).group(1)
    form = {"username": "admin", "password": "guess", "csrf_token": token}
    tries: list[int] = []
    end = time.monotonic() + 180
    while tries[-10:].count(429) < 10 and len(tries) < 500 and time.monotonic() < end:
        tries.append(guesser("POST", "/login/", data=form).status_code)
    assert tries[0] != 429
    assert tries[-10:].count(429) == 10, f"{tries.count(429)} of {len(tries)} tries were refused"
    body = {"username": "admin", "password": served.passwords["admin"], "provider": "db"}
    assert 429 in [guesser("POST", "/api/v1/security/login", json=body).status_code for _ in range(80)]
