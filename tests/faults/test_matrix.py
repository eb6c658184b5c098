"""The fault matrix (docs/faults.md): every kind of fault against every kind of connector that it can strike.

A house takes a first state. The next delivery meets the fault; then the source is sound again and the house asks once
more, as any scheduled run would. Whatever the fault did, the house must end in the state of one that never saw it; and
in between it served either that state, or the state before, or that state without the records in its quarantine. The
arrival gate is on.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
import yaml

from brain.errors import BrainError
from brain.settings import ROOT, Settings
from demo import spoil, systems
from demo.city import City
from demo.faults import FILE_KINDS, KINDS
from demo.server import serve
from demo.systems import reports
from ingest import workbook
from ingest.contract import Source, load_sources
from ingest.fetch import http as http_module
from ingest.ledger import Ledger, live_entries
from ingest.quarantine import list_items
from ingest.raw import relation_sql
from ingest.run import Batch, ingest_source, uncommitted

SCALE, DAY, PAGE = 0.3, 30, 8
Rows = dict[tuple[str, str], tuple]


@dataclass(frozen=True)
class Line:
    """One connector: a server of a source file, its path in the city, and what a page holds in the second walk."""

    source: str
    server: str
    path: str


WALKS = {
    "page": Line("pds", "projects", "/pds/api/v1/projects"),
    "cursor": Line("market", "contracts", "/market/contracts"),
    "link": Line("integrity", "pledges", "/integrity/pledges"),
    "oai": Line("reports", "oai", "/reports/oai"),
}
FILES = {
    "form": Line("carriers", "forms", "/carriers/"),
    "zip": Line("enterprises", "firm", "/enterprises/firm_2"),
    "workbook": Line("statistics", "targets", "/statistics/targets_"),
    "csv": Line("steward", "corrections", "/steward/corrections_"),
    "table": Line("statistics", "plan_tasks", "/statistics/plan_tasks_"),
}


@dataclass(frozen=True)
class Outcome:
    """What became of a delivery. `how`: mended (complete), refused (some records in quarantine), held, stopped."""

    how: str
    why: str


def cut_source(folder: Path, line: Line, size: int | None = None) -> Path:
    """The line's source file with this server and its record types only, so that a test asks for nothing else."""
    document = yaml.safe_load((ROOT / f"ingest/sources/{line.source}.odcs.yaml").read_text(encoding="utf-8"))
    [server] = [s for s in document["servers"] if s["server"] == line.server]
    props = {p["property"]: p["value"] for p in server["customProperties"]}
    props.pop("limits", None)
    if line.source != "carriers" and line in WALKS.values():
        props["limits"] = {"timeoutSeconds": 30, "deadlineSeconds": 120, "retries": 2, "maxBytes": 1 << 24}
    if size and "sizeParam" in props["paging"]:
        props["paging"] |= {"size": size}
    server["customProperties"] = [{"property": k, "value": v} for k, v in props.items()]
    document["servers"] = [server]
    document["schema"] = [r for r in document["schema"] if r["name"] in props["records"]]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{line.source}.odcs.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return folder


@dataclass
class House:
    """A house with one source of one server. Its verbs are those of a scheduled run."""

    root: Path
    line: Line

    @property
    def settings(self) -> Settings:
        return Settings.from_env(
            {
                "BRAIN_HOME": str(self.root / "var"),
                "BRAIN_SECRETS": str(self.root / "secrets"),
                "BRAIN_SOURCES": str(self.root / "sources"),
                "BRAIN_PROFILE": "demo",
            }
        )

    @property
    def source(self) -> Source:
        return load_sources(self.settings)[self.line.source]

    def copy(self, root: Path) -> House:
        shutil.copytree(self.root, root, symlinks=True)
        return House(root, self.line)

    def ask(self, day: int, *faults: str, full: bool = False) -> list[Batch]:
        """One run against the city's server on a day."""
        with serve(0, 1, SCALE, day=day, secrets_dir=self.settings.secrets, faults=faults) as server:
            settings = replace(self.settings, demo_url=server.url)
            return ingest_source(settings, self.line.source, full=full)

    def state(self) -> Rows:
        """(record, id) → what staging sees: current and not withdrawn, without columns about batches and versions."""
        found: Rows = {}
        for record in self.source.records:
            live = live_entries(Ledger(self.settings).entries(self.line.source, record.name))
            files = [self.settings.home / f["path"] for e in live for f in e.data["raw"]]
            columns = ", ".join(f'"{name}"' for name, _ in record.columns)
            sql = f"SELECT _record_id, {columns} FROM ({relation_sql(record, files)})"
            with duckdb.connect() as con:
                rows = con.execute(f"{sql} WHERE _is_current AND NOT _is_withdrawn").fetchall() if files else []
            found |= {(record.name, row[0]): row[1:] for row in rows}
        return found

    def leaves(self) -> list[str]:
        return [e.leaf for e in Ledger(self.settings).entries()]

    def refused(self) -> dict[tuple[int, str], set[str]]:
        """(batch, record id or place) → reasons."""
        return {(i["batch"], i["record_id"] or i["pointer"]): set(i["reasons"]) for i in list_items(self.settings)}


