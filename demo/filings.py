"""Scientific reports as they were filed: those that projects owe (projects.py says which and by when) and others.

A slot of the report register is an obligation's number: project × 2 for the final report, + 1 for the progress report.
Where a project owes no progress report the odd slot may hold a report nobody asked for. Histories are whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from demo import project_words
from demo.city import City, years_after
from demo.projects import Obligation, Project, Projects

# Deferred publication (延期公开) ends at the latest five years after filing.
MOST_MONTHS = 60
UNASKED = "专题报告"
FATES = (  # share of the obligations in percent: what becomes of them
    ("early", 58),
    ("on_the_day", 12),
    ("late", 14),
    ("never", 9),
    ("withdrawn", 3),
    ("too_long", 4),
)


@dataclass(frozen=True)
class Filing:
    """One filed report, whole history. `embargo_months`: 0 for an open one; `opens`: when everybody may read it."""

    slot: int
    report_no: str
    kind: str
    title: str
    abstract: str
    keywords: tuple[str, ...]
    project: Project
    obligation: Obligation | None
    filed: date
    corrected: date | None
    withdrawn: date | None
    openness: str
    embargo_months: int
    opens: date

    def shown_on(self, day: date) -> bool:
        """Filed by then; a withdrawn one stays to be seen as deleted."""
        return self.filed <= day

    def counts_on(self, day: date) -> bool:
        return self.filed <= day and not (self.withdrawn and self.withdrawn <= day)

    def changed_on(self, day: date) -> date:
        """Last change by a day on which it is shown."""
        return max(d for d in (self.filed, self.corrected, self.withdrawn) if d and d <= day)


class Filings:
    """Slice of the city: who filed which report when."""

    def __init__(self, city: City):
        self.city = city
        self.projects = city.slice(Projects)
        self.filing = lru_cache(maxsize=50_000)(self._filing)

    @property
    def slots(self) -> int:
        """Two for every project approved by today."""
        return self.projects.count * 2

    def owed(self, slot: int) -> Obligation | None:
        """The obligation of a slot."""
        return next((o for o in self.projects.obligations(slot // 2) if o.number == slot), None)

    def spare(self, slot: int) -> bool:
        """Whether a slot answers no obligation, so that what it shows is nobody's evidence."""
        return slot % 2 == 1 and self.owed(slot) is None

    def moment(self, slot: int, day: date) -> datetime:
        """When on a day the register stamped a change of the slot."""
        rng = self.city.rng(f"report stamp {day}", slot)
        return datetime.combine(day, time()) + timedelta(seconds=rng.randrange(86_400))

    def _filing(self, slot: int) -> Filing | None:
        rng = self.city.rng("filing", slot)
        project = self.projects.project(slot // 2)
        obligation = self.owed(slot)
        fate = rng.choices([name for name, _ in FATES], [share for _, share in FATES])[0]
        early, late, turned = rng.randint(1, 50), rng.randint(1, 240), rng.randint(20, 900)
        if obligation is None:
            if slot % 2 == 0 or rng.random() < 0.45:
                return None
            fate, due = "early", project.approved + timedelta(days=rng.randint(120, 420))
        else:
            due = obligation.due
        if fate == "never":
            return None
        filed = due + timedelta(days=late if fate == "late" else 0 if fate == "on_the_day" else -early)
        filed = max(filed, project.approved + timedelta(days=30))
        openness, months = self._openness(slot, obligation, fate, filed)
        words = tuple(dict.fromkeys((project.discipline, project.industry, rng.choice(project_words.NOUNS))))
        return Filing(
            slot=slot,
            report_no=f"610100--{project.project_no}/{slot % 2 + 1:02d}",
            kind=obligation.kind if obligation else UNASKED,
            title=f"{project.title}{obligation.kind if obligation else UNASKED}",
            abstract=project.abstract,
            keywords=words,
            project=project,
            obligation=obligation,
            filed=filed,
            corrected=filed + timedelta(days=turned) if rng.random() < 0.1 else None,
            withdrawn=filed + timedelta(days=turned) if fate == "withdrawn" else None,
            openness=openness,
            embargo_months=months,
            opens=_months_after(filed, months),
        )

    def _openness(self, slot: int, obligation: Obligation | None, fate: str, filed: date) -> tuple[str, int]:
        if fate == "too_long":
            return "延期公开", self.city.rng("embargo", slot).choice((61, 66, 72, 84))
        if obligation is None:
            return "公开", 0
        return obligation.openness, obligation.embargo_months

    # -- truth ----------------------------------------------------------------------------------------------------

    def truth(self) -> dict[str, Any]:
        """`overdue_reports` (rule 9; GB/T 7713.3 for the deferral): due before today and not filed, filed after the
        due day, filed and withdrawn, or publication deferred by more than five years."""
        today = self.city.today
        found: list[dict[str, Any]] = []
        near: list[dict[str, Any]] = []
        for project in range(self.projects.count):
            for obligation in self.projects.obligations(project):
                filing = self.filing(obligation.number)
                here = {
                    "obligation": obligation.obligation_no,
                    "project": self.projects.project(project).project_no,
                    "due": obligation.due.isoformat(),
                }
                done = filing if filing and filing.counts_on(today) else None
                if done:
                    here |= {"report": done.report_no, "filed": done.filed.isoformat()}
                if done and done.filed > obligation.due:
                    found.append({**here, "reason": "filed_late", "days": (done.filed - obligation.due).days})
                elif done and done.filed == obligation.due:
                    near.append({**here, "reason": "filed_on_due_day"})
                elif not done and obligation.due < today:
                    gone = filing is not None and filing.filed <= today
                    reason = "withdrawn" if gone else "not_filed"
                    found.append({**here, "reason": reason, "days": (today - obligation.due).days})
                elif not done and obligation.due == today:
                    near.append({**here, "reason": "due_today"})
                if done and done.opens > years_after(done.filed, 5):
                    found.append({**here, "reason": "deferred_too_long", "months": done.embargo_months})
                elif done and done.embargo_months == MOST_MONTHS:
                    near.append({**here, "reason": "deferred_five_years"})
        return {"overdue_reports": found, "near_misses": {"overdue_reports": near}}


def _months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last day."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month, min(day.day, last))


SLICE = Filings
