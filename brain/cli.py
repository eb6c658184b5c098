"""The command line: a contract. `--json` prints one document on stdout, messages go to stderr.

Exit codes: 0 done, 1 failed, 2 usage, 3 held by a gate, 75 another run holds the lock.
"""

from __future__ import annotations

import errno
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from brain import cli_proof
from brain.errors import BrainError, HeldError
from brain.settings import Settings

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


class Group(click.Group):
    """Turns our own errors into one line and an exit code; defects keep their traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrainError as e:
            click.secho(f"error: {e.message}", fg="red", err=True)
            if e.hint:
                click.echo(f"  try: {e.hint}", err=True)
            ctx.exit(e.exit_code)
        except OSError as e:
            if e.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            click.secho(f"error: {e.strerror}: {e.filename or 'a file of the state'}", fg="red", err=True)
            click.echo("  try: make room (old logs/ may go), then run it again; nothing has to be cleaned up", err=True)
            ctx.exit(1)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="science-brain")
def main() -> None:
    """Science Brain 科技大脑: from what the sources sent to dashboards, and back to the bytes.

    A day's work is `brain run`: ingest every source, build, check, publish. Then `brain status` says where things
    stand, and `brain trace` follows any number back. Settings come from the environment (BRAIN_HOME, BRAIN_PROFILE, …).
    """


def _say() -> Callable[[str], None]:
    """Progress on stderr, with the time since the command began."""
    began = time.monotonic()

    def say(text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        click.echo(f"[{minutes}:{seconds:02d}] {text}", err=True)

    return say


def _default(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, default=_default, indent=None))


def _table(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """A plain table for people."""
    texts = [[("" if r.get(c) is None else str(r.get(c))) for c in columns] for r in rows]
    widths = [max([len(c), *(len(t[i]) for t in texts)]) for i, c in enumerate(columns)]
    click.echo("  ".join(c.ljust(w) for c, w in zip(columns, widths, strict=True)).rstrip())
    for t in texts:
        click.echo("  ".join(c.ljust(w) for c, w in zip(t, widths, strict=True)).rstrip())


def source_rows(settings: Settings) -> list[dict[str, Any]]:
    """Sources of the profile with their last batch and whether it is fresh (`fresh`, `stale` or `never`)."""
    from ingest.contract import load_sources
    from ingest.ledger import Ledger

    last: dict[str, str] = {}
    if settings.ledger_path.exists():
        last = {e.source: e.committed_at for e in Ledger(settings).entries() if e.kind in ("committed", "held")}
    now = datetime.now(UTC)
    rows = []
    for s in load_sources(settings).values():
        at = last.get(s.name)
        limit = timedelta(hours=s.freshness_hours) if s.freshness_hours else None
        stale = bool(at and limit and now - datetime.fromisoformat(at) > limit)
        rows.append(
            {
                "name": s.name,
                "title": s.title,
                "records": [r.name for r in s.records],
                "schedule": s.schedule,
                "last_batch": at,
                "freshness": "never" if at is None else "stale" if stale else "fresh",
            }
        )
    return rows


@main.command()
@AS_JSON
def sources(as_json: bool) -> None:
    """List sources, their record types, schedules and freshness."""
    rows = source_rows(Settings.from_env())
    if as_json:
        _print_json({"sources": rows})
    else:
        _table(
            [{**r, "records": ", ".join(r["records"])} for r in rows],
            ["name", "records", "schedule", "last_batch", "freshness"],
        )


def _ingest(
    settings: Settings, names: tuple[str, ...], full: bool, since: date | None
) -> tuple[list[Any], list[BrainError]]:
    from ingest.contract import load_sources
    from ingest.run import ingest_source, source_of

    chosen = [source_of(settings, n).name for n in names] or list(load_sources(settings))
    batches: list[Any] = []
    errors: list[BrainError] = []
    say = _say()
    for name in chosen:
        try:
            batches += ingest_source(settings, name, full=full, since=since, progress=say)
        except BrainError as e:  # one source that is down does not stop the others
            click.secho(f"error: {e}", fg="red", err=True)
            errors.append(e)
            batches += e.batches
    return batches, errors


def _outcome(batches: list[Any], errors: list[BrainError]) -> None:
    """End with the right exit code: a failure first, then a hold."""
    if errors:
        sys.exit(errors[0].exit_code)
    if any(b.held for b in batches):
        sys.exit(HeldError.exit_code)


def _since(value: datetime | None) -> date | None:
    return value.date() if value else None


SINCE = click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Ask for what changed from this date on.")


@main.command()
@click.argument("names", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--full", is_flag=True, help="Ask for everything, even where the source can tell what changed.")
@SINCE
@AS_JSON
def ingest(names: tuple[str, ...], full: bool, since: datetime | None, as_json: bool) -> None:
    """Fetch, land, read, check and commit the named sources."""
    batches, errors = _ingest(Settings.from_env(), names, full, _since(since))
    if as_json:
        _print_json({"batches": [b.json() for b in batches], "errors": [e.message for e in errors]})
    _outcome(batches, errors)


@main.command()
@click.option("--full", is_flag=True, help="Begin from nothing, not from what still holds of the last build.")
@AS_JSON
def build(full: bool, as_json: bool) -> None:
    """Build the marts from all committed batches (dbt)."""
    from warehouse.build import build as run

    models = run(Settings.from_env(), progress=_say(), full=full)
    if as_json:
        _print_json({"models": models})


def _check(settings: Settings) -> list[Any]:
    from expectations.release import check_release

    checks = check_release(settings)
    for c in checks:
        if not c.success:
            word = "HOLD" if c.holds else "warn"
            click.echo(f"{word}  {c.suite}.{c.name} {c.column or ''}: {c.observed}; expected {c.expected}", err=True)
    return checks


def _check_json(checks: list[Any]) -> dict[str, Any]:
    return {"checks": [asdict(c) for c in checks], "success": not any(c.holds for c in checks)}


@main.command()
@AS_JSON
def check(as_json: bool) -> None:
    """Judge the build: the release gate."""
    checks = _check(Settings.from_env())
    if as_json:
        _print_json(_check_json(checks))
    else:
        click.echo(f"{sum(c.success for c in checks)} of {len(checks)} checks passed")
    if any(c.holds for c in checks):
        sys.exit(HeldError.exit_code)


@main.command()
@click.option(
    "--rollback",
    "rollback_to",
    is_flag=False,
    flag_value="",
    metavar="[RELEASE]",
    help="Return to the release before, or to a named kept one.",
)
@AS_JSON
def publish(rollback_to: str | None, as_json: bool) -> None:
    """Make the checked build the current release, or return to a kept one."""
    from warehouse.publish import publish as run
    from warehouse.publish import rollback

    settings = Settings.from_env()
    release = run(settings, progress=_say()) if rollback_to is None else rollback(settings, rollback_to or None)
    if as_json:
        _print_json(_release_json(release))
    else:
        click.echo(f"current release: {release.id} ({release.content_hash[:16]})")


def _release_json(release: Any) -> dict[str, Any]:
    return {"release": release.id, "path": release.path, "content_hash": release.content_hash}


@main.command()
@click.argument("names", metavar="[SOURCE...]", nargs=-1)
@click.option("--full", is_flag=True, help="Ask for everything, even where the source can tell what changed.")
@SINCE
@AS_JSON
def run(names: tuple[str, ...], full: bool, since: datetime | None, as_json: bool) -> None:
    """Ingest (all sources, or the named ones), build, check and publish, in one process."""
    from warehouse.build import build as run_build
    from warehouse.publish import publish as run_publish

    settings = Settings.from_env()
    document: dict[str, Any] = {}
    batches, errors = _ingest(settings, names, full, _since(since))
    document |= {"batches": [b.json() for b in batches], "errors": [e.message for e in errors]}
    held = False
    try:
        if batches:
            document["models"] = run_build(settings, progress=_say())
            checks = _check(settings)
            document |= _check_json(checks)
            held = not document["success"]
            if not held:
                release = run_publish(settings, progress=_say())
                document |= _release_json(release)
                click.echo(f"current release: {release.id}", err=True)
    finally:
        if as_json:
            _print_json(document)
    if held:
        click.secho("the release is held; the last one keeps serving", fg="red", err=True)
        sys.exit(HeldError.exit_code)
    _outcome(batches, errors)


@main.command()
@click.argument("ref", required=False)
@click.option("--forward", is_flag=True, help="The other way: the rows and figures that a record came to, or its gate.")
@click.option("--figure", metavar="MART.METRIC", help="The rows and records that a figure was counted from.")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="With --figure: only such rows; may be repeated.")
@AS_JSON
def trace(ref: str | None, forward: bool, figure: str | None, where: tuple[str, ...], as_json: bool) -> None:
    """Follow REF to the bytes a source sent.

    REF is a record id (nsfc:project:71701001), a mart row (fct_projects:<key>) or an entity id, as dashboards show
    them.
    """
    if bool(ref) == bool(figure) or (where and not figure) or (forward and not ref):
        raise click.UsageError("give REF, or --figure with or without --where")
    if forward or figure:
        cli_proof.show_reach(ref, figure, where, as_json)
        return
    from warehouse.trace import trace as run

    found = run(Settings.from_env(), ref)
    if as_json:
        _print_json(found)
        return
    for e in found["entities"]:
        click.echo(f"{e['mart']}  {e['id']}  {e['label'] or ''}")
    for r in found["records"]:
        click.secho(r["record_id"], bold=True)
        for link in r["links"]:
            to = f" to {link['linked_record_id']} {link['linked_role']}" if link["linked_record_id"] else ""
            why = f"{link['rule']} {link['probability']:.4g}{to}  {link['evidence'] or ''}".rstrip()
            click.echo(f"  {link['role']} is {link['entity_id']}: {why}")
        for v in r["versions"]:
            p = v["payload"] or {}
            state = {True: "verified", False: "NOT VERIFIED", None: "left out by a complete delivery"}[v["verified"]]
            click.echo(
                f"  version {v['version']}  {v['change']}  batch {v['batch']}  received {v['received_at']}  {state}"
            )
            if p:
                click.echo(f"    from {p['url']}  at {v['pointer']}")
                click.echo(f"    bytes {p['offset']}+{p['length']} of {p['segment']}  sha256 {p['sha256']}")
                raw = v["raw"] if isinstance(v["raw"], str) else json.dumps(v["raw"], ensure_ascii=False)
                click.echo(f"    raw {raw}".rstrip())
    click.echo(
        f"{len(found['models'])} model runs and {len(found['checks'])} checks stand behind it (--json lists them)"
    )


@main.command()
@click.option("--served", is_flag=True, help="Walk every row of the release, too, back to records just proven.")
@AS_JSON
def verify(served: bool, as_json: bool) -> None:
    """Prove the whole chain again: ledger, every landed byte, raw against landing."""
    from warehouse.verify import verify as run

    found = run(Settings.from_env(), progress=_say(), served=served)
    if as_json:
        _print_json(found)
    else:
        click.echo(f"{found['entries']} entries, {found['payloads']} payloads, {found['records']} records")
        if walked := found.get("served"):
            traced = walked["rows"] - walked["without_records"] - walked["untraced_rows"]
            click.echo(
                f"{traced} rows of {walked['marts']} marts lead to {walked['records']} proven records; "
                f"{walked['without_records']} name none, for they count nothing or are the house's own"
            )
        for p in found["problems"]:
            click.secho(f"PROBLEM {p['kind']}: {p['where']}", fg="red")
        for seq in found["not_compared"]:
            click.echo(
                f"batch {seq} was not compared with landing: its contract changed, the next ingest derives it again"
            )
        for path in found["uncommitted"]:
            click.echo(f"uncommitted (no problem, the next run moves it to leftovers/): {path}")
        click.echo(found["checkpoint"] or "no entry yet")
    if found["problems"]:
        sys.exit(1)


@main.command("match")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--column", help="Column of a CSV file that holds the texts; without it every line is one.")
@AS_JSON
def match_affiliations(file: Path, column: str | None, as_json: bool) -> None:
    """Link affiliations in any language to the institutions they name, or to none."""
    from warehouse.resolve.match import match_file

    rows = match_file(Settings.from_env(), file, column)
    if as_json:
        _print_json({"rows": rows})
    else:
        _table(rows, ["input", "entity_id", "ror_id", "score", "rule"])


@main.command("review")
@click.option("--type", "entity_type", type=click.Choice(["institution", "person"]), help="Only these.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many, most valuable first."
)
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write a file to fill in.")
@AS_JSON
def review_entities(entity_type: str | None, limit: int, csv_file: Path | None, as_json: bool) -> None:
    """List pairs of entities that may be one, for stewards to decide.

    The file of --csv is one of the source steward: fill in number, decision (合并 or 拆分), names and days, delete what
    stays undecided, and lay it into the drop as steward/entity_decisions_<yyyy-mm-dd>.csv.
    """
    from warehouse.review import reviews, write_csv

    settings = Settings.from_env()
    rows = reviews(settings, entity_type, limit)
    if csv_file:
        write_csv(settings, rows, csv_file)
        click.echo(f"{len(rows)} pairs in {csv_file}", err=True)
    if as_json:
        _print_json({"reviews": rows})
    elif not csv_file:
        _table(rows, ["review_value", "mention_count", "probability", "rule", "mention_a", "mention_b", "evidence"])


@main.command("veto")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--column", help="Column of a CSV file that holds them; without it every line is one.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Judge this day. Default: the day of the release.")
@AS_JSON
def veto_file(file: Path, column: str | None, as_of: datetime | None, as_json: bool) -> None:
    """Say who of a list is barred, and by which decision.

    FILE holds names, credit codes, ID numbers or ORCIDs. ID numbers are turned into keyed pseudonyms as they are read.
    """
    from warehouse.veto import veto_file as run

    found = run(Settings.from_env(), file, column, _since(as_of))
    if as_json:
        _print_json(found)
        return
    rows = []
    for row in found["rows"]:
        known = "blocked" if row["blocked"] else "free" if row["entity_id"] else "not known here"
        told = {"input": row["input"], "answer": known, "entity_id": row["entity_id"]}
        for case in row["cases"] or [{}]:
            decided = {k: case.get(k) for k in ("decision_no", "barred_from_date", "free_date", "rule_version")}
            rows.append({**told, **decided})
    _table(rows, ["input", "answer", "entity_id", "decision_no", "barred_from_date", "free_date", "rule_version"])
    c = found["certificate"]
    click.echo(f"as of {c['as_of']}, by release {c['release']} (content {c['content_hash']})")


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@AS_JSON
def sanctions(folder: Path, as_json: bool) -> None:
    """Write the list for joint sanctions (联合惩戒) into FOLDER: CSV and JSON with their checksums."""
    from warehouse.veto import share

    found = share(Settings.from_env(), folder)
    if as_json:
        _print_json(found)
    else:
        click.echo(f"{found['rows']} decisions in {folder}; check the files with `sha256sum -c SHA256SUMS`")


@main.command("metrics")
@click.argument("names", metavar="[MART.METRIC...]", nargs=-1)
@click.option("--by", multiple=True, metavar="COLUMN", help="One row per value of this column; may be given again.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write a CSV file.")
@AS_JSON
def count_metrics(names: tuple[str, ...], by: tuple[str, ...], csv_file: Path | None, as_json: bool) -> None:
    """Count the house's figures over the current release, as the dashboards do: both read one definition."""
    from warehouse.figures import figures, write_csv

    found = figures(Settings.from_env(), names, by)
    if csv_file:
        write_csv(found["rows"], by, csv_file)
        click.echo(f"{len(found['rows'])} rows in {csv_file}", err=True)
    if as_json:
        _print_json(found)
    elif not csv_file:
        _table(
            [{**r, **r["group"], "metric": f"{r['mart']}.{r['name']}"} for r in found["rows"]],
            ["metric", *by, "label", "shown", "unit"],
        )