def outcome_of(house: House, run: Callable[[], list[Batch]], before: Rows, complete: Rows, usual: set[str]) -> Outcome:
    """Let a run meet its fault, and judge what it left: a gap that nobody is told of fails here."""
    leaves, refused = house.leaves(), house.refused()
    try:
        batches = run()
    except BrainError as e:
        assert e.hint, "the error does not say what to do"
        assert house.leaves()[: len(leaves)] == leaves  # files that came before the broken one may follow
        assert house.state() == before
        assert uncommitted(house.settings, Ledger(house.settings).entries()) == []
        return Outcome("stopped", str(e))
    assert all(b.received == b.new + b.unchanged + b.quarantined for b in batches)
    after = house.state()
    if any(b.held for b in batches):
        assert all(b.held for b in batches if b.new or b.withdrawn)
        assert after == before, "a held batch is served"
        return Outcome("held", "; ".join(r for b in batches for r in b.reasons))
    found = {k: v for k, v in house.refused().items() if k not in refused}
    why = {reason for reasons in found.values() for reason in reasons} - usual
    lacking = {key for key in {*after, *complete} if after.get(key) != complete.get(key)}
    ids = {name for _, name in complete}
    nameless = [name for _, name in found if name not in ids]  # refused before the key was read, or by it
    unnamed = {name for _, name in lacking} - {name for _, name in found}
    # of a text that ends in the middle of a row, that row tells that something is missing; what, nobody can know
    is_cut = any(reason.startswith("ragged_row:") for reason in why)
    assert is_cut or len(unnamed) <= len(nameless), "records are missing or differ, and no quarantine tells of them"
    return Outcome("refused" if why else "mended", "; ".join(sorted(why)))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(reports, "PAGE", PAGE)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[House, Rows, Rows]]:
    """Per connector, once: a house in its first state, that state, and the state of a house that saw no fault."""
    made: dict[str, tuple[House, Rows, Rows]] = {}

    def give(name: str) -> tuple[House, Rows, Rows]:
        if name not in made:
            root = tmp_path_factory.mktemp(name)
            cut_source(root / "base/sources", WALKS[name])
            base = House(root / "base", WALKS[name])
            base.ask(0)
            cut_source(root / "base/sources", WALKS[name], PAGE)
            sound = base.copy(root / "sound")
            sound.ask(DAY)
            made[name] = (base, base.state(), sound.state())
            assert made[name][1] != made[name][2]
        return made[name]

    return give


# -- over the network -------------------------------------------------------------------------------------------------

