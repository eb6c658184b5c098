"""The commands of the transparency log: keys and proofs. `brain.cli` adds them to its group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from brain.settings import Settings

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, default=str))


@click.command()
@click.option("--rotate", is_flag=True, help="Let a new key sign from now on; the old one is destroyed.")
@AS_JSON
def keys(rotate: bool, as_json: bool) -> None:
    """Show the public key that signs the ledger's heads, for auditors to keep; or change it."""
    from brain.keys import load_keys
    from ingest.ledger import ORIGIN, rotate_key
    from ingest.note import verifier_key

    settings = Settings.from_env()
    replaced = rotate_key(settings)[0] if rotate else None
    public = load_keys(settings).public_key
    told = {
        "public_key": public.public_bytes_raw().hex(),
        "verifier_key": verifier_key(ORIGIN, public),
        "replaces": replaced,
    }
    if as_json:
        _print_json(told)
        return
    click.echo(f"public key    {told['public_key']}\nfor notes     {told['verifier_key']}")
    if replaced:
        click.echo(f"it replaces   {replaced}; the head over the change bears both signatures")


@click.command()
@click.argument("record")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The zip to write.")
@click.option("--version", type=click.IntRange(min=1), help="This version of the record. Default: the newest.")
@click.option("--head", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A head kept from earlier.")
@AS_JSON
def proof(record: str, out: Path, version: int | None, head: Path | None, as_json: bool) -> None:
    """Write what proves RECORD (moe:institution:4161010698) to somebody who has the public key and nothing else.

    tools/verify_brain.py checks it. With --head it also shows that the ledger only grew since that head was kept.
    """
    from warehouse.log.proof import prove

    kept = head.read_text(encoding="utf-8") if head else None
    told = prove(Settings.from_env(), record, out, version, kept)
    if as_json:
        _print_json(told)
        return
    click.echo(f"{told['bundle']}: {told['bytes']:,} bytes, {', '.join(told['files'])}")
    if told["withheld"]:
        click.echo(f"withheld: {told['withheld']}")
    click.echo(f"version {told['record']['version']}, batch {told['batch']}, under the head\n{told['checkpoint']}")


def show_reach(ref: str | None, name: str | None, where: tuple[str, ...], as_json: bool) -> None:
    """`brain trace --forward` and `brain trace --figure`."""
    from warehouse.reach import figure, forward

    if not all("=" in w for w in where):
        raise click.UsageError("--where is written COLUMN=VALUE")
    settings = Settings.from_env()
    if name:
        found = figure(settings, name, dict(w.split("=", 1) for w in where))
        lines = [
            f"{found['metric']}  {found['label']}  {found['shown']}  release {found['release']}",
            *(f"{r['id']}  {len(r['record_ids'])} records" for r in found["rows"]),
            f"{len(found['rows'])} rows make it, from {len(found['records'])} records (--json has their hashes)",
        ]
    else:
        found = forward(settings, ref or "")
        lines = [
            *(f"version {v['version']}  {v['change']}  batch {v['batch']}" for v in found["versions"]),
            *(f"{r['mart']}  {r['rows']} rows: {', '.join(r['ids'][:3])}" for r in found["rows"]),
            *(_reached(f) for f in found["figures"]),
            *(f"stopped at the {s['gate']} gate, {s['where']}: {', '.join(s['why'])}" for s in found["stopped"]),
        ]
    if as_json:
        _print_json(found)
    else:
        click.echo("\n".join(lines))


def _reached(told: dict[str, Any]) -> str:
    chosen = "".join(f" {column}={value}" for column, value in told["where"].items())
    return f"{told['metric']}{chosen}  {told['label']}  {told['value']}, without it {told['without']}"


def _say(text: str) -> None:
    click.echo(text, err=True)


def _tell_backup(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(told)
        return
    click.echo(f"{told['folder']}: {told['files']} files, {told['bytes']:,} bytes, release {told['release']}")
    click.echo(told["checkpoint"] or "no entry yet")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@AS_JSON
def backup(folder: Path, as_json: bool) -> None:
    """Copy all that cannot be made again into FOLDER. Keys are no part of it: keep BRAIN_SECRETS elsewhere."""
    from warehouse.log.backup import backup as run

    _tell_backup(run(Settings.from_env(), folder, _say), as_json)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@AS_JSON
def restore(folder: Path, as_json: bool) -> None:
    """Lay the backup in FOLDER into an empty BRAIN_HOME; the keys must lie in BRAIN_SECRETS already."""
    from warehouse.log.backup import restore as run

    _tell_backup(run(Settings.from_env(), folder, _say), as_json)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", required=True, help="Any text; the same text draws the same records.")
@click.option("--n", "n", type=click.IntRange(min=1), default=50, show_default=True, help="How many records.")
@click.option("--source", help="Only records of this source.")
@AS_JSON
def sample(folder: Path, seed: str, n: int, source: str | None, as_json: bool) -> None:
    """Draw records for an audit, the same for the same seed, and write the proof of each into FOLDER."""
    from warehouse.log.sample import sample as run

    told = run(Settings.from_env(), seed, n, folder, source)
    if as_json:
        _print_json(told)
        return
    for r in told["records"]:
        click.echo(f"{r['bundle']}  {r['record_id']}")
    click.echo(f"{len(told['records'])} of {told['population']} records, in {folder}")


COMMANDS = (keys, proof, sample, backup, restore)
