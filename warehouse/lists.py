"""Lists that a command is given: what `brain match` and `brain veto` are asked about."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from brain.errors import BrainError


def texts(path: Path, column: str | None = None) -> list[str]:
    """The lines of a text file that are not blank, or the values of `column` of a CSV file; UTF-8.

    Raises BrainError for a file that cannot be read; its words never quote what stands in the file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BrainError(f"{path.name} is not UTF-8", "save it as UTF-8") from None
    except OSError as e:
        raise BrainError(f"{path} cannot be read: {e.strerror}") from None
    if column is None:
        return [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if column not in (reader.fieldnames or ()):
            raise BrainError(f"{path.name} has no column {column!r}", f"it has: {', '.join(reader.fieldnames or ())}")
        return [row[column] or "" for row in reader]
    except csv.Error as e:
        # the reader's own words tell of a size or a character, never of a value
        raise BrainError(f"{path.name} is not a CSV file: line {reader.line_num}: {e}", "check its quotes") from None
