"""What is documented is there, and what is there is documented: names, commands, formats, links, examples."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import click
import pytest
import yaml

from brain import errors
from brain.cli import main
from brain.settings import PROFILES, ROOT, Settings
from ingest import contract
from ingest.contract import load_source, load_sources
from ingest.records import NOTHING, Shape

pytestmark = pytest.mark.usefixtures("open_gate")

READMES = ("README.md", "README.zh-CN.md")
PAGES = sorted(p.relative_to(ROOT).as_posix() for p in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
SETTERS = ("brain", "ingest", "warehouse", "expectations", "dags", "demo", "superset", "dbt_project/profiles.yml")
# Set for child processes or written in texts as beginnings of names; nobody sets them by hand.
INNER_SETTINGS = {"BRAIN_DBT_TARGET", "BRAIN_SECRET", "BRAIN_SECRET_"}
FOLDERS = (
    "brain|ingest|dbt_project|warehouse|expectations|superset|dags|demo|tests|docs|bench|docker|scripts|requirements"
    "|tools"
)
# Files of the worked example in docs/sources.md, which exists nowhere else.
INVENTED = ("instruments",)
# Folders below BRAIN_HOME that begin like folders of the project.
STATE = ("warehouse/next/",)


@cache
def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """The part of a page below a heading of the second rank."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text(page), re.M | re.S)
    assert found, f"{page} has no heading {heading!r}"
    return found[1]


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of a language, of a page or of one of its sections (`page#heading`)."""
    name, _, heading = page.partition("#")
    return re.findall(rf"^```{language}\n(.*?)^```", section(name, heading) if heading else text(name), re.M | re.S)


def rows(part: str) -> set[str]:
    """Names in the first cells of a part's tables."""
    return {
        name
        for line in part.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([^`]+)`", line.split(" | ")[0])
    }


def quoted(part: str) -> set[str]:
    """Everything between back quotes, and each word of it; blocks of code left out."""
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", part, flags=re.M | re.S))
    return {*spans, *(word for span in spans for word in re.findall(r"[\w-]+", span))}


# -- contracts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("Servers", contract.SERVER_PROPERTIES),
        ("Record types", contract.RECORD_PROPERTIES),
        ("Fields", contract.FIELD_PROPERTIES),
    ],
)
def test_every_custom_property_has_its_row(heading: str, names: set[str]) -> None:
    assert names - rows(section("docs/sources.md", heading)) == set()


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("Servers", {*contract.FORMATS, *contract.PAGING, *contract.AUTH, *contract.LIMITS, *PROFILES}),
        ("Servers", {*contract.ALGORITHMS, *contract.ENCODINGS, *contract.TIMESTAMPS, *contract.SIGNED}),
        ("Servers", {*contract.GRANULARITIES, *contract.LIST_SIZES, *contract.SERVERS, *contract.TAKEN_FROM}),
        ("Record types", {*contract.CLASSES, *contract.DELIVERIES}),
        ("Fields", {*contract.TYPES, *contract.CLASSIFICATIONS, *contract.MASKS, *contract.CHECK_DIGITS}),
    ],
)
def test_every_choice_of_a_contract_is_named(heading: str, names: set[str]) -> None:
    assert names - quoted(section("docs/sources.md", heading)) == set()


def test_what_dbt_knows_of_the_sources_is_what_the_contracts_say() -> None:
    from ingest.generate import main as generate

    assert generate(["--check"]) == 0, "run: python -m ingest.generate"


def test_no_custom_property_is_invented() -> None:
    known = contract.SERVER_PROPERTIES | contract.RECORD_PROPERTIES | contract.FIELD_PROPERTIES
    shown = set(re.findall(r"\{property: (\w+)", text("docs/sources.md"))) - {"schedule", "freshness", "retention"}
    assert shown and shown - known == set()


@pytest.mark.parametrize("example", blocks("docs/sources.md#A source of each kind", "yaml"))
def test_the_example_of_each_kind_is_a_contract(house: Any, example: str) -> None:
    """Its own record types, or one with the field by which it asks for what is new."""
    given = yaml.safe_load(example)
    fields = [house.field("id", key=1), house.field("updated_at", "timestamp")]
    house.contract(fields, servers=given["servers"], records=given.get("schema"), delivery="changes")
    assert load_source(house.sources / "toy.odcs.yaml").servers


