"""The release gate: do the marts of this build deserve to be read?

Four kinds of rules, all judged on the very files that would be released:

- derived: what dbt declares a key is filled and unique; every record id that a mart names has its proof;
- compared: no mart falls far below the current release;
- protected: nothing personal in the official file, by the names of columns, by the classification of contract fields,
  by the values of personal fields and by the shape of values;
- written by hand for one mart: rules/release.yml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from brain import journal
from brain.errors import BrainError
from brain.settings import Settings
from expectations import Check, journal_rows
from expectations.engine import Outcome, Rule, Session
from expectations.rules import load
from ingest.contract import Record, Source, load_sources
from ingest.ledger import Ledger
from warehouse import changes, connect, content, publish, state
from warehouse.connect import literal, quoted

NO_HISTORY = "无历史"
PROOFS = {"official": "official.record_proofs", "audit": "audit.audit_records"}
OVER_ALL_COLUMNS = ("no_personal_value", "no_personal_shape")
CLOSED_TYPES = r"\[|STRUCT|MAP|UNION|HUGEINT|UUID|BLOB"
PERSONAL_VALUE = r"^\p{Han}{2,4}$|^.{1,40}·.{1,40}$|\*{3,}"
# An ID number with a plausible date, a mobile number, an e-mail address; not inside a longer run of letters or digits.
PERSONAL_SHAPE = (
    r"(^|[^0-9A-Za-z])("
    r"[1-9]\d{5}(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d{3}[\dXx]"
    r"|1[3-9]\d{9}"
    r"|[0-9A-Za-z._%+-]{2,}@[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*\.[A-Za-z]{2,}"
    r")($|[^0-9A-Za-z])"
)


@dataclass(frozen=True)
class _Suite:
    """Rules over one relation of the session. `subject`: what the checks are about, a mart or the whole release."""

    relation: str
    subject: str
    rules: list[Rule]


def check_release(settings: Settings, progress: Callable[[str], None] | None = None) -> list[Check]:
    """Judge the build in the warehouse; journal every check, write the report and the verdict that publish asks for.

    Returns all checks; a failed one with severity hold closes the gate for this very build. Raises BrainError where
    there is no whole build, LockedError while another run holds the warehouse.
    """
    from expectations.report import write_report

    say = progress or (lambda text: None)
    with connect.writer_lock(settings, "check"):
        build = state.require_build(settings)
        manifest = content.read_manifest(state.manifest_path(settings))
        marts = content.marts(manifest)
        serving = publish.current(settings)
        checks = [*_ledger_check(settings, build)]
        with Session(_setup(settings, marts, serving), [settings.home]) as session:
            suites = list(_suites(settings, build, manifest, marts, serving, session))
            for number, suite in enumerate(suites, 1):
                say(f"check {number}/{len(suites)} {suite.subject}: {len(suite.rules)} rules")
                checks += [
                    Check(
                        "release", suite.subject, None, suite.subject, None, o.rule.name, column,
                        o.success, o.rule.severity, o.observed, o.rule.expected,
                    )
                    for o in session.validate(suite.relation, suite.rules)
                    for column in _columns(session, suite, o)
                ]  # fmt: skip
            checks += _missing_marts(session, marts, serving)
        journal.append(settings, "checks", journal_rows(checks))
        failed = sorted({f"{c.suite}: {c.name}{f'({c.column})' if c.column else ''}" for c in checks if c.holds})
        state.write_gate(
            settings,
            state.Gate(
                build_id=build.build_id,
                success=not failed,
                checked_at=datetime.now(UTC).isoformat(timespec="seconds"),
                run_id=journal.run_id(),
                failed=failed,
            ),
        )
        write_report(settings, checks)
        return checks


def _columns(session: Session, suite: _Suite, outcome: Outcome) -> list[str | None]:
    """The columns that an outcome is about: the one that the rule names, or those that a rule over all found."""
    if outcome.success or outcome.rule.name not in OVER_ALL_COLUMNS:
        return [outcome.rule.column]
    query = outcome.rule.kwargs["unexpected_rows_query"].format(batch=quoted(suite.relation))
    return sorted(column for (column,) in session.query(query))


# -- the session ------------------------------------------------------------------------------------------------------


def _setup(settings: Settings, marts: list[content.Mart], serving: publish.Release | None) -> Iterator[str]:
    """Attach the built files, the current release and raw; a view for each mart, and what the common rules look at."""
    folder = settings.warehouse_dir
    for name in state.DATABASES:
        yield f"attach {literal(str(folder / f'{name}.duckdb'))} as {name} (read_only)"
    if serving:
        for name in state.SERVED:
            yield f"attach {literal(str(serving.path / f'{name}.duckdb'))} as before_{name} (read_only)"
    for mart in marts:
        yield f"create view {quoted(_relation(mart))} as select * from {mart.database}.main.{quoted(mart.name)}"
    yield (
        "create view served_columns as "
        "select database_name as db, table_name as tbl, column_name as col, data_type as typ "
        "from duckdb_columns() where database_name in ('official', 'audit') and not internal"
    )
    yield f"create table personal_values as {_personal_values(load_sources(settings, all_profiles=True))}"


def _relation(mart: content.Mart) -> str:
    return f"{mart.database}__{mart.name}"


def _personal_values(sources: dict[str, Source]) -> str:
    """The values of personal fields in raw that name a person, once each: what must not stand in an official column.

    Kept are two to four Chinese characters, names with a middle dot, and masked numbers. A longer value names no
    person: of 53,492 values measured in the public sources 6,261 are longer, and these are organisations (a publishing
    house that leads a project) and biographies. Words that are a name and something else stand in `not_personal`, and
    what a record calls an institution by its `subject_type` is nobody's name: units are written in four characters too.
    """

    def persons(record: Record) -> str:
        has_type = any(f.name == "subject_type" for f in record.fields)
        return " where subject_type is distinct from 'institution'" if has_type else ""

    parts = [
        f"select cast({quoted(f.name)} as varchar) as v from brain.raw.{quoted(record.table)}{persons(record)}"
        for source in sources.values()
        for record in source.records
        for f in record.fields
        if f.is_personal and f.type == "string"
    ]
    union = " union all ".join(parts) or "select cast(null as varchar) as v"
    words = ", ".join(literal(w) for w in load("release")["not_personal"]) or "''"
    return (
        f"select distinct trim(v) as v from ({union}) "
        f"where regexp_matches(trim(v), {literal(PERSONAL_VALUE)}) and trim(v) not in ({words})"
    )


# -- the suites -------------------------------------------------------------------------------------------------------


def _suites(
    settings: Settings,
    build: state.Build,
    manifest: dict[str, Any],
    marts: list[content.Mart],
    serving: publish.Release | None,
    session: Session,
) -> Iterator[_Suite]:
    document = load("release")
    known = {m.full_name for m in marts}
    unknown = sorted(set(document["marts"]) - known)
    if unknown:
        raise BrainError(
            f"rules/release.yml names {unknown[0]}, which dbt does not build", "mend the name, or the model"
        )
    columns: dict[str, dict[str, str]] = {}
    for db, tbl, col, typ in session.query("select db, tbl, col, typ from served_columns order by 1, 2, 3"):
        columns.setdefault(f"{db}.{tbl}", {})[col] = typ
    sources = load_sources(settings, all_profiles=True)
    yield _Suite("served_columns", "release", _column_rules(sources, marts))
    keys = _keys(manifest)
    for mart in marts:
        own = columns.get(mart.full_name, {})
        rules = [
            *_key_rules(keys.get(mart.unique_id, [])),
            *_count_rules(mart, document, serving, session),
            *_written_rules(document["marts"].get(mart.full_name, {}), build),
        ]
        if mart.database == "official":
            rules += _value_rules(own)
        if "record_ids" in own and PROOFS[mart.database] in known:
            rules.append(_proof_rule(mart))
        yield _Suite(_relation(mart), mart.full_name, rules)


def _keys(manifest: dict[str, Any]) -> dict[str, list[str]]:
    """Columns that dbt declares unique, by model: the key is stated once, in the model's YAML."""
    keys: dict[str, list[str]] = {}
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        if node["resource_type"] == "test" and test.get("name") == "unique" and node.get("attached_node"):
            keys.setdefault(node["attached_node"], []).append(node["column_name"])
    return keys


