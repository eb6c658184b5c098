"""What every part of the contract's reader complains with: each complaint names the file and the place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from brain.errors import ContractError


class Checker:
    """Looks at parts of one document; nothing it returns is checked again."""

    def __init__(self, path: Path):
        self.path = path

    def fail(self, where: str, what: str, hint: str | None = None) -> ContractError:
        return ContractError(f"{self.path.name}: {where}: {what}", hint)

    def props(self, element: dict[str, Any], allowed: set[str], where: str) -> dict[str, Any]:
        """Custom properties as a dict; an unknown or repeated name is an error."""
        found: dict[str, Any] = {}
        for p in element.get("customProperties") or ():
            name = p["property"]
            if name not in allowed:
                raise self.fail(
                    where, f"unknown custom property {name!r}", f"allowed: {', '.join(sorted(allowed)) or '-'}"
                )
            if name in found:
                raise self.fail(where, f"custom property {name!r} stands twice")
            found[name] = p["value"]
        return found

    def choice(self, value: Any, allowed: Iterable[str], where: str) -> Any:
        if value not in tuple(allowed):
            raise self.fail(where, f"{value!r} is unknown", f"use one of: {', '.join(allowed)}")
        return value

    def secret(self, name: Any, where: str) -> str:
        """The name of a secret, of whatever uses it."""
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", str(name)):
            raise self.fail(where, "is no secret's name", "A-Z, 0-9 and _; the value never stands here")
        return str(name)

    def shape(self, value: Any, allowed: dict[str, Any], where: str) -> dict[str, Any]:
        """A mapping with no other keys than `allowed` (name → default)."""
        if not isinstance(value, dict) or set(value) - set(allowed):
            raise self.fail(where, f"{value!r} is not of the form", f"keys: {', '.join(allowed)}")
        return {**allowed, **value}
