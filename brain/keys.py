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

    Raises BrainError where state exists and a key or the ledger is missing: a new key would silently break every proof
    and pseudonym, and beside a new ledger all that was landed would look like leftovers.
    """
    lost = not settings.ledger_path.exists() and _holds_state(settings)
    if lost and not settings.ledger_path.exists():  # asked twice: another first run may have begun in between
        raise BrainError(
            f"{settings.home} holds landing, raw or releases, but the ledger {settings.ledger_path} is missing",
            "put ledger and keys back from your backup; to begin anew, set another BRAIN_HOME",
        )
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
        if missing and (settings.ledger_path.exists() or _holds_state(settings)):
            raise BrainError(
                f"{settings.home} holds state, but {', '.join(missing)} is missing in {settings.secrets}",
                "put the key back from your backup; a new one would not fit",
            )
        for name in missing:
            write_secret(settings.secrets / name, secrets.token_bytes(32).hex())


def replace_ledger_key(settings: Settings, following: Path, public: str) -> None:
    """Put the key that lies in `following` in the place of `ledger.key`, last; `public`: its public key in hex."""
    fresh = settings.secrets / ".ledger.pub"
    fresh.write_text(public + "\n")
    fresh.replace(settings.secrets / "ledger.pub")
    following.replace(settings.secrets / "ledger.key")


def _holds_state(settings: Settings) -> bool:
    """Whether there is anything that only a ledger and its keys can account for."""
    return any(p.is_file() for f in (settings.landing, settings.raw, settings.releases) for p in f.rglob("*"))


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