def _key_rules(columns: list[str]) -> list[Rule]:
    rules = []
    for column in columns:
        rules.append(Rule("expect_column_values_to_not_be_null", {"column": column}, "key_filled", "hold", "0"))
        rules.append(Rule("expect_column_values_to_be_unique", {"column": column}, "key_unique", "hold", "0"))
    return rules


def _count_rules(
    mart: content.Mart, document: dict[str, Any], serving: publish.Release | None, session: Session
) -> list[Rule]:
    """Rows against the current release. Without one there is nothing to fall below.

    Marts that describe runs are left out: publishing fills them, and they grow with every run.
    """
    if mart.describes_runs:
        return []
    kind = "expect_table_row_count_to_be_between"
    before = 0
    if serving:
        found = session.query(
            "select 1 from duckdb_tables() where "
            f"database_name = 'before_{mart.database}' and table_name = {literal(mart.name)}"
        )
        if found:
            before = session.query(f"select count(*) from before_{mart.database}.main.{quoted(mart.name)}")[0][0]
    if not before:
        return [Rule(kind, {"min_value": 0}, "row_count", "hold", NO_HISTORY)]
    rules = []
    for severity in ("hold", "warn"):
        low = int(before * document["row_count"][severity])
        rules.append(Rule(kind, {"min_value": low}, "row_count", severity, f"≥ {low}"))
    return rules


