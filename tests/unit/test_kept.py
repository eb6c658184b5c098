"""Answers that are kept: asked once, whole, and forgotten when what was searched or the code changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from warehouse.resolve import kept

SCHEMA = pa.schema([("name", pa.string()), ("number", pa.string()), ("score", pa.float64())])


class Finder:
    """Knows a and b; b has two answers."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, names: list[str]) -> Iterator[tuple]:
        self.asked.append(names)
        for name in names:
            if name in "ab":
                yield name, f"{name}1", 1.0
            if name == "b":
                yield name, "b2", 0.5


def ask(path: Path, finder: Finder, names: str, registers: str = "r1") -> list[tuple]:
    table = kept.answers(path, registers, list(names), SCHEMA, finder)
    return [tuple(row.values()) for row in table.to_pylist()]


A, B = [("a", "a1", 1.0)], [("b", "b1", 1.0), ("b", "b2", 0.5)]


def test_a_name_is_asked_once_whether_it_means_something_or_not(tmp_path: Path) -> None:
    finder, path = Finder(), tmp_path / "cache" / "names.parquet"
    assert ask(path, finder, "ax") == A
    assert ask(path, finder, "ax") == A
    assert ask(path, finder, "bxa") == [*B, *A], "in the order of the question"
    assert ask(path, finder, "") == []
    assert finder.asked == [["a", "x"], ["b"]]


def test_other_registers_are_searched_anew(tmp_path: Path) -> None:
    finder, path = Finder(), tmp_path / "names.parquet"
    assert ask(path, finder, "a") == ask(path, finder, "a", registers="r2") == A
    assert finder.asked == [["a"], ["a"]]


def test_other_code_asks_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finder, path = Finder(), tmp_path / "names.parquet"
    ask(path, finder, "a")
    monkeypatch.setattr(kept, "_code", lambda: "other")
    assert ask(path, finder, "a") == A
    assert finder.asked == [["a"], ["a"]]


@pytest.mark.parametrize("damage", [b"", b"PAR1 and then nothing"])
def test_a_damaged_file_counts_as_none(tmp_path: Path, damage: bytes) -> None:
    finder, path = Finder(), tmp_path / "names.parquet"
    path.write_bytes(damage)
    assert ask(path, finder, "ab") == [*A, *B]
    assert ask(path, finder, "ba") == [*B, *A]
    assert finder.asked == [["a", "b"]]