@main.command("alerts")
@click.option("--send", is_flag=True, help="Enter what is new or over, and tell every channel what it was not told.")
@click.option(
    "--audit", is_flag=True, help="List those of the auditors too; that you looked is written to the journal."
)
@AS_JSON
def list_alerts(send: bool, audit: bool, as_json: bool) -> None:
    """List what somebody has to act on, the most severe first; with --send, tell it.

    Each alert is told once when it begins, when it grows worse and when it ends. Channels come from BRAIN_ALERTS.
    """
    from brain.alerts import deliver
    from brain.alerts.current import SEVERITY_LABELS, holding

    settings = Settings.from_env()
    events: list[Any] = []
    told: list[Any] = []
    if send:
        found, events, told = deliver.tell(settings)
    else:
        found = holding(settings)
    if audit:
        _note_access(settings, "alerts --audit", [a.alert_id for a in found.alerts if a.audience == "audit"])
    seen = [a for a in found.alerts if audit or a.audience == "official"]
    if as_json:
        _print_json(
            {
                "release": found.release or None,
                "alerts": [a.json() for a in seen],
                "events": [
                    {"id": e.event_id, "event": e.event, "alert_id": e.alert.alert_id}
                    for e in events
                    if audit or e.alert.audience == "official"
                ],
                "channels": told,
            }
        )
    else:
        rows = [{**a.json(), "severity": SEVERITY_LABELS[a.severity], "since": a.since_date} for a in seen]
        _table(rows, ["severity", "since", "owner_name", "title", "next_command"])
        for d in told:
            why = f" ({d.reason})" if d.reason else ""
            click.echo(f"{d.channel}: {d.posted} messages posted, {d.pending} waiting{why}", err=True)
    if any(d.failed for d in told):
        sys.exit(1)