def _missing_marts(session: Session, marts: list[content.Mart], serving: publish.Release | None) -> list[Check]:
    """Marts that the current release has and this build has not: somebody may still read them."""
    if not serving:
        return []
    before = (
        {
            f"{db.removeprefix('before_')}.{table}"
            for db, table in session.query(
                "select database_name, table_name from duckdb_tables() where starts_with(database_name, 'before_')"
            )
        }
        - {f"{db}.release_info" for db in state.SERVED}
        - {f"official.{changes.TABLE}"}
    )
    gone = sorted(before - {m.full_name for m in marts})
    expected = "与当前发布相同"
    return [
        Check(
            "release", "release", None, "release", None, "marts_kept", None, not gone, "warn", ", ".join(gone), expected
        )
    ]


def _written_rules(entry: dict[str, Any], build: state.Build) -> list[Rule]:
    """Rules of rules/release.yml: `expect` (Great Expectations' name), its arguments, `check`, `severity`, `why`."""
    as_of = date.fromisoformat(build.as_of)
    values = {"$as_of": as_of.isoformat(), "$as_of_year": as_of.year, "$next_year": as_of.year + 1}
    rules = []
    for item in entry.get("rules", ()):
        item = {k: values.get(v, v) if isinstance(v, str) else v for k, v in item.items()}
        profiles = item.pop("profiles", None)
        if profiles and build.profile not in profiles:
            continue
        item.pop("why")
        kind, name, severity = item.pop("expect"), item.pop("check"), item.pop("severity", "hold")
        expected = item.pop("expected", None) or _span(item)
        rules.append(Rule(kind, item, name, severity, expected))
    return rules


def _span(arguments: dict[str, Any]) -> str:
    """Limits as people write them: 900 – 2026, ≥ 5, ≤ 100."""
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if low is None or high is None:
        return f"≥ {low}" if low is not None else f"≤ {high}" if high is not None else ""
    return f"{low} – {high}"


