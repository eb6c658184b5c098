"""The append-only log of batches: the one commit point. A batch exists when its entry is committed.

Entries are leaves of an RFC 6962 Merkle tree; after every commit the head is signed (Ed25519) as a C2SP signed note
(https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint). Kept in SQLite.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from brain.errors import IntegrityError
from brain.keys import Keys, load_keys
from brain.settings import Settings
from ingest import merkle

ORIGIN = "science-brain/ledger"

_metadata = sa.MetaData()
_entries = sa.Table(
    "entries",
    _metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("committed_at", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("leaf", sa.Text, nullable=False),
)
_checkpoints = sa.Table(
    "checkpoints",
    _metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("note", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class LedgerEntry:
    """One entry. `body` is what the leaf hashes: canonical JSON (sorted keys, no white space, UTF-8)."""

    seq: int
    kind: str
    source: str
    record: str
    committed_at: str
    body: str
    leaf: str

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass(frozen=True)
class Head:
    """A signed head: `size` entries, `root` in hex, the note as text."""

    size: int
    root: str
    note: str


def canonical(data: dict[str, Any]) -> str:
    """The text that a leaf hashes."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sign_checkpoint(keys: Keys, size: int, root: bytes) -> str:
    """A checkpoint as a signed note: origin, size, root, blank line, signature line."""
    text = f"{ORIGIN}\n{size}\n{base64.b64encode(root).decode()}\n"
    signature = keys.signing_key.sign(text.encode())
    blob = _key_hash(keys.public_key) + signature
    return f"{text}\n— {ORIGIN} {base64.b64encode(blob).decode()}\n"


def _key_hash(public: Ed25519PublicKey) -> bytes:
    """C2SP key id: SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), first four bytes."""
    return hashlib.sha256(ORIGIN.encode() + b"\n\x01" + public.public_bytes_raw()).digest()[:4]


def open_checkpoint(public: Ed25519PublicKey, note: str) -> Head:
    """Verify a signed note and read it; raises IntegrityError."""
    try:
        text, _, signature_line = note.partition("\n\n")
        dash, name, blob64 = signature_line.rstrip("\n").split(" ")
        blob = base64.b64decode(blob64, validate=True)
        if note != f"{text}\n\n— {ORIGIN} {base64.b64encode(blob).decode()}\n":
            raise ValueError("not in the one form that we write")  # base64 and line ends leave room for others
        origin, size, root = text.split("\n")
        if (dash, name, origin, blob[:4]) != ("—", ORIGIN, ORIGIN, _key_hash(public)):
            raise ValueError("another key or origin")
        public.verify(blob[4:], (text + "\n").encode())
        return Head(int(size), base64.b64decode(root, validate=True).hex(), note)
    except (ValueError, TypeError, AttributeError, InvalidSignature) as e:
        raise IntegrityError(f"checkpoint is not ours: {e or 'bad signature'}") from e


class Ledger:
    """Opened per run; every method is one transaction."""

    def __init__(self, settings: Settings, keys: Keys | None = None):
        self.settings = settings
        self.keys = keys or load_keys(settings)
        settings.ledger_path.parent.mkdir(parents=True, exist_ok=True)
        self.engine = sa.create_engine(
            f"sqlite:///{settings.ledger_path}", poolclass=sa.NullPool, connect_args={"timeout": 60}
        )

        @sa.event.listens_for(self.engine, "connect")
        def _configure(connection: Any, _: Any) -> None:
            connection.isolation_level = None  # SQLAlchemy's own BEGIN below decides
            for pragma in ("journal_mode=WAL", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")

        with self.engine.connect() as connection:
            for table in _metadata.sorted_tables:  # safe where runs start side by side, which create_all is not
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise

    def _require_unchanged(self, connection: sa.Connection, leaves: list[str]) -> None:
        note = connection.execute(sa.select(_checkpoints.c.note).order_by(_checkpoints.c.size.desc()).limit(1)).scalar()
        if note is None and not leaves:
            return
        head = open_checkpoint(self.keys.public_key, note or "")
        try:
            root = merkle.root(map(bytes.fromhex, leaves)).hex()
        except ValueError:
            root = "a leaf is no hash"
        if (head.size, head.root) != (len(leaves), root):
            raise IntegrityError("the ledger is not what its newest head says", "`brain verify` names what was changed")

    def entries(self, source: str | None = None, record: str | None = None) -> list[LedgerEntry]:
        """All entries in order, or those of one source or record type."""
        query = sa.select(_entries).order_by(_entries.c.seq)
        if source:
            query = query.where(_entries.c.source == source)
        if record:
            query = query.where(_entries.c.record == record)
        with self.engine.connect() as connection:
            return [LedgerEntry(**row._mapping) for row in connection.execute(query)]

    def head(self) -> Head | None:
        """The newest signed head, verified; None before the first entry."""
        note = self.newest_note()
        return open_checkpoint(self.keys.public_key, note) if note else None

    def newest_note(self) -> str | None:
        with self.engine.connect() as connection:
            query = sa.select(_checkpoints.c.note).order_by(_checkpoints.c.size.desc()).limit(1)
            return connection.execute(query).scalar()

    def entries_and_heads(self) -> tuple[list[LedgerEntry], list[tuple[int, str]]]:
        """All entries and all signed heads as (size, note), of one moment: no commit lies between the two."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            entries = [
                LedgerEntry(**r._mapping) for r in connection.execute(sa.select(_entries).order_by(_entries.c.seq))
            ]
            heads = [tuple(r) for r in connection.execute(sa.select(_checkpoints).order_by(_checkpoints.c.size))]
            connection.exec_driver_sql("COMMIT")
        return entries, heads

    def commit(self, bodies: list[dict[str, Any]], place: Callable[[int, dict[str, Any]], None]) -> list[LedgerEntry]:
        """Append entries and sign the new head, all or nothing.

        `place(seq, body)` is called for each inside the transaction, once its number is known: it moves the batch's
        files to where readers find them and may complete the body. Raises IntegrityError where the entries so far are
        not those of the newest head: what was changed is never signed again.
        """
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._write() as connection:
            leaves = list(connection.execute(sa.select(_entries.c.leaf).order_by(_entries.c.seq)).scalars())
            self._require_unchanged(connection, leaves)
            fresh = []
            for body in bodies:
                seq = len(leaves) + 1
                place(seq, body)
                body = {**body, "seq": seq, "committed_at": now}
                text = canonical(body)
                leaf = merkle.leaf_hash(text.encode()).hex()
                leaves.append(leaf)
                entry = LedgerEntry(seq, body["kind"], body["source"], body["record"], now, text, leaf)
                connection.execute(sa.insert(_entries).values(**vars(entry)))
                fresh.append(entry)
            root = merkle.root(bytes.fromhex(leaf) for leaf in leaves)
            note = sign_checkpoint(self.keys, len(leaves), root)
            connection.execute(sa.insert(_checkpoints).values(size=len(leaves), note=note))
        return fresh


def live_entries(entries: list[LedgerEntry]) -> list[LedgerEntry]:
    """The entries whose files make up raw: for each record type those of its newest generation.

    A generation begins when a changed contract makes raw be derived again from landing (`replay`).
    """
    data = [(e, e.data) for e in entries if e.kind in ("committed", "accepted", "replay")]
    newest: dict[tuple[str, str], int] = {}
    for e, d in data:
        newest[e.source, e.record] = max(newest.get((e.source, e.record), 0), d["generation"])
    return [e for e, d in data if d["generation"] == newest[e.source, e.record]]
