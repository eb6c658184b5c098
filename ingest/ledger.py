"""The append-only log of batches: the one commit point. A batch exists when its entry is committed.

Entries are leaves of an RFC 6962 Merkle tree; after every commit the head is signed (Ed25519) as a C2SP signed note
(https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint). Kept in SQLite. Besides batches there are entries of
the kind `roots`, the Merkle roots over the records of batches before it (warehouse/log), and `key`, a change of the
key that signs.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from brain.errors import IntegrityError
from brain.keys import Keys, load_keys, replace_ledger_key, write_secret
from brain.settings import Settings
from ingest import merkle
from ingest import note as notes

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


def sign_checkpoint(keys: Keys, size: int, root: bytes, successor: Ed25519PrivateKey | None = None) -> str:
    """A checkpoint as a signed note: origin, size, root, blank line, signature; where a key is followed by another,
    that one's signature too."""
    return notes.sign(_text(size, root), ORIGIN, keys.signing_key, *([successor] if successor else []))


def _text(size: int, root: bytes) -> str:
    return f"{ORIGIN}\n{size}\n{base64.b64encode(root).decode()}\n"


def open_checkpoint(public: Ed25519PublicKey | Sequence[Ed25519PublicKey], note: str) -> Head:
    """Verify a signed note and read it. `public`: who must have signed it. Raises IntegrityError."""
    try:
        text = notes.open_note(note, ORIGIN, [public] if isinstance(public, Ed25519PublicKey) else public)
        size, root = int(text.split("\n")[1]), base64.b64decode(text.split("\n")[2], validate=True)
        if text != _text(size, root):
            raise ValueError("another origin or form")
        return Head(size, root.hex(), note)
    except (ValueError, IndexError, IntegrityError) as e:
        raise IntegrityError(f"checkpoint is not ours: {getattr(e, 'message', e)}") from e


@dataclass(frozen=True)
class Succession:
    """Which key signs which head. `changes`: (number of the entry of the kind `key`, key before it, key after it).

    Keys are the 32 bytes of an Ed25519 public key in hex. The head that first holds such an entry bears both
    signatures, so who knows either key can follow to the other.
    """

    changes: tuple[tuple[int, str, str], ...]
    newest: str

    def __post_init__(self) -> None:
        after = self.changes[0][1] if self.changes else self.newest
        for seq, before, then in self.changes:
            if before != after:
                raise IntegrityError(f"entry {seq} replaces a key that did not sign")
            after = then
        if after != self.newest:
            raise IntegrityError("another key signs than the ledger names", "`brain keys --rotate` ends a change begun")

    def signers(self, size: int) -> list[Ed25519PublicKey]:
        """The keys that sign the head over `size` entries."""
        found = [self.changes[0][1] if self.changes else self.newest]
        for seq, before, then in self.changes:
            if size >= seq:
                found = [before, then] if size == seq else [then]
        return [Ed25519PublicKey.from_public_bytes(bytes.fromhex(k)) for k in found]


def succession(bodies: Iterable[str], newest: Ed25519PublicKey) -> Succession:
    """From the bodies of all entries of the kind `key`, in order; raises IntegrityError where one is none."""
    try:
        told = [json.loads(body) for body in bodies]
        changes = tuple((d["seq"], d["replaces"], d["public_key"]) for d in told)
    except (ValueError, TypeError, KeyError) as e:
        raise IntegrityError("an entry of the kind `key` cannot be read") from e
    return Succession(changes, newest.public_bytes_raw().hex())


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

    def _succession(self, connection: sa.Connection) -> Succession:
        query = sa.select(_entries.c.body).where(_entries.c.kind == "key").order_by(_entries.c.seq)
        return succession(connection.execute(query).scalars(), self.keys.public_key)

    def _require_unchanged(self, connection: sa.Connection, leaves: list[str]) -> None:
        note = connection.execute(sa.select(_checkpoints.c.note).order_by(_checkpoints.c.size.desc()).limit(1)).scalar()
        if note is None and not leaves:
            return
        head = open_checkpoint(self._succession(connection).signers(len(leaves)), note or "")
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
        with self.engine.connect() as connection:
            found = connection.execute(sa.select(_checkpoints).order_by(_checkpoints.c.size.desc()).limit(1)).first()
            return open_checkpoint(self._succession(connection).signers(found.size), found.note) if found else None

    def open(self, note: str) -> Head:
        """A head of this ledger, verified with the keys that must have signed it; raises IntegrityError."""
        size = note.partition("\n")[2].partition("\n")[0]
        if not size.isdigit():
            raise IntegrityError("checkpoint is not ours: it names no size")
        with self.engine.connect() as connection:
            return open_checkpoint(self._succession(connection).signers(int(size)), note)

    def newest_note(self) -> str | None:
        with self.engine.connect() as connection:
            query = sa.select(_checkpoints.c.note).order_by(_checkpoints.c.size.desc()).limit(1)
            return connection.execute(query).scalar()

    def note_of(self, size: int) -> str | None:
        """The signed head over that many entries, as it stands; None where no commit ended there."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(_checkpoints.c.note).where(_checkpoints.c.size == size)).scalar()

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

    def commit(
        self,
        bodies: list[dict[str, Any]],
        place: Callable[[int, dict[str, Any]], None],
        successor: Ed25519PrivateKey | None = None,
    ) -> list[LedgerEntry]:
        """Append entries and sign the new head, all or nothing.

        `place(seq, body)` is called for each inside the transaction, once its number is known: it moves the batch's
        files to where readers find them and may complete the body. `successor`: a key that signs too. Raises
        IntegrityError where the entries so far are not those of the newest head: what was changed is never signed
        again.
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
            note = sign_checkpoint(self.keys, len(leaves), root, successor)
            connection.execute(sa.insert(_checkpoints).values(size=len(leaves), note=note))
        return fresh


def rotate_key(settings: Settings) -> tuple[str, str]:
    """Let a new key sign from now on; the old one signs that once, together with it, and is destroyed.

    Returns both public keys in hex. One that was cut off is ended by the next. Raises IntegrityError where the ledger
    was changed, BrainError where it holds nothing.
    """
    following = settings.secrets / "ledger.key.next"
    keys = load_keys(settings)
    if not following.exists():
        write_secret(following, secrets.token_bytes(32).hex())
    new = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(following.read_text().strip()))
    before, then = (k.public_bytes_raw().hex() for k in (keys.public_key, new.public_key()))
    ledger = Ledger(settings, keys)
    changes = [e.data for e in ledger.entries("ledger", "key")]
    if not changes or changes[-1]["public_key"] != then:
        body = {"kind": "key", "source": "ledger", "record": "key", "replaces": before, "public_key": then}
        ledger.commit([body], lambda seq, body: None, new)
    replace_ledger_key(settings, following, then)
    return before, then


NO_BATCH = ("roots", "key")


def batches(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """The entries that are about a delivery. `roots` and `key` are about the ledger itself."""
    return [e for e in entries if e.kind not in NO_BATCH]


def live_entries(entries: list[LedgerEntry]) -> list[LedgerEntry]:
    """The entries whose files make up raw: for each record type those of its newest generation.

    A generation begins when a changed contract makes raw be derived again from landing (`replay`).
    """
    data = [(e, e.data) for e in entries if e.kind in ("committed", "accepted", "replay")]
    newest: dict[tuple[str, str], int] = {}
    for e, d in data:
        newest[e.source, e.record] = max(newest.get((e.source, e.record), 0), d["generation"])
    return [e for e, d in data if d["generation"] == newest[e.source, e.record]]