def _proof_rule(mart: content.Mart) -> Rule:
    """Every record a row names was received: in the official file by record_proofs, in the audit file by
    audit_records."""
    database, table = PROOFS[mart.database].split(".")
    query = (
        "select id from (select unnest(from_json(record_ids, '[\"VARCHAR\"]')) as id from {batch}) "
        f"where id not in (select record_id from {database}.main.{table})"
    )
    return Rule("unexpected_rows_expectation", {"unexpected_rows_query": query}, "records_proved", "hold", "0")


# -- protection -------------------------------------------------------------------------------------------------------


def _column_rules(sources: dict[str, Source], marts: list[content.Mart]) -> list[Rule]:
    """What may be a column of a served table at all."""
    forbidden = sorted(forbidden_names(sources))
    declared = [
        f"({literal(m.database)}, {literal(m.name)}, {literal(column)})"
        for m in marts
        for column, meta in m.column_meta.items()
        if meta.get("classification") in ("personal", "sensitive")
    ]
    rules = [
        _none_of(
            "personal_names",
            f"db = 'official' and lower(col) in ({', '.join(map(literal, forbidden))})",
            "公务库无个人字段名",
        ),
        _none_of("served_types", f"regexp_matches(typ, {literal(CLOSED_TYPES)})", "无列表、结构、大整数类型"),
    ]
    if declared:
        inside = f"db = 'official' and (db, tbl, col) in ({', '.join(declared)})"
        rules.append(_none_of("personal_classified", inside, "公务库无个人分类字段"))
    return rules


def _none_of(name: str, condition: str, expected: str) -> Rule:
    query = f"select col from {{batch}} where {condition}"
    return Rule("unexpected_rows_expectation", {"unexpected_rows_query": query}, name, "hold", expected)


def forbidden_names(sources: dict[str, Source]) -> set[str]:
    """Names that no official column may have: the listed ones, and those of contract fields that are personal
    wherever they occur (a `name` is a person's in one contract and a laboratory's in another: its values are looked
    at instead)."""
    personal = {f.name for s in sources.values() for r in s.records for f in r.fields if f.is_personal}
    public = {f.name for s in sources.values() for r in s.records for f in r.fields if not f.is_personal}
    return set(load("release")["forbidden_columns"]) | (personal - public)


def _value_rules(columns: dict[str, str]) -> list[Rule]:
    """Text columns of an official mart: no value of a personal field, nothing shaped like a number or address of a
    person.

    One rule over all columns of a mart, whose unexpected rows are the names of the columns: a rule for each would be
    1,100 rules, and Great Expectations takes 14 ms for one.
    """
    texts = [column for column, type_ in columns.items() if type_ == "VARCHAR"]
    if not texts:
        return []

    def none(name: str, condition: Callable[[str], str]) -> Rule:
        parts = (f"select {literal(c)} as column_name from {{batch}} where {condition(quoted(c))}" for c in texts)
        kwargs = {"unexpected_rows_query": f"select distinct column_name from ({' union all '.join(parts)})"}
        return Rule("unexpected_rows_expectation", kwargs, name, "hold", "0")

    shape = literal(PERSONAL_SHAPE).replace("{", "{{").replace("}", "}}")  # single braces are Great Expectations'
    return [
        none("no_personal_value", lambda c: f"trim({c}) in (select v from personal_values)"),
        none("no_personal_shape", lambda c: f"regexp_matches({c}, {shape})"),
    ]


def _ledger_check(settings: Settings, build: state.Build) -> list[Check]:
    """Whether the build has seen every batch; an older build may be released, but not unknowingly."""
    head = Ledger(settings).head()
    size = head.size if head else 0
    return [
        Check(
            "release", "release", None, "release", None, "newest_batches", None, build.ledger_size == size, "warn",
            f"{build.ledger_size}", f"{size}",
        )
    ]  # fmt: skip