def _note_access(settings: Settings, action: str, refs: list[str]) -> None:
    """Who looked at records that are logged (the user of this machine)."""
    import getpass

    from brain import journal

    if refs:
        journal.append(settings, "access", [{"who": getpass.getuser(), "action": action, "ref": r} for r in refs])


@main.command("columns")
@click.argument("ref", metavar="[MART[.COLUMN]]", required=False)
@AS_JSON
def explain_columns(ref: str | None, as_json: bool) -> None:
    """Say what the columns of a mart mean and from which fields of which sources they come."""
    from warehouse.origins import columns as run

    found = run(Settings.from_env(), ref)
    if as_json:
        _print_json(found)
    elif ref is None:
        _table(found["rows"], ["mart", "label", "database", "columns"])
    else:
        for row in found["rows"]:
            click.secho(f"{row['relation']}.{row['column']}  {row['label']}  {row['type']}", bold=True)
            click.echo(f"  {row['description']}")
            click.echo(f"  made of {', '.join(row['parents']) or 'nothing but the rows of ' + ', '.join(row['reads'])}")
            for o in row["origins"]:
                click.echo(f"    {o['kind']:6} {o['relation']}.{o['column']}  {o['label'] or ''}")


@main.group()
def quarantine() -> None:
    """What was refused, and why."""