PASSING = ("429", "429-date", "500", "reset", "short-body", "truncated-gzip", "half-page", "empty", "html")
JSON = ("page", "cursor", "link")
ALL = (*JSON, "oai")
# connectors, fault (of the paths of the connector), what becomes of it, and what is said
CASES: list[tuple[tuple[str, ...], str, str, str]] = [
    *((("page",), f"{kind}@2", "mended", "") for kind in PASSING),
    (("oai",), "429@2x0", "stopped", r"answers 429 \(3 tries\)"),
    (("oai",), "500@2x0", "stopped", r"answers 500 \(3 tries\)"),
    (("oai",), "reset@2x0", "stopped", "breaks off in the middle of a body"),
    (("oai",), "short-body@2x0", "stopped", "breaks off in the middle of a body|announced .* bytes and sent"),
    (("oai",), "truncated-gzip@2x0", "stopped", "the compressed body is cut off"),
    (("oai",), "half-page@2x0", "stopped", r"the XML is broken.*\(3 tries\)"),
    (("oai",), "empty@2x0", "stopped", "answers 200 with an empty body"),
    (("oai",), "html@2x0", "stopped", r"the XML is broken.*\(3 tries\)"),
    (("page", "oai"), "429-long@2", "stopped", "waiting 86,400 s would pass the deadline"),
    (("page",), "401@2", "mended", ""),
    (("cursor",), "401@2x0", "stopped", r"refuses the secret MARKET_KEY \(401\)"),
    (("link",), "401@2x0", "stopped", r"\(401\)"),
    (("page", "oai"), "tokens-dropped@2", "mended", ""),
    (("page", "oai"), "redirect-away@2", "stopped", r"leads to http://elsewhere\.example, away from the source"),
    (("page", "oai"), "redirect-here@2x0", "stopped", "more than 5 redirects"),
    (("page", "oai"), "gzip-bomb@2x0", "stopped", "unpacks to more than"),
    (ALL, "wrong-total@1x0", "stopped", "records are declared, .* came on"),
    (ALL, "moving-total@2", "mended", ""),
    (ALL, "same-page@2x0", "stopped", "repeats an earlier page"),
    (("cursor", "link", "oai"), "same-cursor@1x0", "stopped", "given before|repeats an earlier page"),
    (("link",), "foreign-next@1", "stopped", r"the next page leads to http://elsewhere\.example, away"),
    (ALL, "lost-row@2x0", "stopped", "records are declared, .* came on"),
    (JSON, "overlap@2", "mended", ""),
    (("oai",), "overlap@2", "stopped", "records are declared"),
    (ALL, "overlap@2x0", "stopped", "records are declared|came twice|on two pages"),
    (JSON, "gbk@2x0", "held", "quarantine"),
    (("oai",), "gbk@2x0", "stopped", "the XML is broken"),
    (ALL, "nul@2x0", "stopped", "not the promised|the XML is broken"),
    (JSON, "escaped-nul@2", "refused", "pattern:"),
    (("oai",), "escaped-nul@2x0", "stopped", "the XML is broken"),
    (("page", "cursor"), "nan@2x0", "stopped", "not the promised JSON"),
    (("oai",), "nan@2", "refused", "type:embargo_months"),
    (JSON, "duplicate-key@2x0", "mended", ""),  # the last of the two values counts, and it is the true one
    (("oai",), "duplicate-key@2", "refused", "got `array`"),
    (ALL, "new-field@1x0", "held", "quarantine"),
    (JSON, "missing-field@1x0", "held", "quarantine"),
    (("oai",), "missing-field@1x0", "held", r"field_lost\(abstract\)"),
    (ALL, "new-codes@1x0", "held", "quarantine"),
]


@pytest.mark.parametrize(
    ("name", "fault", "how", "why"),
    [
        pytest.param(name, fault, how, why, id=f"{fault.replace('@', '-from-')}-{name}")
        for names, fault, how, why in CASES
        for name in names
    ],
)
def test_no_fault_of_the_network_leaves_a_gap(
    walked: Callable[[str], tuple[House, Rows, Rows]],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    name: str,
    fault: str,
    how: str,
    why: str,
) -> None:
    base, before, complete = walked(name)
    house = base.copy(tmp_path / "house")
    kind, _, when = fault.partition("@")
    usual = {reason for reasons in base.refused().values() for reason in reasons}
    found = outcome_of(house, lambda: house.ask(DAY, f"{kind}:{base.line.path}@{when}"), before, complete, usual)
    assert found.how == how and re.search(why, found.why), found
    # the gate let the same delivery pass in the house that saw no fault: to judge it again is half of a test's time
    request.getfixturevalue("open_gate")
    # what one delivery had refused is no news to a source that tells what changed: there everything is asked for
    house.ask(DAY, full=how == "refused")
    assert house.state() == complete


# -- dropped files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the city has dropped up to its first day."""
    drop = tmp_path_factory.mktemp("dropped")
    systems.write(City(1, SCALE, 0), drop)
    return drop


