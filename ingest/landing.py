"""Payload bytes as received, before any parsing: write, find, prove.

One fetch is one segment file, `landing/<source>/<fetch_id>.zst`: one zstd frame per payload, so `zstd -dc` reads it.
A source with personal fields has `<fetch_id>.enc` instead: every frame is encrypted with AES-256-GCM under a data key
of its own, which is wrapped by the master key; erasing the data key erases the payload. Beside it,
`<fetch_id>.index.jsonl` has a line per payload.

`stored_sha256` covers the stored bytes, so proving needs no key. `sha256` covers the bytes as received and is left
out of encrypted segments, because the hash of something guessable can be guessed.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from brain.errors import IntegrityError
from brain.keys import Keys
from ingest.fetch import Payload

LEVEL = 2
NONCE = bytes(12)  # every data key encrypts exactly one payload


@dataclass(frozen=True)
class Entry:
    """One line of a segment's index. `offset`, `length`: bytes in the segment; `size`: bytes as received."""

    payload: int
    offset: int
    length: int
    size: int
    stored_sha256: str
    sha256: str | None
    url: str
    status: int
    headers: dict[str, str]
    received_at: str
    wrapped_key: str | None = None

    @classmethod
    def parse(cls, line: str) -> Entry:
        return cls(**json.loads(line))


class SegmentWriter:
    """Writes one segment; nothing is visible to others before `close`, which fsyncs files, then folder."""

    def __init__(self, folder: Path, keys: Keys | None):
        folder.mkdir(parents=True, exist_ok=True)
        self.fetch_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(3)}"
        self.keys = keys
        self.path = folder / f"{self.fetch_id}.{'enc' if keys else 'zst'}"
        self.index_path = folder / f"{self.fetch_id}.index.jsonl"
        self.entries: list[Entry] = []
        self._file: BinaryIO = open(self.path, "xb")  # noqa: SIM115
        self._offset = 0
        self._zstd = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)

    def write(self, payload: Payload) -> Entry:
        """Append one payload; returns its index entry."""
        stored = self._zstd.compress(payload.body)
        wrapped = None
        if self.keys:
            data_key = AESGCM.generate_key(256)
            stored = AESGCM(data_key).encrypt(NONCE, stored, payload.url.encode())
            wrapped = aes_key_wrap(self.keys.landing, data_key).hex()
        entry = Entry(
            payload=len(self.entries),
            offset=self._offset,
            length=len(stored),
            size=len(payload.body),
            stored_sha256=hashlib.sha256(stored).hexdigest(),
            sha256=None if self.keys else hashlib.sha256(payload.body).hexdigest(),
            url=payload.url,
            status=payload.status,
            headers=payload.headers,
            received_at=payload.received_at.astimezone(UTC).isoformat(timespec="microseconds"),
            wrapped_key=wrapped,
        )
        self._file.write(stored)
        self._offset += len(stored)
        self.entries.append(entry)
        return entry

    def close(self) -> Segment:
        """Make the segment durable."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        with open(self.index_path, "x", encoding="utf-8") as f:
            for entry in self.entries:
                f.write(json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":")) + "\n")
            f.flush()
            os.fsync(f.fileno())
        fsync_folder(self.path.parent)
        return Segment(self.path, self.keys)

    def discard(self) -> None:
        """Remove what was written: the fetch failed and nothing refers to it."""
        self._file.close()
        self.path.unlink(missing_ok=True)
        self.index_path.unlink(missing_ok=True)


class Segment:
    """A closed segment. `keys` are needed only to read what an encrypted one says."""

    def __init__(self, path: Path, keys: Keys | None = None):
        self.path = path
        self.keys = keys
        self.fetch_id = path.name.rsplit(".", 1)[0]
        self.index_path = path.parent / f"{self.fetch_id}.index.jsonl"

    @property
    def index_sha256(self) -> str:
        return hashlib.sha256(self.index_path.read_bytes()).hexdigest()

    def entries(self) -> list[Entry]:
        """The index, in order; raises IntegrityError where it cannot be read."""
        try:
            with open(self.index_path, encoding="utf-8") as f:
                return [Entry.parse(line) for line in f]
        except (OSError, ValueError, TypeError) as e:
            raise IntegrityError(f"landing index {self.index_path.name} cannot be read: {type(e).__name__}") from e

    def stored(self, entry: Entry) -> bytes:
        """The stored bytes of one payload, proven against the index."""
        try:
            with open(self.path, "rb") as f:
                f.seek(entry.offset)
                data = f.read(entry.length)
        except OSError as e:
            raise IntegrityError(f"landing segment {self.path.name} cannot be read: {type(e).__name__}") from e
        if hashlib.sha256(data).hexdigest() != entry.stored_sha256:
            raise IntegrityError(f"landing segment {self.path.name}, payload {entry.payload}: bytes were changed")
        return data

    def body(self, entry: Entry) -> bytes:
        """The bytes as received, proven."""
        data = self.stored(entry)
        if entry.wrapped_key:
            if not self.keys:
                raise IntegrityError(f"landing segment {self.path.name} is encrypted and no key was given")
            try:
                key = aes_key_unwrap(self.keys.landing, bytes.fromhex(entry.wrapped_key))
                data = AESGCM(key).decrypt(NONCE, data, entry.url.encode())
            except (InvalidTag, InvalidUnwrap, ValueError) as e:
                raise IntegrityError(
                    f"landing segment {self.path.name}, payload {entry.payload}: key does not fit"
                ) from e
        try:
            body = zstandard.ZstdDecompressor().decompress(data)
        except zstandard.ZstdError as e:
            raise IntegrityError(f"landing segment {self.path.name}, payload {entry.payload}: {e}") from e
        if entry.sha256 and hashlib.sha256(body).hexdigest() != entry.sha256:
            raise IntegrityError(f"landing segment {self.path.name}, payload {entry.payload}: bytes were changed")
        return body

    def bodies(self) -> Iterator[tuple[Entry, bytes]]:
        """Every payload in order, as received, proven."""
        for entry in self.entries():
            yield entry, self.body(entry)


def fsync_folder(path: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