def test_the_example_of_a_source_works(house: Any) -> None:
    [example, *_] = blocks("docs/sources.md", "yaml")
    path = house.write(yaml.safe_load(example))
    [record] = load_source(path).records
    house.deliver(
        "platforms/instruments_2026-01-31.csv",
        "\ufeff仪器编号,仪器名称,所属单位,原值,联系电话\nYQ000001,电镜,甲大学,120.5,13800001234\nYQ000002,质谱仪,乙研究所,—,\n编号,名称,单位,,\n",
    )
    [batch] = house.ingest("instruments")
    assert (batch.received, batch.new, batch.quarantined) == (3, 2, 1)
    rows = house.current("price_wan_cny, contact_phone", record.name, "instruments")
    assert rows == [
        {"price_wan_cny": 120.5, "contact_phone": "138****1234"},
        {"price_wan_cny": None, "contact_phone": None},
    ]
    [sql] = blocks("docs/sources.md", "sql")
    selected = sql.split("    from source")[0].rsplit("select\n", 1)[1]
    plain = re.sub(r"\{\{ clean_text\('(\w+)'\) \}\}", r"\1", selected)
    [first, _] = house.current(plain, record.name, "instruments")
    assert (first["record_id"], first["price_cny"]) == ("instruments:instrument:YQ000001", 1_205_000)


def example_of(house: Any, server: str) -> Any:
    """The source file made of one example of the page; a record type of `id` and `title` where it names none."""
    [given] = [
        found
        for block in blocks("docs/sources.md#A source of each kind", "yaml")
        for found in [yaml.safe_load(block)]
        if found["servers"][0]["server"] == server
    ]
    return load_source(house.contract(servers=given["servers"], records=given.get("schema")))


def test_the_example_of_a_form_works(house: Any) -> None:
    import openpyxl

    example_of(house, "yearly")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "藏书情况"
    for row in (["馆藏情况表"], ["单位：千册"], ["序号", "馆　名", "藏书"], [None, None, "总数"]):
        sheet.append(row)
    for cells in ("A1:C1", "A3:A4", "B3:B4"):
        sheet.merge_cells(cells)
    for row in ([1, "东馆", "１，２０４"], [2, "西馆", "约 30"], ["合计", None, 1234], ["注：含分馆。"]):
        sheet.append(row)
    path = house.deliver("libraries/东区_2025.xlsx", b"")
    book.save(path)
    [batch] = house.ingest()
    assert (batch.received, batch.new, batch.quarantined) == (2, 1, 1)
    assert house.entries()[0].data["skipped"] == 2
    assert house.current("district, library_name, books_thousand", "library") == [
        {"district": "东区", "library_name": "东馆", "books_thousand": 1204.0}
    ]
    assert [i["reasons"] for i in house.refused()] == [["type:books_thousand"]]


def test_the_example_of_a_drop_works(house: Any) -> None:
    import io
    import zipfile

    example_of(house, "daily")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("shops_all.csv", "id,title\n1,东街店\n".encode("gb18030"))
        archive.writestr("读我.txt", "")
    house.deliver("shops/shops_20260630.zip", out.getvalue())
    assert [b.new for b in house.ingest()] == [1]
    assert house.current("title, _as_of::VARCHAR AS day") == [{"title": "东街店", "day": "2026-06-30"}]


# -- settings and commands --------------------------------------------------------------------------------------------


def settings_in_code() -> set[str]:
    """BRAIN_… variables that Python files, dbt's profile and the Compose file read."""
    files = [ROOT / "docker-compose.yml"]
    for name in SETTERS:
        path = ROOT / name
        files += [path] if path.is_file() else sorted(path.rglob("*.py"))
    found = {name for f in files for name in re.findall(r"\bBRAIN_[A-Z_]+", f.read_text(encoding="utf-8"))}
    return found - INNER_SETTINGS


@pytest.mark.parametrize("page", READMES)
def test_every_setting_is_documented_and_no_other(page: str) -> None:
    heading = "Settings" if page == "README.md" else "设置"
    documented = set(re.findall(r"BRAIN_[A-Z_]+", "\n".join(rows(section(page, heading))))) - INNER_SETTINGS
    assert documented == settings_in_code()


def commands(group: click.Group = main, prefix: str = "brain") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def test_every_command_and_option_is_documented() -> None:
    lines = {
        name: line
        for line in text("docs/cli.md").splitlines()
        for name, _ in commands()
        if re.match(rf"\| `{name}\b", line)
    }
    assert {name for name, _ in commands()} - set(lines) == set()
    for name, command in commands():
        options = {o for p in command.params if isinstance(p, click.Option) for o in p.opts} - {"--json"}
        told = lines[name] if name != "brain run" else lines[name] + lines["brain ingest"]
        assert {o for o in options if o not in told} == set(), name