FILE_CASES: list[tuple[str, str, str, str]] = [
    ("form", "formula", "refused", "formula:"),
    ("workbook", "formula", "refused", "formula:"),
    ("form", "workbook-bomb", "stopped", "unpacks to"),
    ("workbook", "workbook-bomb", "stopped", "unpacks to"),
    *((name, "cut-file", "stopped", "cannot be|no workbook|damaged|not a") for name in ("form", "workbook", "zip")),
    # cut in the middle of a character, of a quoted cell or of a row
    ("table", "cut-file", "stopped|refused", "is not utf-8|unexpected end of data|ragged_row:"),
    ("csv", "cut-file", "stopped|refused", "is not utf-8|unexpected end of data|ragged_row:"),
    *((name, "empty-file", "stopped", "is empty") for name in FILES),
]


@pytest.mark.parametrize(
    ("name", "kind", "how", "why"), FILE_CASES, ids=[f"{kind}-{name}" for name, kind, *_ in FILE_CASES]
)
def test_no_fault_of_a_file_leaves_a_gap(
    dropped: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kind: str,
    how: str,
    why: str,
) -> None:
    """The newest file of a server is struck; then the system drops it as it should have been."""
    monkeypatch.setattr(workbook, "UNPACKED_BYTES", 16 << 20)
    monkeypatch.setattr(spoil, "BOMB_BYTES", 32 << 20)
    line = FILES[name]
    cut_source(tmp_path / "house/sources", line)
    house = House(tmp_path / "house", line)
    drop = house.settings.demo_drop
    [pattern] = {s.location for s in house.source.servers}
    # some before it are enough for a state before
    *old, newest = sorted(dropped.glob(pattern), key=lambda p: (p.name.rpartition("_")[2], p.name))[-5:]
    struck = drop / newest.relative_to(dropped)

    def deliver(path: Path) -> None:
        to = drop / path.relative_to(dropped)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)

    def run() -> list[Batch]:
        return ingest_source(house.settings, line.source)

    for path in old:
        deliver(path)
    if old:
        run()
    before = house.state() if old else {}
    sound = house.copy(tmp_path / "sound")
    deliver(newest)
    shutil.copytree(drop, sound.settings.demo_drop, dirs_exist_ok=True)
    ingest_source(sound.settings, line.source)
    usual = {reason for reasons in sound.refused().values() for reason in reasons}
    spoil.spoil_file(struck, frozenset({kind}))
    found = outcome_of(house, run, before, sound.state(), usual)
    assert re.fullmatch(how, found.how) and re.search(why, found.why), found
    deliver(newest)
    request.getfixturevalue("open_gate")
    run()
    assert house.state() == sound.state()


# -- a database -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["gone", "cut"])
def test_a_database_that_is_gone_or_cut_leaves_the_last_state(tmp_path: Path, what: str) -> None:
    line = Line("finance", "fiscal_item", "")
    cut_source(tmp_path / "house/sources", line)
    house = House(tmp_path / "house", line)
    path = Path(house.settings.demo_database.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True)
    systems.fill(City(1, SCALE, 0), house.settings.demo_database)
    ingest_source(house.settings, line.source)
    before = house.state()
    sound = house.copy(tmp_path / "sound")
    systems.fill(City(1, SCALE, DAY), sound.settings.demo_database)
    ingest_source(sound.settings, line.source)
    whole = Path(sound.settings.demo_database.removeprefix("sqlite:///")).read_bytes()
    path.unlink()
    if what == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    found = outcome_of(house, lambda: ingest_source(house.settings, line.source), before, sound.state(), set())
    assert found.how == "stopped", found
    path.write_bytes(whole)
    ingest_source(house.settings, line.source)
    assert house.state() == sound.state()


# -- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_names_every_fault_and_only_tests_that_exist() -> None:
    page = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ") and "| test |" not in line]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    assert named == {*KINDS, *FILE_KINDS}
    tests = [set(re.findall(r"`(test_\w+)`", row[2])) for row in rows]
    assert all(tests)
    code = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests").rglob("test_*.py"))
    assert {t for found in tests for t in found} - set(re.findall(r"^def (test_\w+)", code, re.M)) == set()


def test_every_fault_is_tried() -> None:
    tried = {fault.partition("@")[0] for _, fault, *_ in CASES} | {kind for _, kind, *_ in FILE_CASES}
    assert {*KINDS, *FILE_KINDS} - tried == {"slow"}, "its own test waits for the deadline"
