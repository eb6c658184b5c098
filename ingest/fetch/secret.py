"""Secrets by name: from the environment, else from a file of BRAIN_SECRETS. No message quotes one."""

from __future__ import annotations

import os

from brain.errors import FetchError
from brain.settings import Settings


def read_secret(name: str, settings: Settings, where: str) -> str:
    """The value of a named secret without the white space around it; raises FetchError naming it.

    `where`: source and server, for the message.
    """
    variable, path = f"BRAIN_SECRET_{name}", settings.secrets / name
    value = os.environ.get(variable, "").strip()
    if not value:
        try:
            value = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            value = ""
        except (OSError, UnicodeDecodeError) as e:
            raise FetchError(
                f"{where}: the secret {name} is unreadable ({type(e).__name__})", f"look at {path}"
            ) from None
    if not value:
        raise FetchError(f"{where}: the secret {name} is missing", f"set {variable}, or put it into {path}")
    return value