def test_every_exit_code_is_documented() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.BrainError)]
    told = re.findall(r"^\| (\d+) \|", text("docs/cli.md"), re.M)
    assert {str(k.exit_code) for k in kinds} | {"0", "2"} == set(told)


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_a_page_shows_exist(page: str) -> None:
    known = {name for name, _ in commands()}
    shown = re.findall(r"(?:^|\.venv/bin/|`)(brain [a-z]+(?: (?:list|show|release|serve)\b)?)", text(page), re.M)
    assert {s for s in shown if s not in known and s not in ("brain quarantine", "brain demo")} == set()
    targets = set(re.findall(r"^([a-z]+):.*##", text("Makefile"), re.M))
    assert set(re.findall(r"(?:^|`|&& )make ([a-z]+)", text(page), re.M)) - targets == set()


# -- links and paths --------------------------------------------------------------------------------------------------


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if re.match(r"https?://", target):
            continue
        path, _, fragment = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists():
            broken.append(target)
        elif fragment:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
            broken += [target] if fragment not in map(anchor, headings) else []
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_paths_that_a_page_names_exist(page: str) -> None:
    named = re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", text(page))
    assert [p for p in named if not (ROOT / p).exists() and p not in STATE and not any(i in p for i in INVENTED)] == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, todo = set(), ["README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in re.findall(r"\]\(([^)#\s]+\.md)", text(page)):
            if not target.startswith("http"):
                todo.append(((ROOT / page).parent / target).resolve().relative_to(ROOT).as_posix())
    assert set(PAGES) - reached == set()


# -- formats ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def verified(new_house: Callable[..., Any]) -> Any:
    """A house whose ledger has entries of several kinds, files in quarantine and an encrypted source."""
    from ingest.quarantine import release

    house = new_house()
    number = house.field("amount", "integer")
    house.contract([house.field("id", key=1), house.field("title"), number])
    house.deliver("a_2026-01-01.csv", "id,title,amount\n1,甲,5\n2,乙,many\n")
    [first] = house.ingest()
    release(house.settings, f"{first.seq}-1", "the source says so")
    house.ingest()
    house.contract([house.field("id", key=1), house.field("title"), number | {"required": True}], version="1.1.0")
    house.deliver("a_2026-02-01.csv", "id,title,amount\n1,甲,6\n")
    house.ingest()
    house.contract(
        [house.field("id", key=1), house.field("name", classification="personal")],
        name="people",
        servers=[house.server("people_*.csv")],
    )
    house.deliver("people_2026-01-01.csv", "id,name\n1,某人\n")
    house.ingest("people")
    return house


def run_verifier(settings: Settings) -> subprocess.CompletedProcess[str]:
    arguments = [str(ROOT / "tools/verify_brain.py"), str(settings.home), str(settings.secrets / "ledger.pub")]
    return subprocess.run([sys.executable, "-I", *arguments], capture_output=True, text=True, timeout=300)


def test_the_verifier_accepts_a_sound_house(verified: Any) -> None:
    assert {e.kind for e in verified.entries()} == {"committed", "accepted", "replay"}
    done = run_verifier(verified.settings)
    assert done.returncode == 0, done.stderr
    assert f"{len(verified.entries())} entries under" in done.stdout and "\n3 payloads in 3 segments" in done.stdout


@pytest.mark.parametrize(
    "pattern",
    [
        "landing/toy/*.zst",
        "landing/people/*.enc",
        "landing/toy/*.jsonl",
        "raw/toy/**/*.parquet",
        "quarantine/**/*.parquet",
    ],
)
def test_the_verifier_finds_a_changed_byte(verified: Any, pattern: str) -> None:
    file = sorted(verified.settings.home.glob(pattern))[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert run_verifier(verified.settings).returncode == 11


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("update entries set body = body || ' ' where seq = 1", 11),
        ("delete from entries where seq = (select max(seq) from entries)", 14),
        ("delete from checkpoints where size = (select max(size) from checkpoints)", 13),
    ],
)
def test_the_verifier_finds_a_changed_ledger(verified: Any, change: str, code: int) -> None:
    import sqlite3

    with sqlite3.connect(verified.settings.ledger_path) as db:
        db.execute(change)
    db.close()
    assert run_verifier(verified.settings).returncode == code


def test_the_formats_page_names_every_member_of_a_proof_and_every_exit_code(verified: Any, tmp_path: Any) -> None:
    from ingest.ledger import Ledger
    from warehouse.log import proof, records

    settings = verified.settings
    records.enter_roots(settings, verified.entries())
    head = Ledger(settings).note_of(1)
    for record_id in ("toy:thing:1", "people:thing:1"):
        proof.prove(settings, record_id, tmp_path / "bundle.zip", kept=head)
        with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
            names, told = set(bundle.namelist()), json.loads(bundle.read("proof.json"))
        page = section("docs/formats.md", "Proof of a record")
        assert {*names, *told, *told["record"], *told["leaf"], *told["consistency"]} - quoted(page) == set()
        assert told["withheld"] is None or f"`{told['withheld']}`" in page
    for page in ("docs/formats.md", "docs/guide-auditor.zh-CN.md"):
        told = dict(re.findall(r"^\| (1[1-5]) \| (\w+) \|", text(page), re.M))
        code = (ROOT / "tools/verify_brain.py").read_text(encoding="utf-8")
        assert told == {number: name for name, number in re.findall(r'"(\w+)": (1\d)', code)}


def test_the_formats_page_names_every_member_of_entries_and_index(verified: Any) -> None:
    members = {m for e in verified.entries() for m in e.data}
    assert members - rows(section("docs/formats.md", "Ledger")) == set()
    index = next(verified.settings.landing.rglob("*.index.jsonl")).read_text().splitlines()[0]
    assert set(json.loads(index)) - rows(section("docs/formats.md", "Landing")) == set()


def test_the_formats_page_names_every_column_of_raw() -> None:
    from ingest.raw import META

    assert {name for name, _ in META} - rows(section("docs/formats.md", "Raw")) == set()


def test_the_example_of_a_canonical_form_is_right() -> None:
    [delivered, *_] = [json.loads(b) for b in blocks("docs/formats.md", "json")]
    shown, digest = next(b for b in blocks("docs/formats.md", "text") if b.startswith('{"city_name"')).splitlines()
    record = load_sources(Settings.from_env({}), all_profiles=True)["moe"].record("institution")
    shape = Shape(record, None)
    row, _ = shape.make(tuple(delivered.get(f.physical[0], NOTHING if f.is_nested else None) for f in shape.fields))
    assert shape.canonical(row).decode() == shown
    assert hashlib.sha256(shown.encode()).hexdigest() == digest == shape.hashes([row])[0].hex()
    assert shown in text("docs/guide-auditor.zh-CN.md") and digest in text("docs/guide-auditor.zh-CN.md")


# -- guides -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["docs/runbook.md", "docs/guide-auditor.zh-CN.md"])
def test_every_problem_that_verify_reports_is_explained(page: str) -> None:
    code = text("warehouse/verify.py")
    kinds = set(re.findall(r'_problem\(\s*"(\w+)"', code)) | {"raw_file", "quarantine_file"}
    assert {"ledger_entry", "hash_file"} < kinds
    assert kinds - quoted(text(page)) == set()


def test_every_rule_of_the_arrival_gate_is_explained() -> None:
    code = text("expectations/arrival.py")
    rules = set(re.findall(r'"(\w+)", "hold"', code)) | set(yaml.safe_load(text("expectations/rules/arrival.yml")))
    told = quoted(section("docs/runbook.md", "A batch is held"))
    assert rules - {"overrides", "values"} - told == set()


@pytest.mark.parametrize(
    ("page", "dashboard"),
    [
        ("docs/guide-official.zh-CN.md", "overview"),
        ("docs/guide-auditor.zh-CN.md", "audit"),
        ("docs/guide-auditor.zh-CN.md", "engineering"),
    ],
)
def test_every_chart_is_explained(page: str, dashboard: str) -> None:
    layout = yaml.safe_load(text(f"superset/assets/dashboards/{dashboard}.yaml"))
    charts = {tile["chart"] for row in layout["rows"] for tile in row["tiles"] if "chart" in tile}
    found = {
        p.stem: p
        for folder in (dashboard, "overview")
        for p in sorted((ROOT / "superset/assets/charts" / folder).glob("*.yaml"), reverse=True)
    }
    titles = {yaml.safe_load(found[c].read_text(encoding="utf-8"))["title"] for c in charts}
    assert {t for t in titles if t not in text(page)} == set()


def test_users_of_the_dashboards_are_named() -> None:
    users = set(yaml.safe_load(text("superset/access.yml"))["users"])
    assert {(page, u) for page in READMES for u in users if u not in quoted(text(page))} == set()


def test_shell_blocks_can_be_parsed() -> None:
    for page in PAGES:
        for block in blocks(page, "bash"):
            for line in block.splitlines():
                shlex.split(line, comments=True)
