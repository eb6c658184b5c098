"""Signed notes (https://c2sp.org/signed-note): a text, a blank line, and a line for each Ed25519 signature.

Only the one form that we write is read: base64 and line ends leave room for others, and nothing else may be in a note
that is compared byte by byte.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from brain.errors import IntegrityError

ED25519 = b"\x01"


def key_id(name: str, public: Ed25519PublicKey) -> bytes:
    """SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), first four bytes."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public.public_bytes_raw()).digest()[:4]


def verifier_key(name: str, public: Ed25519PublicKey) -> str:
    """The key as other tools for signed notes take it: `<name>+<key id>+<base64>`."""
    told = base64.b64encode(ED25519 + public.public_bytes_raw()).decode()
    return f"{name}+{key_id(name, public).hex()}+{told}"


def sign(text: str, name: str, *keys: Ed25519PrivateKey) -> str:
    """The note over a text that ends with a line feed, signed by each of the keys in order."""
    lines = [_line(name, key_id(name, k.public_key()) + k.sign(text.encode())) for k in keys]
    return f"{text}\n{''.join(lines)}"


def _line(name: str, blob: bytes) -> str:
    return f"— {name} {base64.b64encode(blob).decode()}\n"


def open_note(note: str, name: str, publics: Sequence[Ed25519PublicKey]) -> str:
    """The text of a note that each of the keys signed, in this order, and nobody else; raises IntegrityError."""
    try:
        text, _, lines = note.partition("\n\n")
        text += "\n"
        blobs = [base64.b64decode(line.split(" ")[2], validate=True) for line in lines.splitlines()]
        if note != f"{text}\n{''.join(_line(name, blob) for blob in blobs)}":
            raise ValueError("not in the one form that we write")
        if [blob[:4] for blob in blobs] != [key_id(name, public) for public in publics]:
            raise ValueError("signed by another key")
        for public, blob in zip(publics, blobs, strict=True):
            public.verify(blob[4:], text.encode())
    except (ValueError, TypeError, AttributeError, IndexError, InvalidSignature) as e:
        raise IntegrityError(f"note is not ours: {e or 'bad signature'}") from e
    return text
