"""What a field cannot say: thresholds of whole batches (arrival.yml), rules of whole marts (release.yml)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@cache
def load(name: str) -> dict[str, Any]:
    """A rule file by its stem."""
    return yaml.safe_load((HERE / f"{name}.yml").read_text(encoding="utf-8"))