@quarantine.command("list")
@click.option("--source", help="Only this source.")
@AS_JSON
def quarantine_list(source: str | None, as_json: bool) -> None:
    """List refused records with their reasons, newest batch first."""
    from ingest.quarantine import list_items

    items = list_items(Settings.from_env(), source)
    if as_json:
        _print_json({"items": items})
    else:
        _table(
            [{**i, "reasons": ", ".join(i["reasons"])} for i in items], ["id", "source", "record", "reasons", "pointer"]
        )


@quarantine.command("show")
@click.argument("item_id", metavar="ID")
@AS_JSON
def quarantine_show(item_id: str, as_json: bool) -> None:
    """Show one refused record as it was sent. That you looked is written to the journal."""
    from ingest.quarantine import show

    item = show(Settings.from_env(), item_id)
    if as_json:
        _print_json(item)
    else:
        for key in ("id", "source", "record", "batch", "reasons", "url", "pointer", "received_at", "original"):
            click.echo(f"{key:12} {item[key]}")


@quarantine.command("release")
@click.argument("item_id", metavar="ID")
@click.option("--why", required=True, help="The reason; it is entered in the ledger.")
@AS_JSON
def quarantine_release(item_id: str, why: str, as_json: bool) -> None:
    """Let a refused record in as it is; what cannot be typed becomes empty."""
    from ingest.quarantine import release

    batch = release(Settings.from_env(), item_id, why)
    if as_json:
        _print_json({"batches": [batch.json()]})
    else:
        click.echo(f"released as batch {batch.seq}; `brain build` brings it into the marts")


