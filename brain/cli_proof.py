"""The commands of the transparency log: keys and proofs. `brain.cli` adds them to its group."""

from __future__ import annotations

import json
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


COMMANDS = (keys,)
