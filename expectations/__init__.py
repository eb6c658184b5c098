"""The guard: whole batches before they are committed (arrival), whole marts before they are released (release).

Rules of single fields and records stand in the contracts and quarantine records; dbt tests judge our own SQL. Here
stand only rules that need a whole batch or a whole mart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One judgement. `gate`: arrival or release. `severity`: hold (the gate closes on failure) or warn.

    `batch`: ledger sequence number of the batch, None at the release gate. `observed` and `expected` are short texts
    for people: figures, names of fields and codes, never values of personal fields.
    """

    gate: str
    suite: str
    source: str | None
    record: str | None
    batch: int | None
    name: str
    column: str | None
    success: bool
    severity: str
    observed: str
    expected: str

    @property
    def holds(self) -> bool:
        """Whether this check closes its gate."""
        return not self.success and self.severity == "hold"


def journal_rows(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """Checks as rows of the journal `checks`."""
    return [
        {
            "gate": c.gate,
            "suite": c.suite,
            "source": c.source,
            "record": c.record,
            "batch": c.batch,
            "check_name": c.name,
            "column_name": c.column,
            "success": c.success,
            "observed": c.observed,
            "expected": c.expected,
            "severity": c.severity,
        }
        for c in checks
    ]