@main.group()
def demo() -> None:
    """The stand-in city, for places that have no real sources."""


SEED = click.option("--seed", type=int, help="Another seed, another city. Default: the city of BRAIN_HOME, else 1.")
SCALE = click.option(
    "--scale", type=float, help="Size: 0.1 for tests, 1 about 40,000 records, 10 the plan's own numbers."
)


@demo.command("serve")
@SEED
@SCALE
@click.option("--port", type=int, help="Default: BRAIN_DEMO_PORT.")
@click.option("--faults", default="", help="Misbehave: kind[:/path][@first][xtimes], or random:SEED; comma-separated.")
@click.option("--list-faults", is_flag=True, help="Only print the kinds of faults.")
def demo_serve(seed: int | None, scale: float | None, port: int | None, faults: str, list_faults: bool) -> None:
    """Serve the city's source systems on this machine until interrupted: HTTP, dropped files, a database."""
    from demo import commands
    from demo.faults import FILE_KINDS, KINDS

    if list_faults:
        _table([{"kind": k, "what": what} for k, what in {**KINDS, **FILE_KINDS}.items()], ["kind", "what"])
        return
    settings = Settings.from_env()
    commands.serve_city(settings, seed, scale, port or settings.demo_port, faults, click.echo)


@demo.command("advance")
@click.option("--days", type=click.IntRange(min=0), required=True, help="How many days pass.")
@SEED
@SCALE
@click.option("--faults", default="", help="What goes wrong with the files of these days; see `brain demo serve`.")
@AS_JSON
def demo_advance(days: int, seed: int | None, scale: float | None, faults: str, as_json: bool) -> None:
    """Let time pass in the city of BRAIN_HOME. A running server follows; files and database rows are delivered."""
    from demo import commands

    found = commands.advance(Settings.from_env(), days, seed, scale, faults)
    if as_json:
        _print_json(found)
    else:
        click.echo(f"it is day {found['day']}, {found['today']}; {len(found['files'])} new files")


