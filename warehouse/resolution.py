"""What a build found of who is who is committed like a source, so that the next build finds it again.

The tables of links say of each mention whether its entity is another one than the last committed (`event`). What
changed is one batch of the source `resolution`: landed, typed, entered in the ledger as everything else, so a rebuild
reads the same ids and `brain verify` covers them. Where nothing changed nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from brain.errors import BrainError
from brain.settings import Settings
from ingest.fetch.files import DropFile
from ingest.ledger import LedgerEntry
from warehouse import connect

SOURCE = "resolution"
LINKS = {"institution": "int_institution_links", "person": "int_person_links"}


def commit_changes(
    settings: Settings, work: Path, as_of: str, entries: list[LedgerEntry], say: Callable[[str], None]
) -> list[LedgerEntry]:
    """Enter what the build in `work` changed of the membership; returns the entries that the build then has seen.

    These are the given ones and the new one. Where other sources committed meanwhile it is the given ones alone: their
    batches still wait to be built. Raises BrainError where the batch is not taken as it is.
    """
    path = work / f"membership_{as_of}_{len(entries):06d}.jsonl"  # a name of its own: the same changes may come again
    try:
        if not _write(work / "brain.duckdb", path):
            return entries
        return _deliver(settings, path, as_of, entries, say)
    finally:
        path.unlink(missing_ok=True)


def _write(database: Path, path: Path) -> int:
    """Write the changes, one JSON object a line in the order of type and mention; returns how many."""
    with connect.read_write(database) as con:
        tables = {t for (t,) in con.execute("select table_name from duckdb_tables()").fetchall()}
        parts = [
            f"select '{kind}' as entity_type, mention_id, entity_id, event from intermediate.{table} "
            "where event is not null"
            for kind, table in LINKS.items()
            if table in tables
        ]
        if not parts:
            return 0
        changes = f"select * from ({' union all '.join(parts)}) order by entity_type, mention_id"
        return con.execute(f"copy ({changes}) to {connect.literal(str(path))} (format json)").fetchone()[0]


def _deliver(
    settings: Settings, path: Path, as_of: str, entries: list[LedgerEntry], say: Callable[[str], None]
) -> list[LedgerEntry]:
    from ingest.run import Delivery, SourceRun, remove_uncommitted, source_lock, source_of

    day = date.fromisoformat(as_of)
    with source_lock(settings, SOURCE):
        run = SourceRun(settings, source_of(settings, SOURCE), full=False, since=None, say=say)
        remove_uncommitted(settings, run.ledger, SOURCE)
        run.replay_if_changed()
        server = next(s for s in run.source.servers if s.profile == settings.profile)
        file = DropFile(path, f"{SOURCE}/{path.name}", day)
        batches = run.deliver(Delivery(server, day, f"drop:{file.address}", (file,)))
        after = run.ledger.entries()
    if any(b.held or b.quarantined for b in batches):
        raise BrainError(
            "what the build found of who is who was not taken as it is",
            "`brain quarantine list --source resolution` says what resolution.odcs.yaml does not allow",
        )
    ours = {b.seq for b in batches}
    return after if all(e.seq in ours for e in after[len(entries) :]) else entries
