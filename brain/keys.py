"""Keys under BRAIN_SECRETS: made once, for a house without state; never made again for one that has state.

| file | what |
|---|---|
| `landing.key` | AES-256 master key that wraps the data key of every encrypted payload |
| `pseudonym.key` | HMAC key of the pseudonyms, with a version number |
| `ledger.key` | Ed25519 key that signs the heads of the ledger (`ledger.pub` beside it) |
"""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from brain.errors import BrainError
from brain.settings import Settings

NAMES = ("landing.key", "pseudonym.key", "ledger.key")


@dataclass(frozen=True)
class Keys:
    """The three keys. `pseudonym_version` stands before every pseudonym so that keys can change."""

    landing: bytes
    pseudonym: bytes
    ledger_seed: bytes
    pseudonym_version: str = "v1"

    @cached_property
    def signing_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.ledger_seed)

    @cached_property
    def public_key(self) -> Ed25519PublicKey:
        return self.signing_key.public_key()


def load_keys(settings: Settings) -> Keys:
    """Read the keys; make them where there is no state yet.

    Raises BrainError where state exists and a key is missing: a new key would silently break every proof and pseudonym.
    """
    if any(not (settings.secrets / n).exists() for n in NAMES):
        _make_keys(settings)
    values = []
    for name in NAMES:
        try:
            value = bytes.fromhex((settings.secrets / name).read_text().strip())
        except ValueError:
            value = b""
        if len(value) != 32:
            raise BrainError(f"{settings.secrets / name} holds no 32-byte key in hex", "put it back from your backup")
        values.append(value)
    keys = Keys(*values)
    public = settings.secrets / "ledger.pub"
    if not public.exists():
        public.write_text(keys.public_key.public_bytes_raw().hex() + "\n")
    return keys


def _make_keys(settings: Settings) -> None:
    """Make what is missing, once, also where several processes start side by side."""
    settings.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.secrets / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [n for n in NAMES if not (settings.secrets / n).exists()]
        if missing and settings.ledger_path.exists():
            raise BrainError(
                f"{settings.home} holds state, but {', '.join(missing)} is missing in {settings.secrets}",
                "put the key back from your backup; a new one would not fit",
            )
        for name in missing:
            write_secret(settings.secrets / name, secrets.token_bytes(32).hex())


def write_secret(path: Path, text: str) -> None:
    """Write a secret that only its owner can read, whole or not at all; an existing file is never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as f:
            f.write(text + "\n")
            f.flush()
            os.fsync(f.fileno())
        os.link(unfinished, path)
    finally:
        unfinished.unlink()


def secret_value(settings: Settings, name: str) -> str:
    """The value of a named secret: variable `BRAIN_SECRET_<NAME>`, else the file `<BRAIN_SECRETS>/<NAME>`."""
    value = os.environ.get(f"BRAIN_SECRET_{name}")
    path = settings.secrets / name
    if not value and path.is_file():
        value = path.read_text().strip()
    if not value:
        raise BrainError(f"secret {name} is not set", f"set BRAIN_SECRET_{name} or write it to {path}")
    return value