@demo.command("truth")
@SEED
@SCALE
@click.option("--day", type=click.IntRange(min=0), help="Default: the day of the city of BRAIN_HOME, else 0.")
@AS_JSON
def demo_truth(seed: int | None, scale: float | None, day: int | None, as_json: bool) -> None:
    """Print what is planted in the city: what the platform should find, and what only looks like it."""
    from demo import commands

    found = commands.truth_of(Settings.from_env(), seed, scale, day)
    if as_json:
        _print_json(found)
        return
    near = found.pop("near_misses")
    rows = [{"list": name, "planted": len(things), "near": len(near.pop(name, ()))} for name, things in found.items()]
    _table(
        [*rows, *({"list": name, "planted": "", "near": len(n)} for name, n in near.items())],
        ["list", "planted", "near"],
    )


@main.command()
@AS_JSON
def status(as_json: bool) -> None:
    """Where things stand: release, sources, quarantine, services."""
    from brain import services
    from warehouse.publish import current

    settings = Settings.from_env()
    release = current(settings)
    rows = source_rows(settings)
    running = services.status(settings)
    refused = 0
    if settings.ledger_path.exists():
        from ingest.quarantine import list_items

        refused = sum(not i["released"] for i in list_items(settings))
    document = {
        "profile": settings.profile,
        "home": str(settings.home),
        "release": release.id if release else None,
        "sources": rows,
        "quarantine": refused,
        "services": running,
    }
    if as_json:
        _print_json(document)
        return
    click.echo(f"profile {settings.profile} ({settings.profile_label}), state in {settings.home}")
    click.echo(f"release {document['release'] or 'none yet: `make up` or `brain run`'}")
    click.echo(f"quarantine {refused} records\n")
    _table(rows, ["name", "last_batch", "freshness"])
    click.echo("")
    _table(running, ["name", "running", "pid", "seconds", "address"])


@main.command()
def up() -> None:
    """Start everything, run the main job through Airflow if there is no release yet, and say where to look."""
    from brain import services

    services.up(Settings.from_env(), click.echo)


@main.command()
def down() -> None:
    """Stop everything that `brain up` started."""
    from brain import services

    services.down(Settings.from_env(), click.echo)


for command in cli_proof.COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main()
