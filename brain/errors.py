"""Errors a person can act on. Everything else is a defect and keeps its traceback."""

from __future__ import annotations

from typing import Any


class BrainError(Exception):
    """Something the user can mend.

    `message` says what is wrong without any personal value; `hint` says what to do next.
    """

    exit_code = 1
    batches: tuple[Any, ...] = ()  # what the same run committed all the same

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ContractError(BrainError):
    """A source file breaks the Open Data Contract Standard or our closed list of properties."""


class FetchError(BrainError):
    """A source could not be read completely; nothing of this fetch was committed."""


class PayloadError(BrainError):
    """A payload arrived, but it is not what its contract promises (encoding, format, compression)."""


class IntegrityError(BrainError):
    """Stored bytes differ from what the ledger says about them."""


class HeldError(BrainError):
    """A gate holds a batch or a release; the last good state keeps serving."""

    exit_code = 3


class LockedError(BrainError):
    """Another run holds the lock."""

    exit_code = 75
