"""Places in a JSON document, as contracts write them: a pointer `/a/b` (RFC 6901), or one plain name."""

from __future__ import annotations


def tokens(pointer: str) -> tuple[str, ...]:
    """The members that a pointer leads through: none for the whole document (empty), one for a plain name."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        return (pointer,)
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))
